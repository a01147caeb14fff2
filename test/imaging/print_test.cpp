#include "lib/imaging/render.h"
#include "test/catch.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

using test::Scene;
using test::SceneJpeg;
using vips::VImage;

std::string Page(const std::string& original, const PrintSpec& spec, const Edit& edit = {}) {
  absl::StatusOr<PrintRendering> page = RenderPrint(original, {.edit = edit, .spec = spec}, {});
  INFO(page.status().ToString());
  REQUIRE(page.ok());
  const VImage pixels = test::Decoded(page->jpeg);
  CHECK(pixels.width() == spec.width_px);
  CHECK(pixels.height() == spec.height_px);
  return page->jpeg;
}

std::string Reference(const VImage& picture) {
  return test::Encoded(picture, ".jpg[Q=98,subsample_mode=off,strip]");
}

VImage Scaled(const VImage& picture, int width, int height) {
  return picture.resize(
      static_cast<double>(width) / picture.width(),
      VImage::option()->set("vscale", static_cast<double>(height) / picture.height()));
}

TEST_CASE("a picture fills a page of its own shape with exactly its pixels") {
  const std::string page = Page(SceneJpeg(2400, 1600), {.width_px = 1800, .height_px = 1200});
  CHECK(test::Ssim(Reference(Scaled(Scene(2400, 1600), 1800, 1200)), page) > 0.98);
  CHECK(test::DeltaE(Reference(Scaled(Scene(2400, 1600), 1800, 1200)), page) < 1);
}

TEST_CASE("a picture fills a squarer page by losing the same on both sides") {
  const std::string page = Page(SceneJpeg(1800, 1200, 6), {.width_px = 1000, .height_px = 800});
  const VImage wanted = Scaled(Scene(1800, 1200).extract_area(150, 0, 1500, 1200), 1000, 800);
  CHECK(test::Ssim(Reference(wanted), page) > 0.97);
}

TEST_CASE("a portrait on landscape paper is turned clockwise") {
  const std::string page = Page(SceneJpeg(800, 1200), {.width_px = 900, .height_px = 600});
  const VImage wanted = Scaled(Scene(800, 1200).rot90(), 900, 600);
  CHECK(test::Ssim(Reference(wanted), page) > 0.98);
}

TEST_CASE("a fitted picture has white around it, and a border stays white") {
  const PrintSpec spec{.width_px = 1000, .height_px = 1000, .fit = Fit::kFit, .border_px = 50};
  const VImage page = test::Decoded(Page(SceneJpeg(1200, 600), spec));
  for (const auto& [x, y] : {std::pair{5, 500}, {500, 5}, {500, 200}, {500, 800}, {995, 500}}) {
    for (double value : page.getpoint(x, y)) CHECK(value >= 252);
  }
  const VImage inside = page.extract_area(50, 275, 900, 450);
  CHECK(test::Ssim(Reference(Scaled(Scene(1200, 600), 900, 450)), Reference(inside)) > 0.97);
}

TEST_CASE("a filled page with a border is cropped to the room inside the border") {
  const VImage page = test::Decoded(
      Page(SceneJpeg(1200, 800), {.width_px = 700, .height_px = 500, .border_px = 100}));
  for (double value : page.getpoint(350, 50)) CHECK(value >= 252);
  const VImage wanted = Scaled(Scene(1200, 800).extract_area(0, 40, 1200, 720), 500, 300);
  CHECK(test::Ssim(Reference(wanted), Reference(page.extract_area(100, 100, 500, 300))) > 0.97);
}

TEST_CASE("edit and print crop name the same pixels, however the original is stored") {
  const Edit edit{.rotation_degrees = 180, .crop = Crop{0.2, 0.1, 0.6, 0.8}};
  const PrintSpec spec{.width_px = 480, .height_px = 320, .crop = Crop{0.5, 0.25, 0.5, 0.5}};
  // Edit: 240,80 720x640 of the rotated 1200x800; crop: the right half, 360x320 from 600,240.
  const VImage wanted =
      Scaled(Scene(1200, 800).rot180().extract_area(600, 280, 360, 240), 480, 320);
  for (int orientation : {1, 2, 5, 8}) {
    INFO("orientation " << orientation);
    CHECK(test::Ssim(Reference(wanted), Page(SceneJpeg(1200, 800, orientation), spec, edit)) >
          0.95);
  }
}

TEST_CASE("a picture with too few pixels is enlarged and the page says by how much") {
  const absl::StatusOr<PrintRendering> page = RenderPrint(
      SceneJpeg(300, 200), {.edit = {}, .spec = {.width_px = 1200, .height_px = 800}}, {});
  REQUIRE(page.ok());
  CHECK(test::Near(page->source_pixels_per_pixel, 0.25));
  CHECK(test::Ssim(Reference(Scaled(Scene(300, 200), 1200, 800)), page->jpeg) > 0.97);
}

TEST_CASE("a page is 4:4:4 and carries its density") {
  const VImage page = test::Decoded(
      Page(SceneJpeg(600, 400), {.width_px = 600, .height_px = 400, .pixels_per_inch = 320}));
  CHECK(test::Near(page.xres() * 25.4, 320));
  CHECK(page.get_string("jpeg-chroma-subsample") == std::string("4:4:4"));
  CHECK(page.get_typeof(VIPS_META_EXIF_NAME) == 0);
}

TEST_CASE("a straightened page of a small crop has its pixels at the right place") {
  const Edit edit{.straighten_degrees = -10, .crop = Crop{0.6, 0.6, 0.2, 0.2}};
  const VImage turned = Scene(1200, 800).rotate(-10);
  const double keeps = SizeAfterEdit({1200, 800}, {.straighten_degrees = -10}).width / 1200;
  const int width = static_cast<int>(1200 * keeps);
  const int height = static_cast<int>(800 * keeps);
  const VImage frame = turned.extract_area((turned.width() - width) / 2,
                                           (turned.height() - height) / 2, width, height);
  const VImage wanted = frame.extract_area(width * 6 / 10, height * 6 / 10, width / 5, height / 5);
  const std::string page = Page(SceneJpeg(1200, 800, 7), {.width_px = 600, .height_px = 400}, edit);
  CHECK(test::Ssim(Reference(Scaled(wanted, 600, 400)), page) > 0.93);
}

}  // namespace
}  // namespace proofline::imaging
