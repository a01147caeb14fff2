// Steps that pixels take on their way to a plan's output. All may throw vips::VError.
#pragma once

#include <vips/vips8>

#include "lib/imaging/geometry.h"

namespace proofline::imaging {

// With lanczos3, to exactly this size.
vips::VImage ResizedTo(const vips::VImage& picture, PixelSize size);

vips::VImage Turned(const vips::VImage& picture, Turn turn);
// The inverse.
vips::VImage TurnedBack(const vips::VImage& picture, Turn turn);

}  // namespace proofline::imaging
