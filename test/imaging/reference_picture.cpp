#include "test/imaging/reference_picture.h"

#include <string>
#include <vector>

namespace proofline::test {
namespace {

// From the numbers of the standard, not through a profile.
vips::VImage FromAdobeRgb(const vips::VImage& picture) {
  const vips::VImage to_srgb = vips::VImage::new_matrixv(3, 3, 1.39836, -0.39836, 0.0, 0.0, 1.0,
                                                         0.0, 0.0, -0.04293, 1.04293);
  return (picture / 255.0)
      .pow(563.0 / 256)
      .recomb(to_srgb)
      .copy(vips::VImage::option()->set("interpretation", VIPS_INTERPRETATION_scRGB))
      .colourspace(VIPS_INTERPRETATION_sRGB);
}

bool SaysAdobeRgb(const vips::VImage& picture) {
  const auto text = [&](const char* name) {
    return picture.get_typeof(name) == 0 ? std::string() : std::string(picture.get_string(name));
  };
  return text("exif-ifd2-ColorSpace").starts_with("65535") &&
         text("exif-ifd4-InteroperabilityIndex").starts_with("R03");
}

}  // namespace

vips::VImage ReferenceOf(const std::filesystem::path& path, int width, int height) {
  vips::VImage picture = vips::VImage::new_from_file(path.c_str()).autorot();
  if (picture.get_typeof(VIPS_META_ICC_NAME) != 0) {
    picture = picture.icc_transform("srgb", vips::VImage::option()->set("embedded", true));
  } else if (picture.bands() == 3 && SaysAdobeRgb(picture)) {
    picture = FromAdobeRgb(picture);
  } else {
    picture = picture.colourspace(VIPS_INTERPRETATION_sRGB);
  }
  if (picture.has_alpha()) {
    picture =
        picture.flatten(vips::VImage::option()->set("background", std::vector<double>(3, 255)));
  }
  if (picture.width() == width && picture.height() == height) return picture;
  return picture.resize(
      static_cast<double>(width) / picture.width(),
      vips::VImage::option()->set("vscale", static_cast<double>(height) / picture.height()));
}

}  // namespace proofline::test
