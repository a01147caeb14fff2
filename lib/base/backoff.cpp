#include "lib/base/backoff.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "lib/base/check.h"

namespace proofline::base {
namespace {

constexpr Duration kShortest = std::chrono::milliseconds(1);

}  // namespace

Backoff::Backoff(Duration initial, Duration max)
    : initial_(initial), max_(max), limit_(initial), random_(std::random_device{}()) {
  PROOFLINE_CHECK(initial >= kShortest && max >= initial, "backoff limits must rise from 1 ms");
}

Duration Backoff::Next() {
  std::uniform_int_distribution<Duration::rep> spread(kShortest.count(), limit_.count());
  const Duration wait(spread(random_));
  // Compared before doubling, so that no limit can overflow.
  limit_ = limit_ > max_ / 2 ? max_ : limit_ * 2;
  return wait;
}

void Backoff::Reset() { limit_ = initial_; }

bool WaitFor(std::stop_token stop, Duration duration) {
  // The library turns a relative time into a deadline on the steady clock, which an
  // hour-of-centuries duration would overflow.
  constexpr Duration kLongest = std::chrono::hours(24 * 365);
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, std::min(duration, kLongest), [] { return false; });
  return !stop.stop_requested();
}

}  // namespace proofline::base
