// How much may be under way: bookkeeping for whoever sends numbered items and hears cumulative
// acknowledgements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace proofline::transfer {

// Pure bookkeeping, no waiting. Not thread-safe.
class SendWindow {
 public:
  // `max_bytes` of 0 is a window for one item at a time.
  explicit SendWindow(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // An item of this size may be sent now. One item always may when nothing is in flight.
  bool Fits(std::size_t bytes) const;
  // An item was sent. Its sequence must be greater than those in flight (a broken invariant
  // otherwise).
  void Sent(std::uint64_t sequence, std::size_t bytes);
  // Everything up to and including `sequence` has arrived; a sequence acknowledged before changes
  // nothing. Returns how many items are no longer in flight by this. False knowledge, an
  // acknowledgement of what was never sent, is the caller's to refuse: see last_sent().
  std::size_t AcknowledgeUpTo(std::uint64_t sequence);
  // After a break: nothing is in flight, everything unacknowledged is to be sent again, with the
  // same sequences.
  void Clear();
  // The other side's window can change; what is in flight stays.
  void SetMaxBytes(std::size_t max_bytes) { max_bytes_ = max_bytes; }

  std::size_t max_bytes() const { return max_bytes_; }
  std::size_t in_flight_bytes() const { return in_flight_bytes_; }
  std::size_t in_flight_items() const { return items_.size(); }
  // Of the oldest item in flight.
  std::optional<std::uint64_t> oldest() const;
  // The greatest sequence sent since the start or the last Clear; nothing if none.
  std::optional<std::uint64_t> last_sent() const { return last_sent_; }

 private:
  struct Item {
    std::uint64_t sequence;
    std::size_t bytes;
  };

  std::size_t max_bytes_;
  std::size_t in_flight_bytes_ = 0;
  std::optional<std::uint64_t> last_sent_;
  std::deque<Item> items_;
};

}  // namespace proofline::transfer
