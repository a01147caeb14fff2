// Whether two pictures look the same.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "lib/imaging/picture.h"
#include "lib/imaging/similarity.h"

namespace proofline::imaging {

// Both pictures upright and in sRGB, `b` scaled to the size of `a` whatever its shape. SSIM is that
// of luma in Gaussian windows (sigma 1.5).
absl::StatusOr<Similarity> Compare(std::string_view a, std::string_view b,
                                   const PictureLimits& limits);

}  // namespace proofline::imaging
