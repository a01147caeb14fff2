#include "lib/imaging/colour.h"

#include <lcms2.h>

#include <optional>
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

std::string ProfileOf(const VImage& picture) {
  if (picture.get_typeof(VIPS_META_ICC_NAME) == 0) return {};
  size_t size = 0;
  const void* data = picture.get_blob(VIPS_META_ICC_NAME, &size);
  return {static_cast<const char*>(data), size};
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

const std::string& AdobeRgbProfile() {
  static const std::string profile = MakeAdobeRgbProfile();
  return profile;
}

// Common offset printing.
const std::string& UsualCmykProfile() {
  static const std::string profile = [] {
    VipsBlob* blob = nullptr;
    if (vips_profile_load("cmyk", &blob, nullptr) != 0 || blob == nullptr) throw vips::VError();
    size_t size = 0;
    const void* data = vips_blob_get(blob, &size);
    std::string bytes(static_cast<const char*>(data), size);
    vips_area_unref(VIPS_AREA(blob));
    return bytes;
  }();
  return profile;
}

std::optional<ProfileTransform::Pixels> PixelsOf(const VImage& picture) {
  if (picture.format() != VIPS_FORMAT_UCHAR || picture.coding() != VIPS_CODING_NONE) {
    return std::nullopt;
  }
  switch (picture.interpretation()) {
    case VIPS_INTERPRETATION_sRGB:
    case VIPS_INTERPRETATION_RGB:
      if (picture.bands() == 3) return ProfileTransform::Pixels::kRgb;
      break;
    case VIPS_INTERPRETATION_B_W:
      if (picture.bands() == 1) return ProfileTransform::Pixels::kGrey;
      break;
    case VIPS_INTERPRETATION_CMYK:
      if (picture.bands() == 4) return ProfileTransform::Pixels::kCmyk;
      break;
    default:
      break;
  }
  return std::nullopt;
}

VImage Through(const ProfileTransform& transform, const VImage& picture) {
  const VImage from = picture.copy_memory();
  VImage to = VImage::new_memory();
  vips_image_init_fields(to.get_image(), from.width(), from.height(), 3, VIPS_FORMAT_UCHAR,
                         VIPS_CODING_NONE, VIPS_INTERPRETATION_sRGB, 1, 1);
  if (vips_image_write_prepare(to.get_image()) != 0) throw vips::VError();
  for (int y = 0; y < from.height(); ++y) {
    transform.Convert(VIPS_IMAGE_ADDR(from.get_image(), 0, y),
                      VIPS_IMAGE_ADDR(to.get_image(), 0, y),
                      static_cast<std::size_t>(from.width()));
  }
  return to;
}

bool IsSrgb(const std::string& profile) {
  const auto transform = ProfileTransform::For(profile, ProfileTransform::Pixels::kRgb);
  return transform != nullptr && transform->changes_nothing();
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

// Pixels of 8 bits. Nothing if they stay as they are.
std::shared_ptr<const ProfileTransform> TransformFor(const std::string& profile,
                                                     ProfileTransform::Pixels pixels) {
  std::shared_ptr<const ProfileTransform> transform;
  if (!profile.empty()) transform = ProfileTransform::For(profile, pixels);
  if (transform == nullptr && pixels == ProfileTransform::Pixels::kCmyk) {
    transform = ProfileTransform::For(UsualCmykProfile(), pixels);
  }
  return transform == nullptr || transform->changes_nothing() ? nullptr : transform;
}

VImage Converted(const VImage& picture, const std::string& profile) {
  if (const std::optional<ProfileTransform::Pixels> pixels = PixelsOf(picture)) {
    const std::shared_ptr<const ProfileTransform> transform = TransformFor(profile, *pixels);
    return transform != nullptr ? Through(*transform, picture) : WithoutProfile(picture);
  }
  const bool cmyk = picture.interpretation() == VIPS_INTERPRETATION_CMYK;
  if (cmyk || (!profile.empty() && !IsSrgb(profile))) {
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

std::shared_ptr<const ProfileTransform> RgbToSrgb(std::string_view profile, AssumedColour assumed) {
  if (!profile.empty()) return TransformFor(std::string(profile), ProfileTransform::Pixels::kRgb);
  if (assumed == AssumedColour::kSrgb) return nullptr;
  return TransformFor(AdobeRgbProfile(), ProfileTransform::Pixels::kRgb);
}

VImage ToSrgb(const VImage& picture, AssumedColour assumed) {
  std::string profile = ProfileOf(picture);
  VImage tagged = picture;
  if (profile.empty() && assumed == AssumedColour::kAdobeRgb && picture.bands() == 3) {
    profile = AdobeRgbProfile();
    tagged = picture.copy();
    vips_image_set_blob_copy(tagged.get_image(), VIPS_META_ICC_NAME, profile.data(),
                             profile.size());
  }
  VImage converted = Converted(tagged, profile);
  if (converted.bands() == 3) return converted;
  // Grey that stayed grey.
  const VImage grey = converted.extract_band(0);
  const std::vector<VImage> three = {grey, grey, grey};
  return VImage::bandjoin(three)
      .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB))
      .copy_memory();
}

}  // namespace proofline::imaging
