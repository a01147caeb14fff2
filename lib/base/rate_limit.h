// A limit on how much goes through in a time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"

namespace proofline::base {

// A token bucket for bytes that holds what passes in a second. A taker that finds anything in it
// may take more than there is; those after it wait until the debt is paid, so that large takings
// need no cutting and the mean holds. Thread-safe.
class RateLimit {
 public:
  // 0: no limit. The clock must outlive it.
  explicit RateLimit(std::uint64_t bytes_per_second = 0, const Clock& clock = RealClock());

  // Also wakes who waits, to wait by the new rate.
  void SetRate(std::uint64_t bytes_per_second);
  std::uint64_t rate() const;

  // Blocks until the bytes may go; false if `stop` was requested before.
  bool Take(std::uint64_t bytes, const std::stop_token& stop);
  // Takes the bytes and returns zero, or takes nothing and returns how long to wait before asking
  // again.
  Duration TryTake(std::uint64_t bytes);

 private:
  Duration TryTakeLocked(std::uint64_t bytes);

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t rate_;
  // May be below zero: the debt.
  double tokens_;
  SteadyTime filled_;
};

// "2MiB/s", "500KB/s"; empty text is 0, no limit. InvalidArgument is the end of a sentence that
// begins with what the text is for.
absl::StatusOr<std::uint64_t> ParseRate(std::string_view text);

}  // namespace proofline::base
