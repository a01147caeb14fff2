// Time that tests can hold in their hands.
#pragma once

#include <chrono>
#include <mutex>

namespace proofline::base {

using Duration = std::chrono::nanoseconds;
using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

// Source of both times. Implementations are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // For waiting and measuring; never goes back.
  virtual SteadyTime Now() const = 0;
  // For people and records; may jump.
  virtual WallTime WallNow() const = 0;
};

// The clock of the machine; lives as long as the process.
Clock& RealClock();

// A clock that moves only when told. Starts at 2001-09-09 01:46:40 UTC (10^9 s) of wall time.
// It wakes nobody: it is for code that asks the time, not for code that sleeps.
class FakeClock : public Clock {
 public:
  FakeClock();
  SteadyTime Now() const override;
  WallTime WallNow() const override;
  // Moves both times forward.
  void Advance(Duration by);
  // Sets the wall time alone, as an administrator or NTP does.
  void SetWall(WallTime to);

 private:
  mutable std::mutex mutex_;
  SteadyTime steady_;
  WallTime wall_;
};

}  // namespace proofline::base
