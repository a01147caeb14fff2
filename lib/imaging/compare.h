// Whether two pictures look the same.
#pragma once

#include <string_view>
#include <vips/vips8>

#include "absl/status/statusor.h"
#include "lib/imaging/picture.h"
#include "lib/imaging/similarity.h"

namespace proofline::imaging {

// Both pictures upright and in sRGB, `b` scaled to the size of `a` whatever its shape. SSIM is that
// of luma in Gaussian windows (sigma 1.5).
absl::StatusOr<Similarity> Compare(std::string_view a, std::string_view b,
                                   const PictureLimits& limits);

// The first of these measures, of two pictures of one size in sRGB: of their lightness, with a
// window of Gaussian weights (sigma 1.5). Throws vips::VError.
double Ssim(const vips::VImage& a, const vips::VImage& b);

}  // namespace proofline::imaging
