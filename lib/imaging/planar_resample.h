// Planes made smaller.
#pragma once

#include "lib/imaging/planar_jpeg_source.h"
#include "lib/imaging/plane.h"

namespace proofline::imaging {

// An area of a plane (which gets its edges repeated where the area reaches beyond it) in exactly
// `size` samples. Where the plane is at least `headroom` times as large as wanted even when it is
// halved, it is halved first, as often as that holds; a Lanczos kernel of three lobes does the
// rest. With a headroom of 2 that looks like the kernel alone; 1 is enough for chroma. A plane
// without samples if the resampler refuses, which it does for sizes of no picture.
Plane Resampled(const Plane& plane, const PlaneArea& area, PixelSize size, double headroom);

}  // namespace proofline::imaging
