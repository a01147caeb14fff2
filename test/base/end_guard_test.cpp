#include "lib/base/end_guard.h"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>

#include "test/catch.h"

namespace proofline::base {
namespace {

// The exit code of a process that does this and then ends with 7.
int ExitCodeOf(const std::function<void()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    act();
    ::_exit(7);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("a process that something holds up ends all the same") {
  CHECK(ExitCodeOf([] {
          EndGuard guard;
          guard.Arm(std::chrono::milliseconds(50), [] { return "a share"; });
          // As for ever as the kernel can make it.
          while (true) ::pause();
        }) == 0);
}

TEST_CASE("a process that ends in time is left alone") {
  CHECK(ExitCodeOf([] {
          EndGuard guard;
          guard.Arm(std::chrono::hours(1), [] { return "nothing"; });
        }) == 7);
  CHECK(ExitCodeOf([] { EndGuard guard; }) == 7);
}

}  // namespace
}  // namespace proofline::base
