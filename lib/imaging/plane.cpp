#include "lib/imaging/plane.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace proofline::imaging {
namespace {

constexpr std::ptrdiff_t kAlignment = 64;

int RoundedUp(int value, int step) { return (value + step - 1) / step * step; }

Plane Mirrored(const Plane& plane) {
  Plane mirrored(plane.size());
  for (int y = 0; y < plane.height(); ++y) {
    std::reverse_copy(plane.row(y), plane.row(y) + plane.width(), mirrored.row(y));
  }
  return mirrored;
}

Plane UpsideDown(const Plane& plane) {
  Plane turned(plane.size());
  for (int y = 0; y < plane.height(); ++y) {
    std::memcpy(turned.row(plane.height() - 1 - y), plane.row(y),
                static_cast<std::size_t>(plane.width()));
  }
  return turned;
}

// Rows become columns, without a mirror: the first row becomes the first column.
Plane Transposed(const Plane& plane) {
  constexpr int kTile = 16;
  Plane transposed({plane.height(), plane.width()});
  for (int top = 0; top < plane.height(); top += kTile) {
    const int bottom = std::min(top + kTile, plane.height());
    for (int left = 0; left < plane.width(); left += kTile) {
      const int right = std::min(left + kTile, plane.width());
      for (int x = left; x < right; ++x) {
        std::uint8_t* to = transposed.row(x);
        for (int y = top; y < bottom; ++y) to[y] = plane.row(y)[x];
      }
    }
  }
  return transposed;
}

}  // namespace

void Plane::Free::operator()(std::uint8_t* samples) const {
  ::operator delete[](samples, std::align_val_t{kAlignment});
}

Plane::Plane(PixelSize size)
    : size_(size), stride_(RoundedUp(size.width + kRoom, static_cast<int>(kAlignment))) {
  const std::size_t bytes = static_cast<std::size_t>(stride_) * (size.height + kRoom);
  samples_.reset(new (std::align_val_t{kAlignment}) std::uint8_t[bytes]);
}

void Plane::Fill(std::uint8_t value) {
  for (int y = 0; y < height(); ++y) std::fill_n(row(y), width(), value);
}

void Plane::ExtendTo(int block) {
  const int right = RoundedUp(width(), block);
  const int bottom = RoundedUp(height(), block);
  for (int y = 0; y < height(); ++y) {
    std::fill_n(row(y) + width(), right - width(), row(y)[width() - 1]);
  }
  for (int y = height(); y < bottom; ++y) {
    std::memcpy(row(y), row(height() - 1), static_cast<std::size_t>(right));
  }
}

Plane Turned(Plane plane, Turn turn) {
  switch (turn.quarters) {
    case 1:
      return turn.mirrored ? UpsideDown(Mirrored(Transposed(plane))) : Mirrored(Transposed(plane));
    case 2:
      return turn.mirrored ? UpsideDown(plane) : UpsideDown(Mirrored(plane));
    case 3:
      return turn.mirrored ? Transposed(plane) : UpsideDown(Transposed(plane));
    default:
      return turn.mirrored ? Mirrored(plane) : std::move(plane);
  }
}

}  // namespace proofline::imaging
