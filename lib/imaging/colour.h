// From whatever a file holds to 8 bit sRGB.
#pragma once

#include <string_view>
#include <vips/vips8>

namespace proofline::imaging {

// Fewer, plainer bands for what follows, without decoding anything yet: palette and packed codings
// unpacked, transparency laid on white, extra bands dropped. What is left is grey, RGB or CMYK.
// Throws vips::VError.
vips::VImage OnWhite(vips::VImage picture);

// Whether a profile says that pixels are sRGB already: nearly every camera file has this one.
bool IsSrgb(std::string_view profile);

// Three bands of 8 bits in sRGB, in memory. The embedded profile is used where there is a usable
// one, with relative colorimetric intent and black point compensation; CMYK without a profile is
// taken as common offset printing, everything else as sRGB. Throws vips::VError.
vips::VImage ToSrgb(const vips::VImage& picture);

}  // namespace proofline::imaging
