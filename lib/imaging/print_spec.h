// A page to render: exact pixels, neutral of what is sold or which printer takes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "lib/imaging/edit.h"
#include "lib/imaging/image_facts.h"

namespace proofline::imaging {

// How a picture meets a paper of another shape.
enum class Fit : std::uint8_t {
  kFill,  // the picture covers the paper; what sticks out is cut off evenly on both sides
  kFit,   // the whole picture is on the paper; what is left of the paper stays white
};

// The page is a baseline JPEG of exactly width_px x height_px in sRGB, 4:4:4, with its density set.
//
// A picture (after edit and crop) whose orientation is not the paper's is turned clockwise by a
// quarter, so that its top comes to the paper's right. A square picture or paper turns nothing.
struct PrintSpec {
  // The whole paper, 16 to 60000 each, at most 400 million pixels.
  int width_px = 0;
  int height_px = 0;
  Fit fit = Fit::kFill;
  // In the edited upright picture (before it turns to the paper); the whole picture when absent.
  // One that has not the shape of the paper inside the border is filled or fitted as a picture is.
  std::optional<Crop> crop = std::nullopt;
  // Density recorded in the JPEG, 1 to 10000; the pixels do not depend on it.
  int pixels_per_inch = 300;
  // White on all four sides, inside width_px x height_px.
  int border_px = 0;
  // JPEG quality, 1 to 100; 92 and above for paper.
  int quality = 95;

  friend bool operator==(const PrintSpec&, const PrintSpec&) = default;
};

absl::Status Validate(const PrintSpec& spec);

struct PrintRequest {
  Edit edit = {};
  PrintSpec spec = {};
};

struct PrintRendering {
  std::string jpeg;
  // Whether the picture was turned to the paper.
  bool turned = false;
  // Pixels of the original for each pixel of the picture on the page: below 1 the picture had to
  // be enlarged.
  double source_pixels_per_pixel = 0;
  ImageFacts facts;
};

}  // namespace proofline::imaging
