// The log: spdlog's default logger, one line per message on standard error.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace proofline::base {

// Sets up spdlog's default logger; from then on everybody writes spdlog::info(…) and so on.
// A text line is `2025-03-01T12:00:00.123Z info message`; with `json` it is one object with the
// fields time, level and message. Control characters of a message are escaped in both, so that
// names from outside cannot forge lines. Levels: trace, debug, info, warn, error; another one is
// InvalidArgument and changes nothing. Call it before other threads log; calling it again is fine.
absl::Status SetUpLog(std::string_view level, bool json);

// Changes the level alone, at any time and from any thread; levels and error as above.
absl::Status SetLogLevel(std::string_view level);

}  // namespace proofline::base

#ifndef ABSL_USES_STD_STRING_VIEW
// Lets spdlog::info("{}", status.message()) compile where abseil has a string_view of its own.
template <>
struct fmt::formatter<absl::string_view> : fmt::formatter<fmt::string_view> {
  template <typename Context>
  auto format(absl::string_view text, Context& context) const {
    return fmt::formatter<fmt::string_view>::format({text.data(), text.size()}, context);
  }
};
#endif
