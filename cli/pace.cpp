#include "cli/pace.h"

#include <chrono>

namespace proofline::cli {

void Pace::Add(base::SteadyTime time, std::int64_t done) {
  // A counter that went back belongs to another run of the daemon.
  if (!samples_.empty() && done < samples_.back().done) samples_.clear();
  samples_.push_back({time, done});
  while (samples_.size() > 2 && time - samples_.front().time > std::chrono::minutes(1)) {
    samples_.pop_front();
  }
}

std::optional<double> Pace::PerSecond() const {
  if (samples_.size() < 2) return std::nullopt;
  const std::chrono::duration<double> time = samples_.back().time - samples_.front().time;
  if (time.count() < 1) return std::nullopt;
  return static_cast<double>(samples_.back().done - samples_.front().done) / time.count();
}

std::optional<base::Duration> Pace::TimeFor(std::int64_t left) const {
  const std::optional<double> pace = PerSecond();
  if (!pace.has_value() || *pace <= 0) return std::nullopt;
  return std::chrono::duration_cast<base::Duration>(
      std::chrono::duration<double>(static_cast<double>(left) / *pace));
}

}  // namespace proofline::cli
