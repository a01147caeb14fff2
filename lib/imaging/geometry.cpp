#include "lib/imaging/geometry.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace proofline::imaging {
namespace {

int AtLeastOne(double pixels) { return std::max(1, static_cast<int>(std::lround(pixels))); }

PixelSize Frame(PixelSize upright, const Edit& edit) {
  return SizeAfter(upright, ThenRotate({}, edit.rotation_degrees));
}

// The part of the picture that fills a shape of `width` to `height`, cut off evenly.
Crop FillingPart(EditedSize picture, double width, double height) {
  const double picture_shape = picture.width / picture.height;
  const double shape = width / height;
  Crop part;
  if (picture_shape > shape) {
    part.width = shape / picture_shape;
    part.left = (1 - part.width) / 2;
  } else {
    part.height = picture_shape / shape;
    part.top = (1 - part.height) / 2;
  }
  return part;
}

}  // namespace

Turn TurnForOrientation(int orientation) {
  switch (orientation) {
    case 2:
      return {.mirrored = true, .quarters = 0};
    case 3:
      return {.mirrored = false, .quarters = 2};
    case 4:
      return {.mirrored = true, .quarters = 2};
    case 5:
      return {.mirrored = true, .quarters = 3};
    case 6:
      return {.mirrored = false, .quarters = 1};
    case 7:
      return {.mirrored = true, .quarters = 1};
    case 8:
      return {.mirrored = false, .quarters = 3};
    default:
      return {};
  }
}

Turn ThenRotate(Turn turn, int degrees) {
  turn.quarters = ((turn.quarters + degrees / 90) % 4 + 4) % 4;
  return turn;
}

PixelSize SizeAfter(PixelSize size, Turn turn) {
  if (turn.quarters % 2 == 1) std::swap(size.width, size.height);
  return size;
}

Crop AreaBefore(const Crop& area, Turn turn) {
  Crop before = area;
  // Each step undoes one clockwise quarter: the upper right corner becomes the upper left one.
  for (int i = 0; i < turn.quarters; ++i) {
    before = {.left = before.top,
              .top = 1 - before.left - before.width,
              .width = before.height,
              .height = before.width};
  }
  if (turn.mirrored) before.left = 1 - before.left - before.width;
  return before;
}

Crop Within(const Crop& outer, const Crop& inner) {
  return {.left = outer.left + inner.left * outer.width,
          .top = outer.top + inner.top * outer.height,
          .width = inner.width * outer.width,
          .height = inner.height * outer.height};
}

double StraightenKeeps(PixelSize size, double degrees) {
  const double radians = std::abs(degrees) * std::numbers::pi / 180;
  const double width = size.width;
  const double height = size.height;
  const double across = width * std::cos(radians) + height * std::sin(radians);
  const double down = width * std::sin(radians) + height * std::cos(radians);
  return std::min({1.0, width / across, height / down});
}

EditedSize SizeAfterEdit(PixelSize upright, const Edit& edit) {
  const PixelSize frame = Frame(upright, edit);
  const double keeps = StraightenKeeps(frame, edit.straighten_degrees);
  const Crop crop = edit.crop.value_or(Crop{});
  return {.width = frame.width * keeps * crop.width, .height = frame.height * keeps * crop.height};
}

RenderPlan PlanRendition(PixelSize upright, Turn stored_to_upright, const Edit& edit,
                         int long_edge_px) {
  const EditedSize edited = SizeAfterEdit(upright, edit);
  const double scale = std::min(1.0, long_edge_px / std::max(edited.width, edited.height));
  return {.turn = ThenRotate(stored_to_upright, edit.rotation_degrees),
          .straighten_degrees = edit.straighten_degrees,
          .area = edit.crop.value_or(Crop{}),
          .output = {AtLeastOne(edited.width * scale), AtLeastOne(edited.height * scale)}};
}

PrintPlan PlanPrint(PixelSize upright, Turn stored_to_upright, const Edit& edit,
                    const PrintSpec& spec) {
  const EditedSize edited = SizeAfterEdit(upright, edit);
  const Crop print_crop = spec.crop.value_or(Crop{});
  const EditedSize picture = {edited.width * print_crop.width, edited.height * print_crop.height};

  PrintPlan plan;
  const bool picture_is_wide = picture.width > picture.height;
  const bool picture_is_tall = picture.width < picture.height;
  plan.turned = (picture_is_wide && spec.width_px < spec.height_px) ||
                (picture_is_tall && spec.width_px > spec.height_px);
  // The room for the picture, as the picture stands before it turns.
  int room_width = spec.width_px - 2 * spec.border_px;
  int room_height = spec.height_px - 2 * spec.border_px;
  if (plan.turned) std::swap(room_width, room_height);

  Crop part;
  PixelSize output{room_width, room_height};
  if (spec.fit == Fit::kFill) {
    part = FillingPart(picture, room_width, room_height);
  } else {
    const double scale = std::min(room_width / picture.width, room_height / picture.height);
    output = {std::min(room_width, AtLeastOne(picture.width * scale)),
              std::min(room_height, AtLeastOne(picture.height * scale))};
  }
  plan.picture = {.turn = ThenRotate(stored_to_upright, edit.rotation_degrees),
                  .straighten_degrees = edit.straighten_degrees,
                  .area = Within(edit.crop.value_or(Crop{}), Within(print_crop, part)),
                  .output = output};
  plan.source_pixels_per_pixel = std::min(picture.width * part.width / output.width,
                                          picture.height * part.height / output.height);
  const PixelSize on_page = plan.turned ? PixelSize{output.height, output.width} : output;
  plan.left = (spec.width_px - on_page.width) / 2;
  plan.top = (spec.height_px - on_page.height) / 2;
  return plan;
}

}  // namespace proofline::imaging
