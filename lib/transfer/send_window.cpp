#include "lib/transfer/send_window.h"

#include "lib/base/check.h"

namespace proofline::transfer {

bool SendWindow::Fits(std::size_t bytes) const {
  if (items_.empty()) return true;
  return in_flight_bytes_ <= max_bytes_ && bytes <= max_bytes_ - in_flight_bytes_;
}

void SendWindow::Sent(std::uint64_t sequence, std::size_t bytes) {
  PROOFLINE_CHECK(!last_sent_.has_value() || sequence > *last_sent_, "sequences rise");
  last_sent_ = sequence;
  items_.push_back({sequence, bytes});
  in_flight_bytes_ += bytes;
}

std::size_t SendWindow::AcknowledgeUpTo(std::uint64_t sequence) {
  std::size_t count = 0;
  while (!items_.empty() && items_.front().sequence <= sequence) {
    in_flight_bytes_ -= items_.front().bytes;
    items_.pop_front();
    ++count;
  }
  return count;
}

void SendWindow::Clear() {
  items_.clear();
  in_flight_bytes_ = 0;
  last_sent_.reset();
}

std::optional<std::uint64_t> SendWindow::oldest() const {
  if (items_.empty()) return std::nullopt;
  return items_.front().sequence;
}

}  // namespace proofline::transfer
