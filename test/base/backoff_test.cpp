#include "lib/base/backoff.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "lib/base/clock.h"
#include "test/catch.h"

using namespace proofline::base;
using namespace std::chrono_literals;

TEST_CASE("backoff limits double up to the longest and start again after a reset") {
  Backoff backoff(100ms, 500ms);
  for (int round = 0; round < 200; ++round) {
    for (const Duration limit :
         {Duration(100ms), Duration(200ms), Duration(400ms), Duration(500ms), Duration(500ms)}) {
      const Duration wait = backoff.Next();
      REQUIRE(wait >= 1ms);
      REQUIRE(wait <= limit);
    }
    backoff.Reset();
  }
}

TEST_CASE("backoff uses its whole range, so that many do not come back at once") {
  Backoff backoff(1s, 1s);
  Duration least = 1s;
  Duration most = 0s;
  for (int i = 0; i < 1000; ++i) {
    const Duration wait = backoff.Next();
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  CHECK(least < 200ms);
  CHECK(most > 800ms);
}

TEST_CASE("a backoff may have the longest limit there is") {
  Backoff backoff(1ms, Duration::max());
  for (int i = 0; i < 200; ++i) REQUIRE(backoff.Next() >= 1ms);
}

TEST_CASE("waiting takes the whole time when nobody stops it") {
  const auto start = std::chrono::steady_clock::now();
  CHECK(WaitFor({}, 20ms));
  CHECK(std::chrono::steady_clock::now() - start >= 20ms);
}

TEST_CASE("a stop ends even the longest wait, before or while it lasts") {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  CHECK_FALSE(WaitFor(stop.get_token(), Duration::max()));
  CHECK_FALSE(WaitFor(stop.get_token(), 1h));
}

TEST_CASE("the fake clock moves only when told") {
  FakeClock clock;
  const SteadyTime steady = clock.Now();
  const WallTime wall = clock.WallNow();
  CHECK(clock.Now() == steady);
  clock.Advance(90s);
  CHECK(clock.Now() - steady == 90s);
  CHECK(clock.WallNow() - wall == 90s);
  clock.SetWall(wall - 1h);
  CHECK(clock.WallNow() == wall - 1h);
  CHECK(clock.Now() - steady == 90s);
}
