// proofline studio rotate, straighten, crop and reset: edits of photos, one verb each.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "cli/arguments.h"
#include "cli/exit_code.h"
#include "cli/studio_verbs.h"
#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using base::Concat;
using Target = std::shared_ptr<StudioTarget>;

struct Gravity {
  std::string_view name;
  // Of the room that a crop leaves, how much is on the left and above.
  double left;
  double top;
};
constexpr std::array kGravities = {
    Gravity{"centre", 0.5, 0.5}, Gravity{"north", 0.5, 0},    Gravity{"south", 0.5, 1},
    Gravity{"west", 0, 0.5},     Gravity{"east", 1, 0.5},     Gravity{"north-west", 0, 0},
    Gravity{"north-east", 1, 0}, Gravity{"south-west", 0, 1}, Gravity{"south-east", 1, 1}};

absl::StatusOr<Gravity> ParseGravity(const std::string& text) {
  std::string words;
  for (const Gravity& gravity : kGravities) {
    if (gravity.name == text) return gravity;
    words += Concat(words.empty() ? "" : ", ", gravity.name);
  }
  return UsageError(Concat("there is no gravity \"", text, "\"; choose one of ", words));
}

// "4:5" as width by height.
absl::StatusOr<double> ParseAspect(const std::string& text) {
  const std::size_t colon = text.find_first_of(":x/");
  if (colon != std::string::npos) {
    const auto width = ParseNumber(text.substr(0, colon), 0.01, 10'000, "an aspect's width");
    const auto height = ParseNumber(text.substr(colon + 1), 0.01, 10'000, "an aspect's height");
    if (width.ok() && height.ok()) return *width / *height;
  }
  return UsageError(Concat("\"", text, "\" is no aspect; write width:height, such as 4:5"));
}

// Clockwise degrees to turn by.
absl::StatusOr<int> ParseTurn(const std::string& text) {
  if (text == "right") return 90;
  if (text == "left") return 270;
  return ParseRotation(text);
}

// The largest part with this aspect of a picture of `picture` width by height.
v1::Crop CropByAspect(double picture, double aspect, const Gravity& gravity) {
  v1::Crop crop;
  crop.set_width(std::min(1.0, aspect / picture));
  crop.set_height(std::min(1.0, picture / aspect));
  crop.set_left(gravity.left * (1 - crop.width()));
  crop.set_top(gravity.top * (1 - crop.height()));
  return crop;
}

struct RotateFlags {
  std::vector<std::string> photos;
  std::string by = "right";
};

absl::Status Rotate(Program& program, const StudioTarget& target, const RotateFlags& flags) {
  const absl::StatusOr<int> turn = ParseTurn(flags.by);
  if (!turn.ok()) return turn.status();
  return ChangePhotos(program, target, flags.photos,
                      [&](const v1::Photo&, v1::UpdateLocalPhotoRequest& request) {
                        v1::Edit& edit = *request.mutable_photo()->mutable_edit();
                        TurnTo((edit.rotation_degrees() + *turn) % 360, edit);
                        return true;
                      });
}

struct StraightenFlags {
  std::vector<std::string> photos;
  std::string by;
};

absl::Status Straighten(Program& program, const StudioTarget& target,
                        const StraightenFlags& flags) {
  const auto degrees = ParseNumber(flags.by, -45, 45, "degrees to straighten by");
  if (!degrees.ok()) return degrees.status();
  return ChangePhotos(program, target, flags.photos,
                      [&](const v1::Photo&, v1::UpdateLocalPhotoRequest& request) {
                        request.mutable_photo()->mutable_edit()->set_straighten_degrees(*degrees);
                        return true;
                      });
}

struct CropFlags {
  std::vector<std::string> photos;
  std::optional<std::string> box, aspect;
  std::string gravity = "centre";
  bool as_given = false;
};

absl::Status Crop(Program& program, const StudioTarget& target, const CropFlags& flags) {
  if (flags.box.has_value() == flags.aspect.has_value()) {
    return UsageError("give either --box or --aspect; reset drops a crop");
  }
  const absl::StatusOr<Gravity> gravity = ParseGravity(flags.gravity);
  if (!gravity.ok()) return gravity.status();
  absl::StatusOr<v1::Crop> box = v1::Crop();
  absl::StatusOr<double> aspect = 1.0;
  if (flags.box) box = ParseCrop(*flags.box);
  if (flags.aspect) aspect = ParseAspect(*flags.aspect);
  if (!box.ok()) return box.status();
  if (!aspect.ok()) return aspect.status();
  std::set<std::string> unknown;
  const absl::Status status =
      ChangePhotos(program, target, flags.photos,
                   [&](const v1::Photo& now, v1::UpdateLocalPhotoRequest& request) {
                     v1::Edit& edit = *request.mutable_photo()->mutable_edit();
                     if (flags.box) {
                       *edit.mutable_crop() = *box;
                       return true;
                     }
                     // Straightening keeps the picture's shape; only quarter turns change it.
                     const bool turned = edit.rotation_degrees() % 180 != 0;
                     const double width = turned ? now.height_px() : now.width_px();
                     const double height = turned ? now.width_px() : now.height_px();
                     if (width <= 0 || height <= 0) {
                       unknown.insert(now.name());
                       return false;
                     }
                     const bool other_way = (width > height) != (*aspect > 1) && width != height;
                     const double wanted = other_way && !flags.as_given ? 1 / *aspect : *aspect;
                     *edit.mutable_crop() = CropByAspect(width / height, wanted, *gravity);
                     return true;
                   });
  if (!status.ok() || unknown.empty()) return status;
  return absl::FailedPreconditionError(
      Concat(CountText(static_cast<std::int64_t>(unknown.size()), "photo has", "photos have"),
             " not been looked into yet and stay as they are, ", ShortName(*unknown.begin(), 1),
             " for one; say it again when they are rendered"));
}

absl::Status Reset(Program& program, const StudioTarget& target,
                   const std::vector<std::string>& photos) {
  return ChangePhotos(program, target, photos,
                      [](const v1::Photo&, v1::UpdateLocalPhotoRequest& request) {
                        request.mutable_photo()->clear_edit();
                        return true;
                      });
}

}  // namespace

void AddStudioPictureVerbs(CLI::App& group, Program& program, const Target& target) {
  auto rotate_flags = std::make_shared<RotateFlags>();
  CLI::App* rotate =
      AddVerb(group, program, "rotate", "Turn photos further; their originals stay as they are",
              "proofline studio rotate summer/01hx5z --by left",
              [&program, target, rotate_flags] { return Rotate(program, *target, *rotate_flags); });
  rotate->add_option("photos", rotate_flags->photos, kPhotosHelp)->required();
  rotate->add_option("--by", rotate_flags->by, "right, left, or clockwise degrees: 90, 180, 270")
      ->capture_default_str();

  auto straighten_flags = std::make_shared<StraightenFlags>();
  CLI::App* straighten = AddVerb(
      group, program, "straighten", "Turn photos a little so that the horizon is level",
      "proofline studio straighten summer/01hx5z --by -1.5", [&program, target, straighten_flags] {
        return Straighten(program, *target, *straighten_flags);
      });
  straighten->add_option("photos", straighten_flags->photos, kPhotosHelp)->required();
  straighten
      ->add_option("--by", straighten_flags->by,
                   "Clockwise degrees from the unstraightened picture, -45 to 45; 0 drops it")
      ->required();

  auto crop_flags = std::make_shared<CropFlags>();
  CLI::App* crop =
      AddVerb(group, program, "crop", "Keep a part of photos",
              "proofline studio crop summer/01hx5z --aspect 4:5 --gravity north",
              [&program, target, crop_flags] { return Crop(program, *target, *crop_flags); });
  crop->add_option("photos", crop_flags->photos, kPhotosHelp)->required();
  crop->add_option("--box", crop_flags->box, "left,top,width,height as fractions of the picture");
  crop->add_option("--aspect", crop_flags->aspect,
                   "width:height of the largest part to keep; turned where the picture lies or "
                   "stands the other way");
  crop->add_option("--gravity", crop_flags->gravity,
                   "Where that part is: centre, north, north-east, …")
      ->capture_default_str();
  crop->add_flag("--as-given", crop_flags->as_given, "Do not turn the aspect");

  auto photos = std::make_shared<std::vector<std::string>>();
  CLI::App* reset = AddVerb(
      group, program, "reset", "Drop the edit of photos", "proofline studio reset summer/01hx5z",
      [&program, target, photos] { return Reset(program, *target, *photos); });
  reset->add_option("photos", *photos, kPhotosHelp)->required();
}

}  // namespace proofline::cli
