#include "lib/base/clock.h"

namespace proofline::base {
namespace {

class MachineClock : public Clock {
 public:
  SteadyTime Now() const override { return std::chrono::steady_clock::now(); }
  WallTime WallNow() const override { return std::chrono::system_clock::now(); }
};

}  // namespace

Clock& RealClock() {
  static MachineClock clock;
  return clock;
}

FakeClock::FakeClock()
    : steady_(std::chrono::hours(1)), wall_(WallTime(std::chrono::seconds(1'000'000'000))) {}

SteadyTime FakeClock::Now() const {
  const std::lock_guard lock(mutex_);
  return steady_;
}

WallTime FakeClock::WallNow() const {
  const std::lock_guard lock(mutex_);
  return wall_;
}

void FakeClock::Advance(Duration by) {
  const std::lock_guard lock(mutex_);
  steady_ += by;
  wall_ += std::chrono::duration_cast<WallTime::duration>(by);
}

void FakeClock::SetWall(WallTime to) {
  const std::lock_guard lock(mutex_);
  wall_ = to;
}

}  // namespace proofline::base
