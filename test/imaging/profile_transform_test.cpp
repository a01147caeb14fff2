// Profiles are known by what they do to colours.
#include "lib/imaging/profile_transform.h"

#include <lcms2.h>

#include "lib/imaging/colour.h"
#include "lib/imaging/planar_rendition.h"
#include "lib/imaging/render.h"
#include "test/catch.h"
#include "test/imaging/profiles.h"
#include "test/imaging/sampled_jpeg.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

using test::Scene;
using vips::VImage;
using Pixels = ProfileTransform::Pixels;

bool IsSrgb(const std::string& profile) {
  const auto transform = ProfileTransform::For(profile, Pixels::kRgb);
  REQUIRE(transform != nullptr);
  return transform->changes_nothing();
}

TEST_CASE("sRGB is known however its curve is written, and whatever it is called") {
  for (const int points : {0, 256, 1024, 4096}) {
    INFO("curve of " << points << " points");
    CHECK(IsSrgb(test::RgbProfile(test::kSrgb, {.points = points, .name = "c2"})));
    CHECK(IsSrgb(test::RgbProfile(test::kSrgb, {.points = points, .version = 2.1})));
  }
  CHECK(IsSrgb(test::BuiltInProfile("srgb")));
  // 26 points, as the smallest profiles in use have, are enough to stay within a level.
  CHECK(IsSrgb(test::RgbProfile(test::kSrgb, {.points = 42, .name = "uRGB"})));
}

TEST_CASE("other spaces are not sRGB, whatever they are called") {
  for (const test::Primaries& primaries : {test::kAdobeRgb, test::kProPhoto, test::kGamma22}) {
    CHECK_FALSE(IsSrgb(test::RgbProfile(primaries, {.name = "sRGB IEC61966-2.1"})));
  }
  CHECK_FALSE(IsSrgb(test::BuiltInProfile("p3")));
}

TEST_CASE("a profile that lies about its name is applied") {
  const VImage scene = Scene(900, 600);
  const std::string liar = test::RgbProfile(test::kAdobeRgb, {.name = "sRGB IEC61966-2.1"});
  const std::string honest = test::RgbProfile(test::kAdobeRgb, {});
  const auto proof = [](const VImage& picture) {
    return MakeRenditions(test::JpegOf(picture, {}), {}, {})->renditions[1].jpeg;
  };
  const std::string as_adobe = proof(test::Tagged(scene, honest));
  CHECK(test::DeltaE(as_adobe, proof(test::Tagged(scene, liar))) < 0.1);
  CHECK(test::DeltaE(as_adobe, proof(scene)) > 2);
}

TEST_CASE("a profile for other pixels, a link between profiles, or a broken one is of no use") {
  const std::string rgb = test::RgbProfile(test::kAdobeRgb, {});
  CHECK(ProfileTransform::For(rgb, Pixels::kGrey) == nullptr);
  CHECK(ProfileTransform::For(rgb, Pixels::kCmyk) == nullptr);
  CHECK(ProfileTransform::For(test::GreyProfile(2.2), Pixels::kRgb) == nullptr);
  CHECK(ProfileTransform::For(test::BuiltInProfile("cmyk"), Pixels::kRgb) == nullptr);
  CHECK(ProfileTransform::For(test::LinkProfile(), Pixels::kRgb) == nullptr);
  CHECK(ProfileTransform::For("", Pixels::kRgb) == nullptr);
  for (const std::size_t size : {20, 127, 128, 200, 400}) {
    static_cast<void>(ProfileTransform::For(rgb.substr(0, size), Pixels::kRgb));
  }
  unsigned state = 3;
  for (int round = 0; round < 300; ++round) {
    std::string damaged = rgb;
    for (int i = 0; i < 4; ++i) {
      state = state * 1664525 + 1013904223;
      damaged[(state >> 8) % damaged.size()] = static_cast<char>(state >> 3);
    }
    static_cast<void>(ProfileTransform::For(damaged, Pixels::kRgb));
  }
}

// The long way: through floating point, with libvips alone.
VImage ByLibvips(const VImage& picture) {
  return picture.icc_transform("srgb", VImage::option()
                                           ->set("embedded", true)
                                           ->set("intent", VIPS_INTENT_RELATIVE)
                                           ->set("black_point_compensation", true)
                                           ->set("depth", 8));
}

double MeanDeltaE(const VImage& a, const VImage& b) {
  return a.colourspace(VIPS_INTERPRETATION_LAB).dE00(b.colourspace(VIPS_INTERPRETATION_LAB)).avg();
}

TEST_CASE("pixels of 8 bits come out as through libvips") {
  const VImage scene = Scene(600, 400);
  for (const test::Primaries& primaries : {test::kAdobeRgb, test::kProPhoto, test::kGamma22}) {
    const VImage tagged = test::Tagged(scene, test::RgbProfile(primaries, {}));
    CHECK(MeanDeltaE(ByLibvips(tagged), ToSrgb(tagged)) < 0.3);
  }
  const VImage p3 = scene.icc_transform("p3", VImage::option()->set("input_profile", "srgb"));
  CHECK(MeanDeltaE(ByLibvips(p3), ToSrgb(p3)) < 0.3);
  const VImage cmyk = scene.icc_transform("cmyk", VImage::option()->set("input_profile", "srgb"));
  CHECK(MeanDeltaE(ByLibvips(cmyk), ToSrgb(cmyk)) < 0.5);
  const VImage grey =
      test::Tagged(scene.colourspace(VIPS_INTERPRETATION_B_W), test::GreyProfile(1.8));
  CHECK(MeanDeltaE(ByLibvips(grey).extract_band(0).colourspace(VIPS_INTERPRETATION_sRGB),
                   ToSrgb(grey)) < 0.3);
}

TEST_CASE("a picture with a profile takes the short way") {
  const VImage tagged = test::Tagged(Scene(1201, 801), test::RgbProfile(test::kAdobeRgb, {}));
  const std::string jpeg = test::JpegOf(tagged, {});
  const absl::StatusOr<Picture> picture = Picture::Open(jpeg, {});
  REQUIRE(picture.ok());
  CHECK(MakePlanarRenditions(*picture, {}).has_value());
}

}  // namespace
}  // namespace proofline::imaging
