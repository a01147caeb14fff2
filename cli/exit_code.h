// What the program's exit code says, and errors of usage.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace proofline::cli {

// Scripts rely on these numbers: never renumber.
enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,       // refused, or failed on the way
  kUsage = 2,        // the command line is wrong; nothing was tried
  kUnreachable = 3,  // the daemon does not run or does not answer
  kNotFound = 4,     // what was named is not there
  kGaveUp = 5,       // the time that --timeout allows is over
};

// An InvalidArgument that ExitCodeFor knows as wrong usage. `sentence` says what to write instead.
absl::Status UsageError(std::string sentence);
bool IsUsageError(const absl::Status& status);

// Unavailable is kUnreachable unless a server said so itself with a reason: then it was reached.
ExitCode ExitCodeFor(const absl::Status& status);

}  // namespace proofline::cli
