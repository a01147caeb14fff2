#include "lib/base/check.h"

#include <spdlog/spdlog.h>

#include <cstdlib>

namespace proofline::base {

void CheckFailed(const char* condition, std::string_view message, const char* file, int line) {
  spdlog::critical("broken invariant: {} ({} at {}:{})", message, condition, file, line);
  spdlog::default_logger_raw()->flush();
  std::abort();
}

}  // namespace proofline::base
