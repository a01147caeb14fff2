// Planes made smaller.
#pragma once

#include "lib/imaging/planar_jpeg_source.h"
#include "lib/imaging/plane.h"

namespace proofline::imaging {

// An area of a plane (`from` gets its edges repeated where the area reaches beyond it) in exactly
// `size` samples, with a Lanczos kernel of three lobes. A plane without samples if the
// resampler refuses, which it does for sizes of no picture.
Plane Resampled(const Plane& from, const PlaneArea& area, PixelSize size);

}  // namespace proofline::imaging
