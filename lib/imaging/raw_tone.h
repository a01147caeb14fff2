// Developed sensor data, made to look as the camera showed it.
#pragma once

#include <vips/vips8>

namespace proofline::imaging {

// Both take what DevelopRaw gives (16 bit sRGB, one or three bands, white where the sensor is full)
// and throw vips::VError.

// `developed` with the tones and colours of `preview` (8 bit sRGB, three bands, the same picture
// turned the same way, of any size): what customers have seen is what is printed. One curve for all
// three colours, never falling, and then a matrix that leaves every grey as it is. Where the two do
// not show the same, Brightened(developed), so that a preview of something else spoils nothing.
vips::VImage WithLookOf(const vips::VImage& developed, const vips::VImage& preview);

// So light that the brightest hundredth is white, as raw developers do it.
vips::VImage Brightened(const vips::VImage& developed);

}  // namespace proofline::imaging
