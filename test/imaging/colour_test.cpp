// From every kind of pixels and profile to sRGB, and from every format.
#include "lib/base/file.h"
#include "lib/imaging/render.h"
#include "test/catch.h"
#include "test/imaging/profiles.h"
#include "test/imaging/test_pictures.h"
#include "test/temp_dir.h"

namespace proofline::imaging {
namespace {

using test::Encoded;
using test::GreyProfile;
using test::Scene;
using test::Tagged;
using vips::VImage;

std::string Proof(const std::string& original, int long_edge = 800) {
  const RenditionRequest request{
      .specs = {{.kind = "proof", .long_edge_px = long_edge, .quality = 95}}};
  absl::StatusOr<Renditions> made = MakeRenditions(original, request, {});
  INFO(made.status().ToString());
  REQUIRE(made.ok());
  return made->renditions[0].jpeg;
}

std::string Reference(const VImage& picture) {
  return Encoded(picture, ".jpg[Q=98,subsample_mode=off,strip]");
}

TEST_CASE("pictures in Adobe RGB and ProPhoto, of 8 and 16 bits, come out as they were in sRGB") {
  test::TempDir folder;
  const VImage scene = Scene(600, 400);
  int number = 0;
  for (const test::Primaries& primaries : {test::kAdobeRgb, test::kProPhoto}) {
    const std::filesystem::path path = folder / ("profile" + std::to_string(number++) + ".icc");
    REQUIRE(base::WriteFileDurably(path, test::RgbProfile(primaries, {})).ok());
    for (int depth : {8, 16}) {
      const VImage there = scene.icc_transform(
          path.c_str(), VImage::option()->set("input_profile", "srgb")->set("depth", depth));
      for (const char* suffix : {".tif", ".png", ".jpg[Q=98,subsample_mode=off]"}) {
        if (depth == 16 && std::string(suffix).starts_with(".jpg")) continue;
        INFO(path.string() << " " << depth << " " << suffix);
        CHECK(test::DeltaE(Reference(scene), Proof(Encoded(there, suffix))) < 1.5);
      }
    }
  }
}

TEST_CASE("a shallow slope in 16 bits has no steps that 8 bits would have made") {
  test::StartLibvips();
  // A dark slope of 24 levels, in a wide space with a steep curve.
  const VImage slope = (VImage::xyz(600, 400).extract_band(0) / 600.0 * 6000.0 + 3000);
  const std::vector<VImage> bands = {slope, slope, slope};
  const VImage deep = VImage::bandjoin(bands)
                          .cast(VIPS_FORMAT_USHORT)
                          .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_RGB16));
  const VImage proof =
      test::Decoded(
          Proof(Encoded(Tagged(deep, test::RgbProfile(test::kProPhoto, {})), ".tif"), 600))
          .extract_band(1);
  int levels = 0;
  const VImage histogram = proof.hist_find();
  for (int value = 0; value < 256; ++value) {
    if (histogram.getpoint(value, 0)[0] > 100) ++levels;
  }
  // One after another, none left out.
  const int span = static_cast<int>(proof.max() - proof.min());
  CHECK(span > 20);
  CHECK(levels >= span - 2);
}

TEST_CASE("grey with a profile of its own is as light as it is meant to be") {
  const VImage grey = Scene(600, 400).colourspace(VIPS_INTERPRETATION_B_W);
  const std::string srgb_grey = Reference(grey.colourspace(VIPS_INTERPRETATION_sRGB));
  for (double gamma : {1.0, 1.8, 2.2}) {
    INFO("gamma " << gamma);
    const std::string proof = Proof(Encoded(Tagged(grey, GreyProfile(gamma)), ".jpg[Q=98]"));
    // sRGB's curve is near 2.2, and far from the others.
    const double difference = test::DeltaE(srgb_grey, proof);
    if (gamma > 2) CHECK(difference < 2);
    if (gamma < 2) CHECK(difference > 3);
    CHECK(test::Decoded(proof).bands() == 3);
  }
}

TEST_CASE("profiles that are broken or for other pictures cost colours, never the picture") {
  const VImage scene = Scene(600, 400);
  const std::string adobe = test::RgbProfile(test::kAdobeRgb, {});
  std::string damaged = adobe;
  for (std::size_t at = 130; at < damaged.size(); at += 3) damaged[at] = '\x7F';
  for (const std::string& profile :
       {adobe.substr(0, adobe.size() / 2), adobe.substr(0, 60), damaged, GreyProfile(2.2),
        std::string(128, '\0'), std::string("x")}) {
    INFO(profile.size());
    CHECK(test::DeltaE(Reference(scene), Proof(Encoded(Tagged(scene, profile), ".png"))) < 4);
  }
  const VImage grey = scene.colourspace(VIPS_INTERPRETATION_B_W);
  CHECK(test::DeltaE(Reference(grey.colourspace(VIPS_INTERPRETATION_sRGB)),
                     Proof(Encoded(Tagged(grey, adobe), ".jpg[Q=98]"))) < 4);
  const VImage cmyk = scene.icc_transform("cmyk", VImage::option()->set("input_profile", "srgb"));
  CHECK(test::DeltaE(Reference(scene), Proof(Encoded(Tagged(cmyk, adobe), ".jpg[Q=98]"))) < 6);
}

TEST_CASE("CMYK comes out right from JPEG and TIFF, inverted or not, with 8 and 16 bits") {
  const VImage scene = Scene(600, 400);
  const VImage cmyk = scene.icc_transform("cmyk", VImage::option()->set("input_profile", "srgb"));
  const std::string wanted = Reference(cmyk.icc_transform(
      "srgb", VImage::option()->set("embedded", true)->set("black_point_compensation", true)));
  CHECK(test::DeltaE(wanted, Proof(Encoded(cmyk, ".tif"))) < 2);
  CHECK(test::DeltaE(wanted, Proof(Encoded(cmyk, ".tif[compression=lzw]"))) < 2);
  // As Photoshop writes it: inverted, and saying so in an Adobe segment.
  const std::string jpeg = Encoded(cmyk, ".jpg[Q=98]");
  CHECK(jpeg.find("Adobe") != std::string::npos);
  CHECK(test::DeltaE(wanted, Proof(jpeg)) < 2);
  CHECK(test::DeltaE(wanted, Proof(Encoded(cmyk, ".jpg[Q=98,interlace=true]"))) < 2);
  const VImage deep = (cmyk * 257.0)
                          .cast(VIPS_FORMAT_USHORT)
                          .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_CMYK));
  CHECK(test::DeltaE(wanted, Proof(Encoded(deep, ".tif"))) < 2);
}

TEST_CASE("of a TIFF with several pages the first is the picture") {
  const VImage first = Scene(600, 400);
  VImage both = first.join(first.invert(), VIPS_DIRECTION_VERTICAL).copy();
  both.set(VIPS_META_PAGE_HEIGHT, 400);
  const std::string tiff = Encoded(both, ".tif");
  CHECK(Inspect(tiff, {})->height == 400);
  CHECK(test::DeltaE(Reference(first), Proof(tiff)) < 1.5);
}

TEST_CASE("TIFFs of every common kind are read") {
  const VImage scene = Scene(600, 400);
  for (const char* suffix :
       {".tif[compression=lzw,predictor=horizontal]", ".tif[compression=deflate]",
        ".tif[compression=jpeg,Q=98]", ".tif[tile,tile_width=128,tile_height=128]", ".tif[bigtiff]",
        ".tif[tile,pyramid]"}) {
    INFO(suffix);
    CHECK(test::DeltaE(Reference(scene), Proof(Encoded(scene, suffix))) < 2);
  }
  CHECK(test::DeltaE(
            Reference(
                scene.colourspace(VIPS_INTERPRETATION_B_W).colourspace(VIPS_INTERPRETATION_sRGB)),
            Proof(Encoded(scene.colourspace(VIPS_INTERPRETATION_GREY16), ".tif"))) < 1.5);
  const VImage real = (scene.colourspace(VIPS_INTERPRETATION_scRGB));
  CHECK(test::DeltaE(Reference(scene), Proof(Encoded(real, ".tif"))) < 2);
}

TEST_CASE("samples without a known white are refused, not guessed") {
  const VImage scene = Scene(300, 200);
  for (const VipsBandFormat format : {VIPS_FORMAT_UINT, VIPS_FORMAT_INT, VIPS_FORMAT_FLOAT}) {
    const absl::Status status =
        MakeRenditions(Encoded(scene.extract_band(0).cast(format), ".tif"), {}, {}).status();
    INFO(status.ToString());
    CHECK(absl::IsInvalidArgument(status));
  }
}

TEST_CASE("transparency is laid on white in PNG, WebP and TIFF, of 8 and 16 bits") {
  const VImage scene = Scene(600, 400);
  for (int depth : {8, 16}) {
    const double most = depth == 16 ? 65535 : 255;
    const VImage base = depth == 16 ? scene.colourspace(VIPS_INTERPRETATION_RGB16) : scene;
    // Opaque on the left, clear on the right.
    const VImage alpha =
        ((VImage::xyz(600, 400).extract_band(0) < 300) / 255.0 * most).cast(base.format());
    const VImage cut = base.bandjoin(alpha);
    for (const char* suffix : {".png", ".tif", ".webp[lossless]"}) {
      if (depth == 16 && std::string(suffix).starts_with(".webp")) continue;
      INFO(depth << " " << suffix);
      const VImage proof = test::Decoded(Proof(Encoded(cut, suffix)));
      CHECK(proof.getpoint(450, 200)[0] > 250);
      CHECK(test::DeltaE(Reference(scene.extract_area(0, 0, 290, 400)),
                         Reference(proof.extract_area(0, 0, 290, 400))) < 2);
    }
  }
}

}  // namespace
}  // namespace proofline::imaging
