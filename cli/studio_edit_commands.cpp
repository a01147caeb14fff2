// proofline studio edit: edits of photos.
#include <optional>

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
// Puts what the flags say into a request that has the photo's name and its current values.
using Change = std::function<void(v1::UpdateLocalPhotoRequest&)>;

struct EditFlags {
  std::vector<std::string> photos;
  std::optional<std::string> rotate, straighten, crop;
  bool reset = false;
};

// Changes one photo after the other; each is durable by itself, an error ends it.
absl::Status ChangePhotos(Program& program, const StudioTarget& target,
                          const std::vector<std::string>& texts, const Change& change) {
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  const auto photos = StudioNames(*client).Photos(texts);
  if (!photos.ok()) return photos.status();
  if (photos->empty()) return absl::NotFoundError("the named galleries hold no photos");
  Progress progress(program.output);
  std::int64_t changed = 0;
  for (const v1::LocalPhoto& local : *photos) {
    v1::UpdateLocalPhotoRequest request;
    request.mutable_photo()->set_name(local.photo().name());
    request.mutable_photo()->set_etag(local.photo().etag());
    *request.mutable_photo()->mutable_metadata() = local.photo().metadata();
    *request.mutable_photo()->mutable_edit() = local.photo().edit();
    change(request);
    const auto response = client->Call(&Stub::UpdateLocalPhoto, request);
    if (!response.ok()) {
      progress.Clear();
      if (changed > 0) {
        program.output.Note(Concat(changed, " photos before it were changed"));
      }
      return response.status();
    }
    progress.Show("changed", ++changed, static_cast<std::int64_t>(photos->size()));
    if (program.output.json()) program.output.Json(*response);
  }
  progress.Clear();
  if (!program.output.json() && !program.output.quiet()) {
    program.output.Line(Concat("changed ", changed == 1
                                               ? ShortName(photos->front().photo().name(), 1)
                                               : Concat(changed, " photos")));
  }
  return absl::OkStatus();
}

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
  return ChangePhotos(program, target, flags.photos, [&](v1::UpdateLocalPhotoRequest& request) {
    v1::Edit& edit = *request.mutable_photo()->mutable_edit();
    if (flags.reset) edit.Clear();
    if (rotation) edit.set_rotation_degrees(*rotation);
    if (straighten) edit.set_straighten_degrees(*straighten);
    if (crop) *edit.mutable_crop() = *crop;
    request.mutable_update_mask()->add_paths("edit");
  });
}

constexpr char kPhotosHelp[] =
    "GALLERY/PHOTO, identifier, name or path of the original; a full gallery name is all its "
    "photos";

}  // namespace

void AddStudioEditVerbs(CLI::App& group, Program& program, const Target& target) {
  auto edit_flags = std::make_shared<EditFlags>();
  CLI::App* edit =
      AddVerb(group, program, "edit",
              "Edit photos without touching their originals; what no flag names stays as it is",
              "proofline studio edit summer/01hx5z --rotate 90 --crop 0.1,0,0.8,1",
              [&program, target, edit_flags] { return Edit(program, *target, *edit_flags); });
  edit->add_option("photos", edit_flags->photos, kPhotosHelp)->required();
  edit->add_option("--rotate", edit_flags->rotate,
                   "Clockwise rotation of the upright picture: 0, 90, 180 or 270");
  edit->add_option("--straighten", edit_flags->straighten, "Clockwise degrees, -45 to 45");
  edit->add_option("--crop", edit_flags->crop,
                   "left,top,width,height of what is kept, as fractions; 0,0,1,1 is everything");
  edit->add_flag("--reset", edit_flags->reset, "Drop the edit there was first");
}

}  // namespace proofline::cli
