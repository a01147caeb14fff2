// Camera RAW files: previews, and development.
#include <cmath>

#include "lib/imaging/planar_rendition.h"
#include "lib/imaging/render.h"
#include "test/catch.h"
#include "test/imaging/raw_pictures.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

using test::Encoded;
using test::RawFile;
using test::RawScene;
using test::Scene;
using vips::VImage;

Rendition Proof(const std::string& original, int long_edge = 800, const Edit& edit = {}) {
  const RenditionRequest request{
      .specs = {{.kind = "proof", .long_edge_px = long_edge, .quality = 95}}, .edit = edit};
  absl::StatusOr<Renditions> made = MakeRenditions(original, request, {});
  INFO(made.status().ToString());
  REQUIRE(made.ok());
  return made->renditions[0];
}

std::string Reference(const VImage& picture) {
  return Encoded(picture, ".jpg[Q=98,subsample_mode=off,strip]");
}

std::string ScaledReference(const VImage& picture, int width) {
  return Reference(picture.resize(static_cast<double>(width) / picture.width()));
}

// Unmistakable: every preview in these tests has its colours inverted.
VImage Inverted(const VImage& scene) {
  return scene.invert().copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
}

std::string PreviewOf(const VImage& scene, int width) {
  return Encoded(Inverted(scene).resize(static_cast<double>(width) / scene.width()), ".jpg[Q=96]");
}

void CheckDeveloped(const VImage& scene, const Rendition& rendition) {
  const std::string wanted = ScaledReference(scene, rendition.width);
  CHECK(test::Ssim(wanted, rendition.jpeg) > 0.95);
  CHECK(test::DeltaE(wanted, rendition.jpeg) < 2);
}

void CheckPreview(const VImage& scene, const Rendition& rendition) {
  CHECK(test::DeltaE(ScaledReference(Inverted(scene), rendition.width), rendition.jpeg) < 2);
}

TEST_CASE("a RAW without a preview is developed with the camera's white balance") {
  const VImage scene = RawScene(1800, 1200);
  const std::string raw = RawFile({.scene = scene});
  const Rendition half = Proof(raw, 800);
  CHECK(half.width == 800);
  CheckDeveloped(scene, half);
  const Rendition full = Proof(raw, 1600);
  CHECK(full.width == 1600);
  CheckDeveloped(scene, full);
  const absl::StatusOr<ImageFacts> facts = Inspect(raw, {});
  REQUIRE(facts.ok());
  CHECK(facts->format == "raw");
  CHECK(facts->width == 1800);
  CHECK(facts->height == 1200);
  CHECK(facts->camera_model == "Test Camera");
}

TEST_CASE("the preview of a RAW is used where it has the pixels") {
  const VImage scene = RawScene(2400, 1600);
  const std::string raw = RawFile({.scene = scene, .preview = PreviewOf(scene, 1000)});
  CheckPreview(scene, Proof(raw, 1000));
  CheckPreview(scene, Proof(raw, 320));
  CheckDeveloped(scene, Proof(raw, 1100));
  CheckDeveloped(scene, Proof(raw, 2400));
  // A crop needs more of the whole.
  const Edit crop{.crop = Crop{0.25, 0.25, 0.5, 0.5}};
  CHECK(test::DeltaE(Reference(scene.extract_area(600, 400, 1200, 800).resize(2.0 / 3)),
                     Proof(raw, 800, crop).jpeg) < 2);
  CHECK(test::DeltaE(Reference(Inverted(scene).extract_area(600, 400, 1200, 800).resize(1.0 / 3)),
                     Proof(raw, 400, crop).jpeg) < 2);
}

TEST_CASE("a RAW's preview takes the short way, and what has no preview does not") {
  const VImage scene = RawScene(1800, 1200);
  for (int orientation : {1, 6}) {
    const std::string raw =
        RawFile({.scene = scene, .orientation = orientation, .preview = PreviewOf(scene, 900)});
    const absl::StatusOr<Picture> picture = Picture::Open(raw, {});
    REQUIRE(picture.ok());
    RenditionRequest request;
    CHECK_FALSE(MakePlanarRenditions(*picture, request).has_value());
    request.specs = {{.kind = "proof", .long_edge_px = 800, .quality = 95},
                     {.kind = "thumbnail", .long_edge_px = 200, .quality = 95}};
    const auto made = MakePlanarRenditions(*picture, request);
    REQUIRE(made.has_value());
    const VImage upright = orientation == 6 ? scene.rot90() : scene;
    CheckPreview(upright, (*made)[0]);
    CheckPreview(upright, (*made)[1]);
  }
}

TEST_CASE("a developed RAW is as light as the preview that customers have seen") {
  const VImage scene = RawScene(1200, 800);
  // A camera's own curve: lighter shadows, softer lights.
  VImage shown = ((scene / 255.0).pow(0.7) * 235.0)
                     .cast(VIPS_FORMAT_UCHAR)
                     .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
  for (int orientation : {1, 6, 7}) {
    INFO("orientation " << orientation);
    const std::string jpeg = Encoded(shown.resize(0.25), ".jpg[Q=96,subsample_mode=off]");
    const std::string plain = RawFile({.scene = scene, .orientation = orientation});
    const std::string raw = RawFile({.scene = scene, .orientation = orientation, .preview = jpeg});
    const std::string small = Proof(raw, 300).jpeg;
    for (int long_edge : {500, 1200}) {
      const Rendition proof = Proof(raw, long_edge);
      CHECK(proof.width == Proof(plain, long_edge).width);
      CHECK(test::DeltaE(small, proof.jpeg) < 2);
      CHECK(test::DeltaE(small, Proof(plain, long_edge).jpeg) > 4);
    }
  }
}

TEST_CASE("a developed RAW has the colours and the quiet highlights of its preview") {
  const VImage scene = RawScene(1200, 800);
  // A camera's picture style: more colour, and nothing as light as the sensor could see.
  const VImage styled =
      scene.recomb(VImage::new_matrixv(3, 3, 1.5, -0.4, -0.1, -0.2, 1.35, -0.15, 0.0, -0.35, 1.35));
  const VImage shown = (styled * 0.8)
                           .cast(VIPS_FORMAT_UCHAR)
                           .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
  const std::string jpeg = Encoded(shown.resize(0.25), ".jpg[Q=96,subsample_mode=off]");
  const std::string raw = RawFile({.scene = scene, .preview = jpeg});
  const Rendition small = Proof(raw, 300);
  const Rendition large = Proof(raw, 1200);
  CHECK(large.width == 1200);
  CHECK(test::DeltaE(small.jpeg, large.jpeg) < 3);
  CHECK(test::DeltaE(small.jpeg, Proof(RawFile({.scene = scene}), 1200).jpeg) > 6);
  // The preview's white is a light grey, and so is that of the page.
  const double frame = test::Decoded(large.jpeg).extract_area(0, 0, 1200, 4).avg();
  CHECK(std::abs(frame - 0.8 * 255) < 5);
}

TEST_CASE("a RAW of a camera that was set to black and white is developed without colours") {
  const VImage scene = RawScene(1200, 800);
  // As behind a red filter.
  const VImage shown = scene.recomb(VImage::new_matrixv(3, 1, 0.7, 0.2, 0.1))
                           .cast(VIPS_FORMAT_UCHAR)
                           .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_B_W));
  const std::string jpeg = Encoded(shown.resize(0.25), ".jpg[Q=96]");
  const std::string raw = RawFile({.scene = scene, .preview = jpeg});
  const Rendition small = Proof(raw, 300);
  const Rendition large = Proof(raw, 1200);
  CHECK(large.width == 1200);
  CHECK(test::DeltaE(small.jpeg, large.jpeg) < 3);
  const VImage lab = test::Decoded(large.jpeg).colourspace(VIPS_INTERPRETATION_LAB);
  CHECK(lab.extract_band(1, VImage::option()->set("n", 2)).abs().max() < 3);
}

TEST_CASE("a RAW is turned upright once, developed or not") {
  const VImage lying = RawScene(900, 600);
  const struct {
    int orientation;
    VImage upright;
  } cases[] = {{1, lying},
               {3, lying.rot180()},
               {6, lying.rot90()},
               {8, lying.rot270()},
               {2, lying.flip(VIPS_DIRECTION_HORIZONTAL)},
               {5, lying.rot90().flip(VIPS_DIRECTION_HORIZONTAL)}};
  for (const auto& [orientation, upright] : cases) {
    INFO("orientation " << orientation);
    const std::string plain = RawFile({.scene = lying, .orientation = orientation});
    const std::string with_preview =
        RawFile({.scene = lying, .orientation = orientation, .preview = PreviewOf(lying, 450)});
    CHECK(Inspect(plain, {})->orientation == orientation);
    CHECK(Inspect(plain, {})->width == upright.width());
    CheckDeveloped(upright, Proof(plain, 440));
    CheckPreview(upright, Proof(with_preview, 440));
    CheckDeveloped(upright, Proof(with_preview, 800));
  }
}

TEST_CASE("a preview that is stored upright already is not turned again") {
  const VImage lying = RawScene(1800, 1200);
  const VImage upright = lying.rot90();
  const std::string raw =
      RawFile({.scene = lying, .orientation = 6, .preview = PreviewOf(upright, 600)});
  CheckPreview(upright, Proof(raw, 800));
  // One that says itself how it lies.
  const std::string tagged = test::WithTags(PreviewOf(lying.rot180().rot90(), 600),
                                            {.exif = {{"Exif.Image.Orientation", "3"}}});
  CheckPreview(upright, Proof(RawFile({.scene = lying, .orientation = 6, .preview = tagged}), 800));
}

TEST_CASE("a preview of another shape, too small, or broken is not used") {
  const VImage scene = RawScene(1800, 1200);
  const std::string barred = Encoded(Inverted(scene).resize(0.6).embed(0, 45, 1080, 810), ".jpg");
  CheckDeveloped(scene, Proof(RawFile({.scene = scene, .preview = barred}), 800));
  CheckDeveloped(scene, Proof(RawFile({.scene = scene, .preview = PreviewOf(scene, 700)}), 800));
  const std::string good = PreviewOf(scene, 900);
  const std::string cut = good.substr(0, good.size() / 2);
  std::string raw = RawFile({.scene = scene, .preview = good});
  raw.replace(raw.find(good.substr(0, 100)) + cut.size(), good.size() - cut.size(),
              std::string(good.size() - cut.size(), '\0'));
  CheckDeveloped(scene, Proof(raw, 800));
}

TEST_CASE("the margin of a sensor belongs to no picture") {
  const VImage scene = RawScene(1800, 1200);
  const std::string raw = RawFile({.scene = scene, .margin = 100});
  CHECK(Inspect(raw, {})->width == 1600);
  CHECK(Inspect(raw, {})->height == 1000);
  const VImage shown = scene.extract_area(100, 100, 1600, 1000);
  for (int long_edge : {800, 1600}) {
    CHECK(test::Ssim(ScaledReference(shown, long_edge), Proof(raw, long_edge).jpeg) > 0.95);
  }
}

TEST_CASE("a page of a RAW is developed where its preview is too small for it") {
  const VImage scene = RawScene(1200, 800);
  const std::string raw = RawFile({.scene = scene, .preview = PreviewOf(scene, 500)});
  const absl::StatusOr<PrintRendering> small =
      RenderPrint(raw, {.edit = {}, .spec = {.width_px = 450, .height_px = 300}}, {});
  REQUIRE(small.ok());
  CHECK(test::DeltaE(ScaledReference(Inverted(scene), 450), small->jpeg) < 2);
  for (int width : {600, 1200, 1500}) {
    INFO("width " << width);
    const absl::StatusOr<PrintRendering> page =
        RenderPrint(raw, {.edit = {}, .spec = {.width_px = width, .height_px = width * 2 / 3}}, {});
    REQUIRE(page.ok());
    CHECK(test::Near(page->source_pixels_per_pixel, 1200.0 / width));
    CHECK(test::DeltaE(ScaledReference(scene, width), page->jpeg) < 2);
  }
}

TEST_CASE("a RAW that was cut short fails even where its preview is whole") {
  const VImage scene = RawScene(1800, 1200);
  const std::string raw = RawFile({.scene = scene, .preview = PreviewOf(scene, 900)});
  for (double part : {0.2, 0.5, 0.95}) {
    INFO("part " << part);
    const absl::Status status =
        MakeRenditions(raw.substr(0, static_cast<std::size_t>(raw.size() * part)), {}, {}).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(std::string(status.message()).find("cut short") != std::string::npos);
  }
}

TEST_CASE("a RAW whose sensor data was taken out fails, whatever its decoder makes of the rest") {
  std::string raw = RawFile({.scene = RawScene(1200, 800)});
  // Number of bytes of the only strip: one long value.
  const std::size_t entry = raw.find(std::string("\x17\x01\x04\0\x01\0\0\0", 8));
  REQUIRE(entry != std::string::npos);
  raw.replace(entry + 8, 4, std::string("\x16\0\0\0", 4));
  const absl::StatusOr<Renditions> made = MakeRenditions(raw, {}, {});
  CHECK(absl::IsInvalidArgument(made.status()));
  CHECK(made.status().message().find("cut short") != std::string::npos);
}

TEST_CASE("a RAW with more pixels than the limit is refused before it is unpacked") {
  const VImage scene = RawScene(900, 600);
  CHECK(absl::IsResourceExhausted(
      MakeRenditions(RawFile({.scene = scene}), {}, {.max_pixels = 500'000}).status()));
  CHECK(absl::IsResourceExhausted(
      MakeRenditions(RawFile({.scene = scene, .preview = PreviewOf(scene, 600)}), {},
                     {.max_pixels = 500'000})
          .status()));
}

TEST_CASE("random damage to a RAW never does more than fail it") {
  const VImage scene = RawScene(128, 96);
  const std::string raw = RawFile({.scene = scene, .preview = PreviewOf(scene, 64)});
  unsigned state = 1;
  for (int round = 0; round < 100; ++round) {
    std::string damaged = raw;
    for (int i = 0; i < 6; ++i) {
      state = state * 1664525 + 1013904223;
      damaged[(state >> 8) % 2600] = static_cast<char>(state);
    }
    static_cast<void>(MakeRenditions(damaged, {}, {.max_pixels = 1'000'000}));
  }
}

}  // namespace
}  // namespace proofline::imaging
