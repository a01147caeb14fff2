#include "lib/imaging/colour.h"

#include <lcms2.h>

#include <string>
#include <string_view>
#include <vector>

namespace proofline::imaging {
namespace {

using vips::VImage;

int ColourBands(VipsInterpretation interpretation, int bands) {
  switch (interpretation) {
    case VIPS_INTERPRETATION_CMYK:
      return 4;
    case VIPS_INTERPRETATION_B_W:
    case VIPS_INTERPRETATION_GREY16:
      return 1;
    default:
      return bands >= 3 ? 3 : 1;
  }
}

// What a picture without a meaning for its bands most likely is.
VipsInterpretation Guess(const VImage& picture) {
  const VipsInterpretation said = picture.interpretation();
  if (said != VIPS_INTERPRETATION_MULTIBAND && said != VIPS_INTERPRETATION_HISTOGRAM) return said;
  const bool wide = picture.format() == VIPS_FORMAT_USHORT;
  if (picture.bands() >= 3) return wide ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_sRGB;
  return wide ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_B_W;
}

bool HasUsefulProfile(const VImage& picture) {
  if (picture.get_typeof(VIPS_META_ICC_NAME) == 0) return false;
  size_t size = 0;
  const void* data = picture.get_blob(VIPS_META_ICC_NAME, &size);
  const std::string_view profile(static_cast<const char*>(data), size);
  return picture.interpretation() == VIPS_INTERPRETATION_CMYK || !IsSrgb(profile);
}

// A profile of the colour space that Adobe RGB (1998) is; empty if it cannot be made.
std::string MakeAdobeRgbProfile() {
  cmsCIExyY white{0.3127, 0.3290, 1};
  cmsCIExyYTRIPLE primaries{{0.64, 0.33, 1}, {0.21, 0.71, 1}, {0.15, 0.06, 1}};
  // 2 51/256.
  cmsToneCurve* curve = cmsBuildGamma(nullptr, 563.0 / 256);
  cmsToneCurve* curves[] = {curve, curve, curve};
  cmsHPROFILE profile = cmsCreateRGBProfile(&white, &primaries, curves);
  cmsFreeToneCurve(curve);
  std::string bytes;
  cmsUInt32Number size = 0;
  if (profile != nullptr && cmsSaveProfileToMem(profile, nullptr, &size)) {
    bytes.resize(size);
    if (!cmsSaveProfileToMem(profile, bytes.data(), &size)) bytes.clear();
  }
  if (profile != nullptr) cmsCloseProfile(profile);
  return bytes;
}

VImage AsAdobeRgb(const VImage& picture) {
  static const std::string profile = MakeAdobeRgbProfile();
  if (profile.empty()) return picture;
  VImage tagged = picture.copy();
  tagged.set(VIPS_META_ICC_NAME, nullptr, const_cast<char*>(profile.data()), profile.size());
  return tagged;
}

VImage ThroughProfile(const VImage& picture) {
  vips::VOption* options = VImage::option()
                               ->set("embedded", true)
                               ->set("intent", VIPS_INTENT_RELATIVE)
                               ->set("black_point_compensation", true)
                               ->set("depth", 8);
  if (picture.interpretation() == VIPS_INTERPRETATION_CMYK) options->set("input_profile", "cmyk");
  return picture.icc_transform("srgb", options).copy_memory();
}

VImage WithoutProfile(VImage picture) {
  if (picture.interpretation() != VIPS_INTERPRETATION_sRGB ||
      picture.format() != VIPS_FORMAT_UCHAR) {
    picture = picture.colourspace(VIPS_INTERPRETATION_sRGB);
  }
  return picture.cast(VIPS_FORMAT_UCHAR).copy_memory();
}

VImage Converted(const VImage& picture) {
  const bool cmyk = picture.interpretation() == VIPS_INTERPRETATION_CMYK;
  if (cmyk || HasUsefulProfile(picture)) {
    try {
      return ThroughProfile(picture);
    } catch (const vips::VError&) {
      // A broken profile, or one for another kind of picture: the pixels are still good.
      vips_error_clear();
    }
  }
  return WithoutProfile(picture);
}

}  // namespace

VImage OnWhite(VImage picture) {
  if (picture.coding() != VIPS_CODING_NONE) {
    picture = picture.colourspace(VIPS_INTERPRETATION_sRGB);
  }
  const VipsInterpretation interpretation = Guess(picture);
  picture = picture.copy(VImage::option()->set("interpretation", interpretation));
  const int colours = ColourBands(interpretation, picture.bands());
  if (picture.bands() == colours) return picture;
  if (picture.bands() != colours + 1) {
    return picture.extract_band(0, VImage::option()->set("n", colours));
  }
  const bool wide =
      interpretation == VIPS_INTERPRETATION_RGB16 || interpretation == VIPS_INTERPRETATION_GREY16;
  const double most = wide ? 65535 : interpretation == VIPS_INTERPRETATION_scRGB ? 1 : 255;
  const double white = interpretation == VIPS_INTERPRETATION_CMYK ? 0 : most;
  return picture.flatten(VImage::option()
                             ->set("max_alpha", most)
                             ->set("background", std::vector<double>(colours, white)));
}

bool IsSrgb(std::string_view profile) {
  return profile.find("sRGB IEC61966-2.1") != std::string_view::npos;
}

VImage ToSrgb(const VImage& picture, AssumedColour assumed) {
  const bool adobe_rgb = assumed == AssumedColour::kAdobeRgb && picture.bands() == 3 &&
                         picture.get_typeof(VIPS_META_ICC_NAME) == 0;
  VImage converted = Converted(adobe_rgb ? AsAdobeRgb(picture) : picture);
  if (converted.bands() == 3) return converted;
  // Grey that stayed grey.
  const VImage grey = converted.extract_band(0);
  const std::vector<VImage> three = {grey, grey, grey};
  return VImage::bandjoin(three)
      .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB))
      .copy_memory();
}

}  // namespace proofline::imaging
