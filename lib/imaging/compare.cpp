#include "lib/imaging/compare.h"

#include <vector>

#include "lib/base/text.h"
#include "lib/imaging/vips_runtime.h"

namespace proofline::imaging {
namespace {

using vips::VImage;

absl::StatusOr<VImage> Whole(std::string_view bytes, std::string_view which,
                             const PictureLimits& limits) {
  absl::StatusOr<Picture> picture = Picture::Open(bytes, limits);
  absl::StatusOr<VImage> pixels = picture.ok()
                                      ? picture->Render({.turn = picture->stored_to_upright(),
                                                         .straighten_degrees = 0,
                                                         .area = {},
                                                         .output = picture->upright()})
                                      : picture.status();
  if (pixels.ok()) return pixels;
  return absl::Status(
      pixels.status().code(),
      base::Concat("the ", which, " of two pictures to compare: ", pixels.status().message()));
}

VImage Blurred(const VImage& picture) {
  return picture.gaussblur(1.5, VImage::option()->set("precision", VIPS_PRECISION_FLOAT));
}

}  // namespace

double Ssim(const VImage& a, const VImage& b) {
  const VImage weights = VImage::new_matrixv(3, 1, 0.299, 0.587, 0.114);
  const VImage x = a.recomb(weights).cast(VIPS_FORMAT_FLOAT);
  const VImage y = b.recomb(weights).cast(VIPS_FORMAT_FLOAT);
  constexpr double kLuminance = (0.01 * 255) * (0.01 * 255);
  constexpr double kContrast = (0.03 * 255) * (0.03 * 255);
  const VImage mean_x = Blurred(x);
  const VImage mean_y = Blurred(y);
  const VImage xx = mean_x * mean_x;
  const VImage yy = mean_y * mean_y;
  const VImage xy = mean_x * mean_y;
  const VImage variance = (Blurred(x * x) - xx) + (Blurred(y * y) - yy);
  const VImage covariance = Blurred(x * y) - xy;
  const VImage map = ((xy * 2 + kLuminance) * (covariance * 2 + kContrast)) /
                     ((xx + yy + kLuminance) * (variance + kContrast));
  return map.avg();
}

absl::StatusOr<Similarity> Compare(std::string_view a, std::string_view b,
                                   const PictureLimits& limits) {
  absl::StatusOr<VImage> first = Whole(a, "first", limits);
  if (!first.ok()) return first.status();
  absl::StatusOr<VImage> second = Whole(b, "second", limits);
  if (!second.ok()) return second.status();
  try {
    VImage scaled = *second;
    if (scaled.width() != first->width() || scaled.height() != first->height()) {
      scaled = scaled
                   .resize(static_cast<double>(first->width()) / scaled.width(),
                           VImage::option()->set(
                               "vscale", static_cast<double>(first->height()) / scaled.height()))
                   .copy_memory();
    }
    const VImage lab_a = first->colourspace(VIPS_INTERPRETATION_LAB);
    const VImage lab_b = scaled.colourspace(VIPS_INTERPRETATION_LAB);
    return Similarity{.ssim = Ssim(*first, scaled), .mean_delta_e = lab_a.dE00(lab_b).avg()};
  } catch (const vips::VError& error) {
    return VipsFailure("the comparison of two pictures", error.what());
  }
}

}  // namespace proofline::imaging
