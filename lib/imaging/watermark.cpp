#include "lib/imaging/watermark.h"

#include <algorithm>
#include <string_view>

#include "lib/base/text.h"
#include "lib/imaging/text.h"

namespace proofline::imaging {
namespace {

using namespace std::string_view_literals;

// Not a number is outside.
bool Between(double value, double least, double most) { return value >= least && value <= most; }

bool HasControlCharacters(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == '\x7F';
  });
}

}  // namespace

absl::Status Validate(const Watermark& watermark) {
  if (watermark.text.empty() == watermark.png.empty()) {
    return absl::InvalidArgumentError("a watermark is either a text or a PNG");
  }
  if (watermark.text.size() > Watermark::kMaxText || !IsValidUtf8(watermark.text) ||
      HasControlCharacters(watermark.text)) {
    return absl::InvalidArgumentError(
        base::Concat("the text of a watermark is valid UTF-8 of at most ", Watermark::kMaxText,
                     " bytes without control characters"));
  }
  if (!watermark.png.empty() && !watermark.png.starts_with("\x89PNG\r\n\x1A\n"sv)) {
    return absl::InvalidArgumentError("the picture of a watermark must be a PNG");
  }
  if (watermark.png.size() > Watermark::kMaxPng) {
    return absl::InvalidArgumentError(base::Concat(
        "the PNG of a watermark has ", watermark.png.size(), " bytes, above the limit of 8 MiB"));
  }
  if (watermark.position > Watermark::Position::kBottomRight) {
    return absl::InvalidArgumentError("a watermark stands at one of nine positions");
  }
  if (!Between(watermark.opacity, 0, 1)) {
    return absl::InvalidArgumentError("the opacity of a watermark must be 0 to 1");
  }
  if (!Between(watermark.size, 0.02, 1)) {
    return absl::InvalidArgumentError(
        "the size of a watermark must be 0.02 to 1 of the picture's short side");
  }
  if (!Between(watermark.margin, 0, 0.5)) {
    return absl::InvalidArgumentError(
        "the margin of a watermark must be 0 to 0.5 of the picture's short side");
  }
  return absl::OkStatus();
}

}  // namespace proofline::imaging
