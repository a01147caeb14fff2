#include "lib/imaging/print_spec.h"

#include <algorithm>

#include "lib/base/text.h"

namespace proofline::imaging {
namespace {

constexpr int kMinSide = 16;
constexpr int kMaxSide = 60000;
constexpr std::int64_t kMaxPixels = 400'000'000;

}  // namespace

absl::Status Validate(const PrintSpec& spec) {
  for (int side : {spec.width_px, spec.height_px}) {
    if (side < kMinSide || side > kMaxSide) {
      return absl::InvalidArgumentError(base::Concat("a page must be ", kMinSide, " to ", kMaxSide,
                                                     " pixels wide and high, not ", spec.width_px,
                                                     " by ", spec.height_px));
    }
  }
  if (std::int64_t{spec.width_px} * spec.height_px > kMaxPixels) {
    return absl::InvalidArgumentError(base::Concat("a page of ", spec.width_px, " by ",
                                                   spec.height_px,
                                                   " pixels is above the limit of 400 million"));
  }
  const int shorter = std::min(spec.width_px, spec.height_px);
  if (spec.border_px < 0 || spec.border_px > (shorter - 1) / 2) {
    return absl::InvalidArgumentError(base::Concat("a border of ", spec.border_px,
                                                   " pixels leaves no picture on a page of ",
                                                   spec.width_px, " by ", spec.height_px));
  }
  if (spec.pixels_per_inch < 1 || spec.pixels_per_inch > 10000) {
    return absl::InvalidArgumentError(
        base::Concat("a page must have 1 to 10000 pixels per inch, not ", spec.pixels_per_inch));
  }
  if (spec.quality < 1 || spec.quality > 100) {
    return absl::InvalidArgumentError(
        base::Concat("a page's JPEG quality must be 1 to 100, not ", spec.quality));
  }
  return spec.crop ? Validate(*spec.crop) : absl::OkStatus();
}

}  // namespace proofline::imaging
