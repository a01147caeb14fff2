// The coded data of a JPEG, as a decoder wants it: without the zero that follows every 0xFF in the
// file, and in pieces that end at markers.
//
// Source: ITU-T T.81 (JPEG), B.1.1.2 (markers), B.1.1.5 (coded data), E.1.4 (restarts).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace proofline::imaging {

// A window that moves over the data of one scan. The file must outlive it. Not thread-safe.
class ScanBytes {
 public:
  // From the first byte behind the scan's header. Throws std::bad_alloc.
  explicit ScanBytes(std::string_view file);

  // What can be read without asking, beyond end() too.
  static constexpr std::ptrdiff_t kMargin = 4096;

  // The bytes of the current piece that are in the window. Behind end() come kMargin zeros.
  const std::uint8_t* begin() const { return window_.get(); }
  const std::uint8_t* end() const { return window_.get() + filled_; }
  // No more of this piece comes behind end().
  bool is_complete() const { return is_complete_; }

  // Moves the window up to `from`, a place in it, and says where that is now. At least kMargin
  // bytes are behind it, or the piece is complete.
  const std::uint8_t* MoveTo(const std::uint8_t* from);
  // The window is at the beginning of the piece behind the marker that has ended this one.
  void NextPiece();
  // What has ended this piece; 0 if the file has.
  std::uint8_t marker() const { return marker_; }

 private:
  static constexpr std::ptrdiff_t kWindow = 64 << 10;

  void Fill();
  void TakeUpTo(std::size_t place);
  void TakeEscape();

  std::string_view file_;
  std::size_t taken_ = 0;
  std::unique_ptr<std::uint8_t[]> window_;
  std::ptrdiff_t filled_ = 0;
  bool is_complete_ = false;
  std::uint8_t marker_ = 0;
};

}  // namespace proofline::imaging
