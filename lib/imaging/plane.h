// One component of a picture in memory: luma or one of the two chromas.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "lib/imaging/geometry.h"

namespace proofline::imaging {

// Samples of 8 bits, all values used, row after row. Every row begins at a multiple of 64 bytes,
// and behind its samples, as below the last row, there is room for what codecs of whole blocks
// write there. Movable. Throws std::bad_alloc.
class Plane {
 public:
  Plane() = default;
  // The samples are not set.
  explicit Plane(PixelSize size);

  PixelSize size() const { return size_; }
  int width() const { return size_.width; }
  int height() const { return size_.height; }
  std::ptrdiff_t stride() const { return stride_; }
  // Rows below the last one, as far as the room reaches, may be asked for too.
  std::uint8_t* row(int y) { return samples_.get() + y * stride_; }
  const std::uint8_t* row(int y) const { return samples_.get() + y * stride_; }

  void Fill(std::uint8_t value);
  // Repeats the last column and the last row until both sides are multiples of `block` (at most
  // kRoom).
  void ExtendTo(int block);

  // Samples that fit behind each row, and rows that fit below the last one.
  static constexpr int kRoom = 32;

 private:
  struct Free {
    void operator()(std::uint8_t* samples) const;
  };
  PixelSize size_;
  std::ptrdiff_t stride_ = 0;
  std::unique_ptr<std::uint8_t[], Free> samples_;
};

// Neighbouring samples, two across, two down or four, averaged into one. The last of an odd number
// stands for two.
Plane Halved(const Plane& plane, bool across, bool down);

// Takes a plane over and lays it down another way.
Plane Turned(Plane plane, Turn turn);

}  // namespace proofline::imaging
