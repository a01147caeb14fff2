// What happens to a whole process: signals, kill points, broken invariants. Each case forks.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "lib/base/backoff.h"
#include "lib/base/check.h"
#include "lib/base/kill_point.h"
#include "lib/base/shutdown.h"
#include "test/catch.h"

using namespace proofline::base;

namespace {

// The wait status of a child that runs `body` and exits with its result.
int StatusOfChild(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

bool ExitedWith(int status, int code) { return WIFEXITED(status) && WEXITSTATUS(status) == code; }
bool KilledBy(int status, int signal) { return WIFSIGNALED(status) && WTERMSIG(status) == signal; }

}  // namespace

TEST_CASE("SIGTERM and SIGINT become a stop request with their name") {
  for (const int signal : {SIGTERM, SIGINT}) {
    const int status = StatusOfChild([signal] {
      Shutdown shutdown;
      ::kill(::getpid(), signal);
      const std::string reason = shutdown.Wait();
      return reason == (signal == SIGTERM ? "SIGTERM" : "SIGINT") &&
                     shutdown.token().stop_requested()
                 ? 7
                 : 1;
    });
    CHECK(ExitedWith(status, 7));
  }
}

TEST_CASE("a signal ends a cancellable wait and later ones do not kill") {
  const int status = StatusOfChild([] {
    {
      Shutdown shutdown;
      ::kill(::getpid(), SIGTERM);
      if (WaitFor(shutdown.token(), std::chrono::hours(1))) return 1;
      ::kill(::getpid(), SIGTERM);
      ::kill(::getpid(), SIGINT);
    }
    return 7;
  });
  CHECK(ExitedWith(status, 7));
}

TEST_CASE("the first of several requests to stop is the reason") {
  const int status = StatusOfChild([] {
    Shutdown shutdown;
    if (!shutdown.reason().empty() || shutdown.token().stop_requested()) return 1;
    shutdown.Request("the disk is gone");
    shutdown.Request("something else");
    return shutdown.Wait() == "the disk is gone" && shutdown.reason() == "the disk is gone" ? 7 : 2;
  });
  CHECK(ExitedWith(status, 7));
}

TEST_CASE("SIGHUP calls back and stops nothing") {
  const int status = StatusOfChild([] {
    std::stop_source called;
    Shutdown shutdown([&] { called.request_stop(); });
    ::kill(::getpid(), SIGHUP);
    if (WaitFor(called.get_token(), std::chrono::seconds(30))) return 1;
    return shutdown.token().stop_requested() ? 2 : 7;
  });
  CHECK(ExitedWith(status, 7));
}

TEST_CASE("signals kill again once the shutdown object is gone") {
  const int status = StatusOfChild([] {
    // The test framework has a handler of its own.
    ::signal(SIGTERM, SIG_DFL);
    { Shutdown shutdown; }
    ::raise(SIGTERM);
    return 1;
  });
  CHECK(KilledBy(status, SIGTERM));
}

TEST_CASE("a kill point kills at its own name and passage only") {
  const auto run = [](const char* point) {
    return StatusOfChild([point] {
      if (point != nullptr) ::setenv("PROOFLINE_KILL_POINT", point, 1);
      KillPoint("lab.print.sent");
      KillPoint("");
      KillPoint("lab.print.sent");
      return 7;
    });
  };
  CHECK(ExitedWith(run(nullptr), 7));
  CHECK(ExitedWith(run(""), 7));
  CHECK(ExitedWith(run("lab.print"), 7));
  CHECK(ExitedWith(run("lab.print.sent:3"), 7));
  CHECK(KilledBy(run("lab.print.sent"), SIGKILL));
  CHECK(KilledBy(run("lab.print.sent:1"), SIGKILL));
  CHECK(KilledBy(run("lab.print.sent:2"), SIGKILL));
}

TEST_CASE("a broken invariant aborts and a kept one costs nothing") {
  const int status = StatusOfChild([] {
    // The test framework has a handler of its own.
    ::signal(SIGABRT, SIG_DFL);
    PROOFLINE_CHECK(1 + 1 == 2, "numbers work");
    PROOFLINE_CHECK(1 + 1 == 3, "numbers work");
    return 1;
  });
  CHECK(KilledBy(status, SIGABRT));
}
