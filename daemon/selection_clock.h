// Has the catalog decide again about photos as they grow older.
#pragma once

#include <stop_token>
#include <thread>

#include "daemon/catalog.h"

namespace proofline::studio {

// Once an hour, and only where a selection rule asks for a photo's age. A thread of its own. The
// catalog must outlive it.
class SelectionClock {
 public:
  explicit SelectionClock(Catalog& catalog) : catalog_(catalog) {}
  // As Stop().
  ~SelectionClock();
  SelectionClock(const SelectionClock&) = delete;
  SelectionClock& operator=(const SelectionClock&) = delete;

  void Start();
  void Stop();

 private:
  void Run(const std::stop_token& stop);

  Catalog& catalog_;
  std::jthread thread_;
};

}  // namespace proofline::studio
