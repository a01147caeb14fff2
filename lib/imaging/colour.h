// From whatever a file holds to 8 bit sRGB.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vips/vips8>

#include "lib/imaging/profile_transform.h"

namespace proofline::imaging {

// Fewer, plainer bands for what follows, without decoding anything yet: palette and packed codings
// unpacked, transparency laid on white, extra bands dropped. What is left is grey, RGB or CMYK.
// Throws vips::VError.
vips::VImage OnWhite(vips::VImage picture);

// What colours are that come without a profile.
enum class AssumedColour : std::uint8_t {
  kSrgb,
  kAdobeRgb,  // as cameras say in EXIF instead of embedding a profile
};

// What brings RGB pixels of 8 bits to sRGB that come with this profile, or with none if it is
// empty. Null if nothing has to be done: they are sRGB (nearly every camera file has such a
// profile), or the profile is of no use.
std::shared_ptr<const ProfileTransform> RgbToSrgb(std::string_view profile, AssumedColour assumed);

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
