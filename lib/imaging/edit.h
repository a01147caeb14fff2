// How a photographer wants a photo to look, without touching its original.
#pragma once

#include <optional>

#include "absl/status/status.h"

namespace proofline::imaging {

// A rectangle inside a picture, in fractions of its width and height: left and top are the distance
// of the rectangle's upper left corner from the picture's. The whole picture is {0, 0, 1, 1}.
struct Crop {
  double left = 0;
  double top = 0;
  double width = 1;
  double height = 1;

  friend bool operator==(const Crop&, const Crop&) = default;
};

// An edit. Its steps are applied in the order of its fields, to the upright picture (as its
// orientation tag says; a rotation is what the photographer adds to that).
struct Edit {
  // Clockwise: 0, 90, 180 or 270.
  int rotation_degrees = 0;
  // Clockwise, -45 to 45: the picture turns about its centre, and of it the largest centred
  // rectangle of the picture's own shape that has no empty corner is kept.
  double straighten_degrees = 0;
  // In what the steps before leave; nothing is cut off when absent.
  std::optional<Crop> crop = std::nullopt;

  friend bool operator==(const Edit&, const Edit&) = default;
};

// InvalidArgument with a sentence naming the wrong value. Values that are not numbers are wrong.
absl::Status Validate(const Crop& crop);
absl::Status Validate(const Edit& edit);

}  // namespace proofline::imaging
