#include "lib/imaging/geometry.h"

#include <cmath>

#include "test/catch.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

void CheckSame(const Crop& a, const Crop& b) {
  CHECK(test::Near(a.left, b.left));
  CHECK(test::Near(a.top, b.top));
  CHECK(test::Near(a.width, b.width));
  CHECK(test::Near(a.height, b.height));
}

TEST_CASE("an area of the turned picture is found in the stored one") {
  const Crop upper_left_corner{0, 0, 0.25, 0.5};
  CheckSame(AreaBefore(upper_left_corner, TurnForOrientation(1)), {0, 0, 0.25, 0.5});
  CheckSame(AreaBefore(upper_left_corner, TurnForOrientation(2)), {0.75, 0, 0.25, 0.5});
  CheckSame(AreaBefore(upper_left_corner, TurnForOrientation(3)), {0.75, 0.5, 0.25, 0.5});
  CheckSame(AreaBefore(upper_left_corner, TurnForOrientation(4)), {0, 0.5, 0.25, 0.5});
  CheckSame(AreaBefore(upper_left_corner, TurnForOrientation(5)), {0, 0, 0.5, 0.25});
  CheckSame(AreaBefore(upper_left_corner, TurnForOrientation(6)), {0, 0.75, 0.5, 0.25});
  CheckSame(AreaBefore(upper_left_corner, TurnForOrientation(7)), {0.5, 0.75, 0.5, 0.25});
  CheckSame(AreaBefore(upper_left_corner, TurnForOrientation(8)), {0.5, 0, 0.5, 0.25});
}

TEST_CASE("a rotation adds to what the orientation tag asks for") {
  CHECK(ThenRotate(TurnForOrientation(6), 270) == TurnForOrientation(1));
  CHECK(ThenRotate(TurnForOrientation(1), 90) == TurnForOrientation(6));
  CHECK(ThenRotate(TurnForOrientation(2), 180) == TurnForOrientation(4));
  CHECK(TurnForOrientation(0) == Turn{});
  CHECK(TurnForOrientation(9) == Turn{});
}

TEST_CASE("straightening keeps the largest rectangle of the same shape") {
  CHECK(test::Near(StraightenKeeps({400, 300}, 0), 1));
  CHECK(test::Near(StraightenKeeps({300, 300}, 45), 1 / std::sqrt(2)));
  CHECK(test::Near(StraightenKeeps({400, 300}, 10), StraightenKeeps({400, 300}, -10)));
  CHECK(StraightenKeeps({400, 300}, 10) < 1);
}

TEST_CASE("a rendition is never larger than what the edit leaves") {
  CHECK(PlanRendition({6000, 4000}, {}, {}, 1600).output == PixelSize{1600, 1067});
  CHECK(PlanRendition({600, 400}, {}, {}, 1600).output == PixelSize{600, 400});
  CHECK(PlanRendition({6000, 4000}, {}, {.rotation_degrees = 90}, 1600).output ==
        PixelSize{1067, 1600});
  CHECK(PlanRendition({2000, 1000}, {}, {.crop = Crop{0, 0, 0.5, 1}}, 1600).output ==
        PixelSize{1000, 1000});
  CHECK(PlanRendition({10000, 1}, {}, {}, 320).output == PixelSize{320, 1});
}

TEST_CASE("a page that the picture fills cuts evenly and has exactly its pixels") {
  const PrintPlan plan = PlanPrint({6000, 4000}, {}, {}, {.width_px = 2400, .height_px = 2400});
  CHECK_FALSE(plan.turned);
  CHECK(plan.picture.output == PixelSize{2400, 2400});
  CheckSame(plan.picture.area, {1.0 / 6, 0, 2.0 / 3, 1});
  CHECK(test::Near(plan.source_pixels_per_pixel, 4000.0 / 2400));
}

TEST_CASE("a picture turns to a paper of the other orientation, a square one does not") {
  const PrintSpec tall{.width_px = 1200, .height_px = 1800};
  const PrintPlan plan = PlanPrint({3000, 2000}, {}, {}, tall);
  CHECK(plan.turned);
  CHECK(plan.picture.output == PixelSize{1800, 1200});
  CHECK(plan.left == 0);
  CHECK(plan.top == 0);
  CheckSame(plan.picture.area, {0, 0, 1, 1});
  CHECK_FALSE(PlanPrint({2000, 2000}, {}, {}, tall).turned);
  CHECK_FALSE(PlanPrint({2000, 3000}, {}, {}, tall).turned);
  CHECK_FALSE(PlanPrint({3000, 2000}, {}, {.rotation_degrees = 90}, tall).turned);
  // What counts is the shape after the crop.
  PrintSpec cropped = tall;
  cropped.crop = Crop{0, 0, 0.3, 1};
  CHECK_FALSE(PlanPrint({3000, 2000}, {}, {}, cropped).turned);
}

TEST_CASE("a fitted picture is whole, centred, and inside the border") {
  const PrintPlan plan =
      PlanPrint({4000, 2000}, {}, {},
                {.width_px = 1000, .height_px = 800, .fit = Fit::kFit, .border_px = 100});
  CHECK(plan.picture.output == PixelSize{800, 400});
  CHECK(plan.left == 100);
  CHECK(plan.top == 200);
  CheckSame(plan.picture.area, {0, 0, 1, 1});
}

TEST_CASE("a print crop is taken of what the edit leaves") {
  const PrintPlan plan =
      PlanPrint({1000, 1000}, {}, {.crop = Crop{0.5, 0.5, 0.5, 0.5}},
                {.width_px = 100, .height_px = 100, .crop = Crop{0.5, 0, 0.5, 0.5}});
  CheckSame(plan.picture.area, {0.75, 0.5, 0.25, 0.25});
  CHECK(test::Near(plan.source_pixels_per_pixel, 2.5));
}

}  // namespace
}  // namespace proofline::imaging
