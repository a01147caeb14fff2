// Where the pixels of a rendition or a page come from: pure arithmetic, shared by everything that
// renders and everything that predicts what a rendering will be.
#pragma once

#include "lib/imaging/edit.h"
#include "lib/imaging/print_spec.h"

namespace proofline::imaging {

struct PixelSize {
  int width = 0;
  int height = 0;

  friend bool operator==(const PixelSize&, const PixelSize&) = default;
};

// One of the eight ways to lay a picture down: first mirrored left to right or not, then turned
// clockwise by a number of quarters.
struct Turn {
  bool mirrored = false;
  int quarters = 0;  // 0 to 3

  friend bool operator==(const Turn&, const Turn&) = default;
};

// What makes a picture with this EXIF orientation upright. Unknown values turn nothing.
Turn TurnForOrientation(int orientation);
// `turn`, then a further clockwise rotation by a multiple of 90 degrees.
Turn ThenRotate(Turn turn, int degrees);

PixelSize SizeAfter(PixelSize size, Turn turn);
// Which part of the stored picture becomes `area` of the turned one.
Crop AreaBefore(const Crop& area, Turn turn);
// `inner`, given in fractions of `outer`, in fractions of what `outer` is given in.
Crop Within(const Crop& outer, const Crop& inner);

// How much of each side is left when a picture of this size has been straightened, 0 to 1.
double StraightenKeeps(PixelSize size, double degrees);

// What an edit leaves of a picture, in pixels of the original (not whole numbers).
struct EditedSize {
  double width = 0;
  double height = 0;
};

// A piece of a picture, to be rendered into exactly `output` pixels.
struct RenderPlan {
  // From the stored picture (its orientation tag included) to the frame that is straightened.
  Turn turn;
  double straighten_degrees = 0;
  // In fractions of the straightened frame.
  Crop area;
  PixelSize output;
};

// `upright` is the size as the orientation tag says, without the edit.
EditedSize SizeAfterEdit(PixelSize upright, const Edit& edit);

// A rendition with this long edge, never larger than what the edit leaves.
RenderPlan PlanRendition(PixelSize upright, Turn stored_to_upright, const Edit& edit,
                         int long_edge_px);

struct PrintPlan {
  // The picture as it will be on the page, before it turns to the paper.
  RenderPlan picture;
  // Whether it then turns clockwise by a quarter.
  bool turned = false;
  // Where its upper left corner comes on the page, after turning.
  int left = 0;
  int top = 0;
  double source_pixels_per_pixel = 0;
};

// `spec` and `edit` must be valid.
PrintPlan PlanPrint(PixelSize upright, Turn stored_to_upright, const Edit& edit,
                    const PrintSpec& spec);

}  // namespace proofline::imaging
