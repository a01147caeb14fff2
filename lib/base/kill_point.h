// Named places where a test can have the process die.
#pragma once

#include <string_view>

namespace proofline::base {

// Ends the process with SIGKILL if the environment variable PROOFLINE_KILL_POINT is `name`, or
// `name:N` and this is the Nth passage (from 1). The variable is read once, at the first passage of
// any point. Unset, a passage costs one comparison. From any thread.
void KillPoint(std::string_view name);

}  // namespace proofline::base
