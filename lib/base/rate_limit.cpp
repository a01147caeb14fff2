#include "lib/base/rate_limit.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "lib/base/config.h"

namespace proofline::base {

RateLimit::RateLimit(std::uint64_t bytes_per_second, const Clock& clock)
    : clock_(clock),
      rate_(bytes_per_second),
      tokens_(static_cast<double>(bytes_per_second)),
      filled_(clock.Now()) {}

void RateLimit::SetRate(std::uint64_t bytes_per_second) {
  {
    const std::lock_guard lock(mutex_);
    rate_ = bytes_per_second;
    tokens_ = std::min(tokens_, static_cast<double>(rate_));
    filled_ = clock_.Now();
  }
  changed_.notify_all();
}

std::uint64_t RateLimit::rate() const {
  const std::lock_guard lock(mutex_);
  return rate_;
}

Duration RateLimit::TryTakeLocked(std::uint64_t bytes) {
  if (rate_ == 0) return Duration::zero();
  const auto rate = static_cast<double>(rate_);
  const SteadyTime now = clock_.Now();
  const std::chrono::duration<double> passed = now - filled_;
  filled_ = now;
  tokens_ = std::min(tokens_ + passed.count() * rate, rate);
  if (tokens_ > 0) {
    tokens_ -= static_cast<double>(bytes);
    return Duration::zero();
  }
  const std::chrono::duration<double> wait(1 / rate - tokens_ / rate);
  // A debt from before the rate was lowered may take years to pay: ask again before.
  return std::chrono::ceil<Duration>(std::min(wait, std::chrono::duration<double>(3600)));
}

Duration RateLimit::TryTake(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  return TryTakeLocked(bytes);
}

bool RateLimit::Take(std::uint64_t bytes, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const Duration wait = TryTakeLocked(bytes);
    if (wait == Duration::zero()) return true;
    const std::uint64_t rate = rate_;
    changed_.wait_for(lock, stop, wait, [&] { return rate_ != rate; });
  }
  return false;
}

absl::StatusOr<std::uint64_t> ParseRate(std::string_view text) {
  if (text.empty()) return std::uint64_t{0};
  const absl::Status wrong =
      absl::InvalidArgumentError("must be bytes in a second, such as \"2MiB/s\" or \"500KB/s\"");
  if (!text.ends_with("/s")) return wrong;
  text.remove_suffix(2);
  const absl::StatusOr<std::uint64_t> size = ParseSize(text);
  if (!size.ok() || *size == 0) return wrong;
  return *size;
}

}  // namespace proofline::base
