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

// Two neighbouring samples in one number: with it the compiler needs no shuffling to make vector
// instructions of the loops below. Which of the two comes first makes no difference to a sum.
int SumOfPair(const std::uint8_t* pair) {
  std::uint16_t both = 0;
  std::memcpy(&both, pair, sizeof(both));
  return (both & 0xFF) + (both >> 8);
}

void AverageFour(const std::uint8_t* upper, const std::uint8_t* lower, int pairs,
                 std::uint8_t* __restrict to) {
  for (int x = 0; x < pairs; ++x) {
    to[x] =
        static_cast<std::uint8_t>((SumOfPair(upper + 2 * x) + SumOfPair(lower + 2 * x) + 2) >> 2);
  }
}

void AverageAcross(const std::uint8_t* from, int pairs, std::uint8_t* __restrict to) {
  for (int x = 0; x < pairs; ++x) {
    to[x] = static_cast<std::uint8_t>((SumOfPair(from + 2 * x) + 1) >> 1);
  }
}

void AverageDown(const std::uint8_t* upper, const std::uint8_t* lower, int width,
                 std::uint8_t* __restrict to) {
  for (int x = 0; x < width; ++x) {
    to[x] = static_cast<std::uint8_t>((upper[x] + lower[x] + 1) >> 1);
  }
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

Plane Halved(const Plane& plane, bool across, bool down) {
  const int width = plane.width();
  Plane halved(
      {across ? (width + 1) / 2 : width, down ? (plane.height() + 1) / 2 : plane.height()});
  for (int y = 0; y < halved.height(); ++y) {
    const std::uint8_t* upper = plane.row(down ? 2 * y : y);
    const std::uint8_t* lower = plane.row(down ? std::min(2 * y + 1, plane.height() - 1) : y);
    std::uint8_t* to = halved.row(y);
    if (!across) {
      AverageDown(upper, lower, width, to);
      continue;
    }
    if (down) {
      AverageFour(upper, lower, width / 2, to);
    } else {
      AverageAcross(upper, width / 2, to);
    }
    if (width % 2 == 1) {
      to[width / 2] = static_cast<std::uint8_t>((upper[width - 1] + lower[width - 1] + 1) >> 1);
    }
  }
  return halved;
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
