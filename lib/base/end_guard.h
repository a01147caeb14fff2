// The end of a process that something holds up.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "lib/base/clock.h"

namespace proofline::base {

// Sees to it that a process which is to end does so: a thread that waits inside the kernel, for a
// network share that does not answer, cannot be joined and would keep the process for ever. Only
// for programs that lose nothing by an end at any moment.
//
// Declared before everything that may be held up, so that it goes last.
class EndGuard {
 public:
  EndGuard() = default;
  // The process has come this far: all is well.
  ~EndGuard() = default;
  EndGuard(const EndGuard&) = delete;
  EndGuard& operator=(const EndGuard&) = delete;

  // Unless this object goes within that time, a warning says what `held_up_by` tells ("the disk"),
  // and the process ends with exit code 0 as it is. At most once. `held_up_by` is called on a
  // thread of the guard and must not wait.
  void Arm(Duration longest, std::function<std::string()> held_up_by);

 private:
  std::jthread thread_;
};

}  // namespace proofline::base
