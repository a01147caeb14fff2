#include "lib/imaging/scan_bytes.h"

#include <algorithm>
#include <cstring>

#include "lib/base/check.h"

namespace proofline::imaging {

ScanBytes::ScanBytes(std::string_view file)
    : file_(file), window_(std::make_unique_for_overwrite<std::uint8_t[]>(kWindow + kMargin)) {
  Fill();
}

const std::uint8_t* ScanBytes::MoveTo(const std::uint8_t* from) {
  PROOFLINE_CHECK(from >= begin() && from <= end(), "a place outside of the window");
  std::memmove(window_.get(), from, static_cast<std::size_t>(end() - from));
  filled_ -= from - begin();
  Fill();
  return begin();
}

void ScanBytes::NextPiece() {
  PROOFLINE_CHECK(is_complete_, "a piece that has not ended");
  is_complete_ = false;
  marker_ = 0;
  filled_ = 0;
  Fill();
}

void ScanBytes::Fill() {
  while (!is_complete_ && filled_ < kWindow) {
    const std::size_t most =
        std::min(file_.size() - taken_, static_cast<std::size_t>(kWindow - filled_));
    const void* escape = std::memchr(file_.data() + taken_, 0xFF, most);
    if (escape == nullptr) {
      TakeUpTo(taken_ + most);
      if (taken_ == file_.size()) is_complete_ = true;
      continue;
    }
    TakeUpTo(static_cast<std::size_t>(static_cast<const char*>(escape) - file_.data()));
    TakeEscape();
  }
  std::memset(window_.get() + filled_, 0, kMargin);
}

void ScanBytes::TakeUpTo(std::size_t place) {
  std::memcpy(window_.get() + filled_, file_.data() + taken_, place - taken_);
  filled_ += static_cast<std::ptrdiff_t>(place - taken_);
  taken_ = place;
}

// A byte of data, or a marker, before which 0xFF may be repeated.
void ScanBytes::TakeEscape() {
  std::size_t place = taken_ + 1;
  while (place < file_.size() && file_[place] == '\xFF') ++place;
  if (place < file_.size() && file_[place] == 0 && place == taken_ + 1) {
    window_[filled_++] = 0xFF;
    taken_ = place + 1;
    return;
  }
  is_complete_ = true;
  marker_ = place < file_.size() ? static_cast<std::uint8_t>(file_[place]) : 0;
  taken_ = std::min(place + 1, file_.size());
}

}  // namespace proofline::imaging
