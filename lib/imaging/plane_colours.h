// Between planes of luma and chroma and pixels of red, green and blue, as JPEG means them: BT.601
// with all 256 values.
#pragma once

#include <array>
#include <vips/vips8>

#include "lib/imaging/plane.h"
#include "lib/imaging/profile_transform.h"

namespace proofline::imaging {

// Luma, blue and red chroma.
using Planes = std::array<Plane, 3>;

// Three bands of 8 bits from planes of one size, through `transform` unless that is null. Throws
// vips::VError.
vips::VImage ToRgb(const Planes& planes, const ProfileTransform* transform);

// Planes of one size, taken over, through a transform for RGB.
Planes Converted(Planes planes, const ProfileTransform& transform);

// Planes of one size, taken over, to 4:2:0.
Planes WithHalfColour(Planes planes);

}  // namespace proofline::imaging
