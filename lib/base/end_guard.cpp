#include "lib/base/end_guard.h"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <utility>

#include "lib/base/backoff.h"
#include "lib/base/check.h"

namespace proofline::base {

void EndGuard::Arm(Duration longest, std::function<std::string()> held_up_by) {
  PROOFLINE_CHECK(!thread_.joinable(), "a process ends once");
  thread_ =
      std::jthread([longest, held_up_by = std::move(held_up_by)](const std::stop_token& stop) {
        if (!WaitFor(stop, longest)) return;
        const std::string what = held_up_by();
        spdlog::warn("the end is held up by {}; ending without it", what.empty() ? "a part" : what);
        spdlog::default_logger()->flush();
        std::_Exit(0);
      });
}

}  // namespace proofline::base
