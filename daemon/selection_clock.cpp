#include "daemon/selection_clock.h"

#include <spdlog/spdlog.h>

#include "lib/base/backoff.h"
#include "lib/base/text.h"

namespace proofline::studio {

SelectionClock::~SelectionClock() { Stop(); }

void SelectionClock::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void SelectionClock::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void SelectionClock::Run(const std::stop_token& stop) {
  while (base::WaitFor(stop, std::chrono::hours(1))) {
    if (!catalog_.preferences()->UseAge()) continue;
    const absl::StatusOr<std::int64_t> changed = catalog_.Redecide();
    if (!changed.ok()) {
      spdlog::error("deciding again which photos are sent: {}",
                    base::ToStd(changed.status().message()));
    } else if (*changed > 0) {
      spdlog::info("{} photos are selected otherwise by their age", *changed);
    }
  }
}

}  // namespace proofline::studio
