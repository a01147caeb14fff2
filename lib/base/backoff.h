// Waiting between attempts, and waiting that can be cut short.
#pragma once

#include <random>
#include <stop_token>

#include "lib/base/clock.h"

namespace proofline::base {

// How long to wait before the next attempt: evenly random between 1 ms and a limit ("full jitter")
// that starts at `initial` and doubles with each attempt up to `max`. Not thread-safe.
class Backoff {
 public:
  // Both at least 1 ms; `max` at least `initial`.
  Backoff(Duration initial, Duration max);
  Duration Next();
  // After a success: the next limit is `initial` again.
  void Reset();

 private:
  const Duration initial_;
  const Duration max_;
  Duration limit_;
  std::minstd_rand random_;
};

// Sleeps on the steady clock until `duration` has passed or `stop` is requested. True if the whole
// time passed. Returns at once if stop has been requested before.
bool WaitFor(std::stop_token stop, Duration duration);

}  // namespace proofline::base
