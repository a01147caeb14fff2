#include <limits>

#include "lib/imaging/edit.h"
#include "lib/imaging/print_spec.h"
#include "lib/imaging/rendition.h"
#include "test/catch.h"

namespace proofline::imaging {
namespace {

TEST_CASE("a crop outside the picture or without a size is refused with its values") {
  CHECK(Validate(Crop{}).ok());
  CHECK(Validate(Crop{0.5, 0.5, 0.5, 0.5}).ok());
  CHECK(Validate(Crop{0, 0, 1.0000001, 1}).ok());
  CHECK_FALSE(Validate(Crop{-0.1, 0, 0.5, 0.5}).ok());
  CHECK_FALSE(Validate(Crop{0.6, 0, 0.5, 0.5}).ok());
  CHECK_FALSE(Validate(Crop{0, 0, 0, 1}).ok());
  CHECK_FALSE(Validate(Crop{0, 0, std::numeric_limits<double>::quiet_NaN(), 1}).ok());
  CHECK(std::string(Validate(Crop{0.75, 0, 0.5, 1}).message()).find("0.75") != std::string::npos);
}

TEST_CASE("an edit is refused for odd rotations, steep straightening and a wrong crop") {
  CHECK(Validate(Edit{}).ok());
  CHECK(Validate(Edit{.rotation_degrees = 270, .straighten_degrees = -45, .crop = Crop{}}).ok());
  CHECK_FALSE(Validate(Edit{.rotation_degrees = 45}).ok());
  CHECK_FALSE(Validate(Edit{.rotation_degrees = -90}).ok());
  CHECK_FALSE(Validate(Edit{.straighten_degrees = 45.1}).ok());
  CHECK_FALSE(Validate(Edit{.straighten_degrees = std::numeric_limits<double>::quiet_NaN()}).ok());
  CHECK_FALSE(Validate(Edit{.crop = Crop{2, 2, 2, 2}}).ok());
}

TEST_CASE("renditions are refused when there are none, too many, or twice the same kind") {
  CHECK(Validate(RenditionRequest{}).ok());
  CHECK_FALSE(Validate(RenditionRequest{.specs = {}}).ok());
  CHECK_FALSE(Validate(RenditionRequest{.specs = {ProofSpec(), ProofSpec()}}).ok());
  CHECK_FALSE(Validate(RenditionSpec{"Proof", 100, 80}).ok());
  CHECK_FALSE(Validate(RenditionSpec{"proof", 15, 80}).ok());
  CHECK_FALSE(Validate(RenditionSpec{"proof", 100, 0}).ok());
  CHECK_FALSE(Validate(RenditionSpec{"proof", 100, 101}).ok());
}

TEST_CASE("a page is refused when it is absurd or its border leaves no picture") {
  const PrintSpec good{.width_px = 1800, .height_px = 1200};
  CHECK(Validate(good).ok());
  PrintSpec spec = good;
  spec.width_px = 0;
  CHECK_FALSE(Validate(spec).ok());
  spec = good;
  spec.width_px = spec.height_px = 60000;
  CHECK_FALSE(Validate(spec).ok());
  spec = good;
  spec.border_px = 600;
  CHECK_FALSE(Validate(spec).ok());
  spec.border_px = 599;
  CHECK(Validate(spec).ok());
  spec = good;
  spec.pixels_per_inch = 0;
  CHECK_FALSE(Validate(spec).ok());
  spec = good;
  spec.crop = Crop{0, 0, 2, 1};
  CHECK_FALSE(Validate(spec).ok());
}

}  // namespace
}  // namespace proofline::imaging
