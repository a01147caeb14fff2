#include "lib/imaging/plane_colours.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

namespace proofline::imaging {
namespace {

using vips::VImage;

// 16 bits after the point.
constexpr int kHalf = 1 << 15;
constexpr int kMiddle = 128 << 16;

std::uint8_t Clamped(int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

void RowToRgb(const Planes& planes, int y, std::uint8_t* rgb) {
  const std::uint8_t* luma = planes[0].row(y);
  const std::uint8_t* blue = planes[1].row(y);
  const std::uint8_t* red = planes[2].row(y);
  for (int x = 0; x < planes[0].width(); ++x) {
    const int b = blue[x] - 128;
    const int r = red[x] - 128;
    rgb[3 * x] = Clamped(luma[x] + ((91881 * r + kHalf) >> 16));
    rgb[3 * x + 1] = Clamped(luma[x] + ((-22554 * b - 46802 * r + kHalf) >> 16));
    rgb[3 * x + 2] = Clamped(luma[x] + ((116130 * b + kHalf) >> 16));
  }
}

void RowFromRgb(const std::uint8_t* rgb, Planes& planes, int y) {
  std::uint8_t* luma = planes[0].row(y);
  std::uint8_t* blue = planes[1].row(y);
  std::uint8_t* red = planes[2].row(y);
  for (int x = 0; x < planes[0].width(); ++x) {
    const int r = rgb[3 * x];
    const int g = rgb[3 * x + 1];
    const int b = rgb[3 * x + 2];
    luma[x] = static_cast<std::uint8_t>((19595 * r + 38470 * g + 7471 * b + kHalf) >> 16);
    blue[x] = Clamped((-11058 * r - 21710 * g + 32768 * b + kMiddle + kHalf) >> 16);
    red[x] = Clamped((32768 * r - 27439 * g - 5329 * b + kMiddle + kHalf) >> 16);
  }
}

}  // namespace

VImage ToRgb(const Planes& planes, const ProfileTransform* transform) {
  const PixelSize size = planes[0].size();
  VImage picture = VImage::new_memory();
  vips_image_init_fields(picture.get_image(), size.width, size.height, 3, VIPS_FORMAT_UCHAR,
                         VIPS_CODING_NONE, VIPS_INTERPRETATION_sRGB, 1, 1);
  if (vips_image_write_prepare(picture.get_image()) != 0) throw vips::VError();
  for (int y = 0; y < size.height; ++y) {
    std::uint8_t* row = VIPS_IMAGE_ADDR(picture.get_image(), 0, y);
    RowToRgb(planes, y, row);
    if (transform != nullptr) transform->Convert(row, row, static_cast<std::size_t>(size.width));
  }
  return picture;
}

Planes Converted(Planes planes, const ProfileTransform& transform) {
  const auto width = static_cast<std::size_t>(planes[0].width());
  const auto row = std::make_unique_for_overwrite<std::uint8_t[]>(3 * width);
  for (int y = 0; y < planes[0].height(); ++y) {
    RowToRgb(planes, y, row.get());
    transform.Convert(row.get(), row.get(), width);
    RowFromRgb(row.get(), planes, y);
  }
  return planes;
}

Planes WithHalfColour(Planes planes) {
  for (Plane* chroma : {&planes[1], &planes[2]}) {
    *chroma = Halved(*chroma, true, true);
  }
  return planes;
}

}  // namespace proofline::imaging
