// proofline studio edit: edits of photos.
#include <algorithm>
#include <optional>
#include <utility>

#include "cli/arguments.h"
#include "cli/exit_code.h"
#include "cli/progress.h"
#include "cli/studio_verbs.h"
#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::StudioControlService::Stub;
using base::Concat;
using Target = std::shared_ptr<StudioTarget>;

struct EditFlags {
  std::vector<std::string> photos;
  std::optional<std::string> rotate, straighten, crop;
  bool reset = false;
};

absl::Status Edit(Program& program, const StudioTarget& target, const EditFlags& flags) {
  std::optional<int> rotation;
  std::optional<double> straighten;
  std::optional<v1::Crop> crop;
  if (flags.rotate) {
    const auto value = ParseRotation(*flags.rotate);
    if (!value.ok()) return value.status();
    rotation = *value;
  }
  if (flags.straighten) {
    const auto value = ParseNumber(*flags.straighten, -45, 45, "degrees to straighten by");
    if (!value.ok()) return value.status();
    straighten = *value;
  }
  if (flags.crop) {
    const auto value = ParseCrop(*flags.crop);
    if (!value.ok()) return value.status();
    crop = *value;
  }
  if (!rotation && !straighten && !crop && !flags.reset) {
    return UsageError("nothing to edit; give --rotate, --straighten, --crop or --reset");
  }
  return ChangePhotos(program, target, flags.photos,
                      [&](const v1::Photo&, v1::UpdateLocalPhotoRequest& request) {
                        v1::Edit& edit = *request.mutable_photo()->mutable_edit();
                        if (flags.reset) edit.Clear();
                        if (rotation) TurnTo(*rotation, edit);
                        if (straighten) edit.set_straighten_degrees(*straighten);
                        if (crop) *edit.mutable_crop() = *crop;
                        return true;
                      });
}

// How often a photo is read again because something else has changed it meanwhile.
constexpr int kTries = 10;

// Whether the photo was changed.
absl::StatusOr<bool> ChangeOne(Program& program, const StudioClient& client, v1::LocalPhoto local,
                               const PhotoChange& change) {
  for (int left = kTries;; --left) {
    v1::UpdateLocalPhotoRequest request;
    request.mutable_photo()->set_name(local.photo().name());
    request.mutable_photo()->set_etag(local.photo().etag());
    *request.mutable_photo()->mutable_metadata() = local.photo().metadata();
    *request.mutable_photo()->mutable_edit() = local.photo().edit();
    request.mutable_update_mask()->add_paths("edit");
    if (!change(local.photo(), request)) return false;
    const auto response = client.Call(&Stub::UpdateLocalPhoto, request);
    if (response.ok()) {
      if (program.output.json()) program.output.Json(*response);
      return true;
    }
    if (!absl::IsAborted(response.status()) || left == 0) return response.status();
    v1::GetLocalPhotoRequest again;
    again.set_name(local.photo().name());
    absl::StatusOr<v1::LocalPhoto> now = client.Call(&Stub::GetLocalPhoto, again);
    if (!now.ok()) return now.status();
    local = *std::move(now);
  }
}

}  // namespace

v1::Crop TurnedCrop(v1::Crop crop, int turn) {
  for (; turn > 0; turn -= 90) {
    v1::Crop turned;
    turned.set_left(std::max(0.0, 1 - crop.top() - crop.height()));
    turned.set_top(crop.left());
    turned.set_width(crop.height());
    turned.set_height(crop.width());
    crop = turned;
  }
  return crop;
}

void TurnTo(int degrees, v1::Edit& edit) {
  const int turn = (degrees - edit.rotation_degrees() % 360 + 720) % 360;
  if (edit.has_crop()) *edit.mutable_crop() = TurnedCrop(edit.crop(), turn);
  edit.set_rotation_degrees(degrees);
}

absl::Status ChangePhotos(Program& program, const StudioTarget& target,
                          const std::vector<std::string>& texts, const PhotoChange& change) {
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  const auto photos = StudioNames(*client).Photos(texts);
  if (!photos.ok()) return photos.status();
  if (photos->empty()) return absl::NotFoundError("the named galleries hold no photos");
  Progress progress(program.output);
  std::int64_t changed = 0;
  for (const v1::LocalPhoto& local : *photos) {
    const absl::StatusOr<bool> done = ChangeOne(program, *client, local, change);
    if (!done.ok()) {
      progress.Clear();
      if (changed > 0) {
        program.output.Note(Concat(CountText(changed, "photo", "photos"), " before it ",
                                   changed == 1 ? "was" : "were", " changed"));
      }
      return done.status();
    }
    changed += *done ? 1 : 0;
    progress.Show("changed", changed, static_cast<std::int64_t>(photos->size()));
  }
  progress.Clear();
  if (!program.output.json() && !program.output.quiet()) {
    program.output.Line(Concat("changed ", photos->size() == 1 && changed == 1
                                               ? ShortName(photos->front().photo().name(), 1)
                                               : CountText(changed, "photo", "photos")));
  }
  return absl::OkStatus();
}

void AddStudioEditVerbs(CLI::App& group, Program& program, const Target& target) {
  auto edit_flags = std::make_shared<EditFlags>();
  CLI::App* edit =
      AddVerb(group, program, "edit",
              "Edit photos without touching their originals; what no flag names stays as it is",
              "proofline studio edit summer/01hx5z --rotate 90 --crop 0.1,0,0.8,1",
              [&program, target, edit_flags] { return Edit(program, *target, *edit_flags); });
  edit->add_option("photos", edit_flags->photos, kPhotosHelp)->required();
  edit->add_option(
      "--rotate", edit_flags->rotate,
      "Clockwise rotation of the upright picture: 0, 90, 180 or 270; a crop turns with it");
  edit->add_option("--straighten", edit_flags->straighten, "Clockwise degrees, -45 to 45");
  edit->add_option("--crop", edit_flags->crop,
                   "left,top,width,height of what is kept, as fractions; 0,0,1,1 is everything");
  edit->add_flag("--reset", edit_flags->reset, "Drop the edit there was first");
}

}  // namespace proofline::cli
