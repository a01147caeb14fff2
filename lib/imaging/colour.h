// From whatever a file holds to 8 bit sRGB.
#pragma once

#include <cstdint>
#include <string_view>
#include <vips/vips8>

namespace proofline::imaging {

// Fewer, plainer bands for what follows, without decoding anything yet: palette and packed codings
// unpacked, transparency laid on white, extra bands dropped. What is left is grey, RGB or CMYK.
// Throws vips::VError.
vips::VImage OnWhite(vips::VImage picture);

// Whether a profile says that pixels are sRGB already: nearly every camera file has this one.
bool IsSrgb(std::string_view profile);

// What colours are that come without a profile.
enum class AssumedColour : std::uint8_t {
  kSrgb,
  kAdobeRgb,  // as cameras say in EXIF instead of embedding a profile
};

// Three bands of 8 bits in sRGB, in memory: 16 bit pictures lose their lower bits here and nowhere
// before. The embedded profile is used where there is a usable one. CMYK without a profile is taken
// as common offset printing, RGB without one as `assumed`, grey as sRGB's grey.
//
// The intent is relative colorimetric with black point compensation. RGB profiles of cameras and
// screens (Adobe RGB, Display P3, ProPhoto) have no other table, so that "perceptual" would mean
// the same; and where a profile has one (CMYK), it would change colours that sRGB can show as
// well, differently for each maker of profiles. Compensation keeps the shadows of CMYK, whose
// black is lighter than a screen's. Throws vips::VError.
vips::VImage ToSrgb(const vips::VImage& picture, AssumedColour assumed = AssumedColour::kSrgb);

}  // namespace proofline::imaging
