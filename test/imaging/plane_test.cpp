#include "lib/imaging/plane.h"

#include <cmath>

#include "lib/imaging/planar_resample.h"
#include "test/catch.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

using vips::VImage;

// Every sample of a small plane tells where it comes from.
Plane Numbered(int width, int height) {
  Plane plane({width, height});
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) plane.row(y)[x] = static_cast<std::uint8_t>(y * 16 + x);
  }
  return plane;
}

Plane PlaneOf(const VImage& picture) {
  const VImage grey = picture.colourspace(VIPS_INTERPRETATION_B_W).extract_band(0).copy_memory();
  Plane plane({grey.width(), grey.height()});
  for (int y = 0; y < grey.height(); ++y) {
    std::copy_n(VIPS_IMAGE_ADDR(grey.get_image(), 0, y), grey.width(), plane.row(y));
  }
  return plane;
}

VImage PictureOf(const Plane& plane) {
  VImage picture(vips_image_new_memory());
  vips_image_init_fields(picture.get_image(), plane.width(), plane.height(), 1, VIPS_FORMAT_UCHAR,
                         VIPS_CODING_NONE, VIPS_INTERPRETATION_B_W, 1, 1);
  for (int y = 0; y < plane.height(); ++y) {
    vips_image_write_line(picture.get_image(), y, const_cast<std::uint8_t*>(plane.row(y)));
  }
  return picture;
}

double Psnr(const VImage& a, const VImage& b) {
  const VImage difference = a.cast(VIPS_FORMAT_FLOAT) - b.cast(VIPS_FORMAT_FLOAT);
  return 10 * std::log10(255.0 * 255.0 / ((difference * difference).avg() + 1e-9));
}

TEST_CASE("a plane turns as a picture does") {
  constexpr int kWidth = 7;
  constexpr int kHeight = 5;
  for (bool mirrored : {false, true}) {
    for (int quarters = 0; quarters < 4; ++quarters) {
      INFO("mirrored " << mirrored << ", quarters " << quarters);
      const Turn turn{mirrored, quarters};
      const Plane turned = Turned(Numbered(kWidth, kHeight), turn);
      REQUIRE(turned.size() == SizeAfter({kWidth, kHeight}, turn));
      for (int y = 0; y < turned.height(); ++y) {
        for (int x = 0; x < turned.width(); ++x) {
          // Where the middle of this sample was.
          const Crop before = AreaBefore({.left = (x + 0.25) / turned.width(),
                                          .top = (y + 0.25) / turned.height(),
                                          .width = 0.5 / turned.width(),
                                          .height = 0.5 / turned.height()},
                                         turn);
          const int from_x = static_cast<int>(before.left * kWidth);
          const int from_y = static_cast<int>(before.top * kHeight);
          CHECK(turned.row(y)[x] == from_y * 16 + from_x);
        }
      }
    }
  }
}

TEST_CASE("large planes turn as small ones do, and back again") {
  const Plane plane = PlaneOf(test::Scene(333, 251));
  for (int quarters : {1, 2, 3}) {
    Plane turned =
        Turned(PlaneOf(test::Scene(333, 251)), {.mirrored = false, .quarters = quarters});
    const Plane back = Turned(std::move(turned), {.mirrored = false, .quarters = 4 - quarters});
    REQUIRE(back.size() == plane.size());
    bool same = true;
    for (int y = 0; y < plane.height(); ++y) {
      same = same && std::equal(plane.row(y), plane.row(y) + plane.width(), back.row(y));
    }
    CHECK(same);
  }
}

TEST_CASE("halving averages, and an odd last sample stands for two") {
  const Plane plane = Numbered(5, 3);
  const Plane both = Halved(plane, true, true);
  REQUIRE(both.size() == PixelSize{3, 2});
  CHECK(both.row(0)[0] == (0 + 1 + 16 + 17 + 2) / 4);
  CHECK(both.row(0)[2] == (4 + 20 + 1) / 2);
  CHECK(both.row(1)[2] == 36);
  CHECK(Halved(plane, true, false).size() == PixelSize{3, 3});
  CHECK(Halved(plane, true, false).row(1)[1] == (18 + 19 + 1) / 2);
  CHECK(Halved(plane, false, true).size() == PixelSize{5, 2});
  CHECK(Halved(plane, false, true).row(0)[3] == (3 + 19 + 1) / 2);
}

TEST_CASE("extending repeats the last column and row") {
  Plane plane = Numbered(5, 3);
  plane.ExtendTo(16);
  CHECK(plane.row(0)[15] == 4);
  CHECK(plane.row(15)[0] == 32);
  CHECK(plane.row(15)[15] == 36);
  CHECK(plane.size() == PixelSize{5, 3});
}

TEST_CASE("a resampled plane is what libvips makes of it, at every ratio") {
  test::StartLibvips();
  const Plane plane = PlaneOf(test::Scene(1500, 1000));
  const VImage picture = PictureOf(plane);
  // From as it is to an eighth; closely around two, where a vector instruction may go wrong.
  for (int width :
       {1500, 1499, 1201, 1000, 760, 751, 750, 749, 740, 730, 720, 700, 600, 400, 188}) {
    INFO("width " << width);
    const int height = static_cast<int>(std::lround(width / 1.5));
    const Plane small = Resampled(plane, {0, 0, 1500, 1000}, {width, height}, 2);
    REQUIRE(small.size() == PixelSize{width, height});
    const VImage wanted = picture.resize(
        width / 1500.0, VImage::option()->set("vscale", height / 1000.0)->set("gap", 0.0));
    CHECK(Psnr(PictureOf(small), wanted) > 45);
  }
}

TEST_CASE("an area of a plane is taken to a fraction of a sample") {
  test::StartLibvips();
  const Plane plane = PlaneOf(test::Scene(1200, 900));
  const VImage cut = PictureOf(plane).extract_area(300, 200, 600, 400).resize(0.5);
  const auto likeness = [&](double left) {
    return Psnr(PictureOf(Resampled(plane, {left, 200, 600, 400}, {300, 200}, 2)), cut);
  };
  CHECK(likeness(300) > 45);
  CHECK(likeness(300) > likeness(300.5) + 1);
  CHECK(likeness(300.5) > likeness(301) + 1);
  // Beyond the edge the edge goes on.
  const Plane beyond = Resampled(plane, {-4, -4, 1208, 908}, {302, 227}, 2);
  CHECK(beyond.size() == PixelSize{302, 227});
}

TEST_CASE("sizes of no picture give a plane without samples") {
  const Plane plane = Numbered(5, 3);
  CHECK(Resampled(plane, {0, 0, 5, 3}, {0, 2}, 2).width() == 0);
}

}  // namespace
}  // namespace proofline::imaging
