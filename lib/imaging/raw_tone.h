// Developed sensor data, made as light as the camera showed it.
#pragma once

#include <vips/vips8>

namespace proofline::imaging {

// `developed` (16 bit, one or three bands) with the tones of `preview` (8 bit sRGB, three bands,
// the same picture turned the same way, of any size): what customers have seen is what is printed.
// One curve for all colours, never falling. `developed` itself comes back where the two do not show
// the same, so that a preview of something else spoils nothing. Throws vips::VError.
vips::VImage WithTonesOf(const vips::VImage& developed, const vips::VImage& preview);

}  // namespace proofline::imaging
