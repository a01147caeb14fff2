// Broken invariants: a bug of ours, never something that network, disk or input can cause.
#pragma once

#include <string_view>

namespace proofline::base {

// Logs the failed condition with its place and ends the process with SIGABRT.
[[noreturn]] void CheckFailed(const char* condition, std::string_view message, const char* file,
                              int line);

}  // namespace proofline::base

// Ends the process unless `condition` holds. `message` (evaluated only on failure) says which
// invariant was broken. Active in every build type.
#define PROOFLINE_CHECK(condition, message)                                      \
  do {                                                                           \
    if (!(condition)) [[unlikely]] {                                             \
      ::proofline::base::CheckFailed(#condition, (message), __FILE__, __LINE__); \
    }                                                                            \
  } while (false)
