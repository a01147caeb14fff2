#include "lib/base/rate_limit.h"

#include <thread>

#include "test/catch.h"

using namespace proofline::base;

TEST_CASE("the mean of what goes through is the rate, however large the pieces") {
  FakeClock clock;
  RateLimit limit(1000, clock);
  std::uint64_t passed = 0;
  for (int tick = 0; tick < 6000; ++tick) {
    // Pieces of up to seven seconds' worth.
    const std::uint64_t piece = 100 + 700 * (tick % 10);
    if (limit.TryTake(piece) == Duration::zero()) passed += piece;
    clock.Advance(std::chrono::milliseconds(100));
  }
  // Ten minutes, and at most one second's worth and one piece at the beginning and the end.
  CHECK(passed >= 600'000);
  CHECK(passed <= 600'000 + 1000 + 6400);
}

TEST_CASE("a taker is told how long to wait, and then may") {
  FakeClock clock;
  RateLimit limit(100, clock);
  CHECK(limit.TryTake(300) == Duration::zero());
  const Duration wait = limit.TryTake(1);
  CHECK(wait > std::chrono::seconds(2));
  CHECK(wait < std::chrono::milliseconds(2100));
  clock.Advance(wait);
  CHECK(limit.TryTake(1) == Duration::zero());
}

TEST_CASE("no limit lets everything through, and a new rate counts at once") {
  FakeClock clock;
  RateLimit limit(0, clock);
  for (int i = 0; i < 100; ++i) CHECK(limit.TryTake(1'000'000'000) == Duration::zero());
  limit.SetRate(10);
  CHECK(limit.TryTake(1) > Duration::zero());
  limit.SetRate(0);
  CHECK(limit.TryTake(1) == Duration::zero());
}

TEST_CASE("who waits is woken by a higher rate and by the end") {
  RateLimit limit(1);
  CHECK(limit.Take(1'000'000, {}));
  std::stop_source stop;
  bool went = false;
  bool stopped = true;
  {
    const std::jthread first([&] { went = limit.Take(1, {}); });
    limit.SetRate(0);
  }
  CHECK(went);
  limit.SetRate(1);
  {
    const std::jthread second([&] { stopped = !limit.Take(1, stop.get_token()); });
    stop.request_stop();
  }
  CHECK(stopped);
}

TEST_CASE("rates are read, and what is none is refused") {
  CHECK(*ParseRate("") == 0);
  CHECK(*ParseRate("2MiB/s") == std::uint64_t{2} << 20);
  CHECK(*ParseRate("500KB/s") == 500'000);
  for (const char* text : {"2MiB", "/s", "0/s", "fast", "2MiB/min"}) {
    INFO(text);
    CHECK_FALSE(ParseRate(text).ok());
  }
}
