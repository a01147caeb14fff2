// How fast something gets on, and when it will be done.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "lib/base/clock.h"

namespace proofline::cli {

// Watches a counter over the last minute.
class Pace {
 public:
  void Add(base::SteadyTime time, std::int64_t done);
  // In a second; nothing until it has been watched for a second.
  std::optional<double> PerSecond() const;
  // Until `left` more are done; nothing while nothing gets on.
  std::optional<base::Duration> TimeFor(std::int64_t left) const;

 private:
  struct Sample {
    base::SteadyTime time;
    std::int64_t done;
  };
  std::deque<Sample> samples_;
};

}  // namespace proofline::cli
