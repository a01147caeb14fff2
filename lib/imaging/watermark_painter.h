// Draws watermarks.
#pragma once

#include <vips/vips8>

#include "absl/status/statusor.h"
#include "lib/imaging/watermark.h"

namespace proofline::imaging {

// `picture` (8 bit sRGB, three bands) with the mark over it, in memory. `watermark` must be valid.
// InvalidArgument if its PNG is broken, FailedPrecondition if its text leaves no trace because no
// font on this machine has its letters: a rendition that should be marked never comes out without.
absl::StatusOr<vips::VImage> WithWatermark(const vips::VImage& picture, const Watermark& watermark);

}  // namespace proofline::imaging
