#include "lib/imaging/edit.h"

#include <cmath>
#include <string>

#include "absl/strings/str_format.h"

namespace proofline::imaging {
namespace {

// A crop that came through text or single precision may miss an edge by this much.
constexpr double kTolerance = 1e-6;

}  // namespace

absl::Status Validate(const Crop& crop) {
  const bool numbers = std::isfinite(crop.left) && std::isfinite(crop.top) &&
                       std::isfinite(crop.width) && std::isfinite(crop.height);
  if (!numbers) return absl::InvalidArgumentError("a crop's values must be numbers from 0 to 1");
  if (crop.width <= 0 || crop.height <= 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "a crop must have a width and a height above 0, not %g by %g", crop.width, crop.height));
  }
  const bool inside = crop.left >= -kTolerance && crop.top >= -kTolerance &&
                      crop.left + crop.width <= 1 + kTolerance &&
                      crop.top + crop.height <= 1 + kTolerance;
  if (!inside) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "a crop must lie inside the picture (fractions from 0 to 1), not at %g, %g with a size of "
        "%g by %g",
        crop.left, crop.top, crop.width, crop.height));
  }
  return absl::OkStatus();
}

absl::Status Validate(const Edit& edit) {
  const int rotation = edit.rotation_degrees;
  if (rotation != 0 && rotation != 90 && rotation != 180 && rotation != 270) {
    return absl::InvalidArgumentError(
        absl::StrFormat("a rotation must be 0, 90, 180 or 270 degrees, not %d", rotation));
  }
  // Written so that a value that is not a number fails too.
  if (!(edit.straighten_degrees >= -45 && edit.straighten_degrees <= 45)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "straightening must be from -45 to 45 degrees, not %g", edit.straighten_degrees));
  }
  return edit.crop ? Validate(*edit.crop) : absl::OkStatus();
}

}  // namespace proofline::imaging
