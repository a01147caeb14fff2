// A mark over the renditions that customers look at.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace proofline::imaging {

// A text or a picture, laid over chosen renditions. Pages for paper have no such thing: nothing
// that prints takes one.
struct Watermark {
  static constexpr std::size_t kMaxText = 200;
  static constexpr std::size_t kMaxPng = std::size_t{8} << 20;

  enum class Position : std::uint8_t {
    kTopLeft,
    kTop,
    kTopRight,
    kLeft,
    kCentre,
    kRight,
    kBottomLeft,
    kBottom,
    kBottomRight,
  };

  // Exactly one of these two. Plain text in UTF-8, of at most kMaxText bytes, whose only control
  // character may be the newline; it is drawn white with a dark rim, so that it shows on anything.
  std::string text = {};
  // A PNG, of at most kMaxPng bytes and 16 million pixels; its transparency is kept.
  std::string png = {};

  // Where it stands, unless it is tiled.
  Position position = Position::kCentre;
  // 0 (not to be seen) to 1 (covers what is under it, as far as the mark itself does).
  double opacity = 0.4;
  // All over the picture, every other row moved by half a mark.
  bool tiled = false;
  // Length of the mark's longer side, as a fraction of the picture's short side: 0.02 to 1.
  double size = 0.5;
  // Distance from the picture's edges, or between tiles, as a fraction of the picture's short side:
  // 0 to 0.5.
  double margin = 0.03;

  friend bool operator==(const Watermark&, const Watermark&) = default;
};

// InvalidArgument with a sentence naming the wrong value. What is inside the PNG is not looked at.
absl::Status Validate(const Watermark& watermark);

}  // namespace proofline::imaging
