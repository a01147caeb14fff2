#include "lib/rpc/feed.h"

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "test/catch.h"

namespace proofline::rpc {

TEST_CASE("a feed rings once for each growth and never for less") {
  FeedSignal feed(5);
  std::vector<std::uint64_t> heard;
  const auto subscription = feed.Subscribe([&](std::uint64_t r) { heard.push_back(r); });
  feed.Publish(5);
  feed.Publish(3);
  feed.Publish(6);
  feed.Publish(9);
  feed.Publish(9);
  CHECK(heard == std::vector<std::uint64_t>{6, 9});
  CHECK(feed.current() == 9);
}

TEST_CASE("a dropped subscription hears nothing, and may drop itself while it is called") {
  FeedSignal feed;
  int first = 0;
  int second = 0;
  std::optional<FeedSignal::Subscription> self;
  self = feed.Subscribe([&](std::uint64_t) {
    ++first;
    self.reset();
  });
  auto other = feed.Subscribe([&](std::uint64_t) { ++second; });
  feed.Publish(1);
  feed.Publish(2);
  other.Reset();
  other.Reset();
  feed.Publish(3);
  CHECK(first == 1);
  CHECK(second == 2);
}

TEST_CASE("a callback may publish and subscribe, and a subscription may outlive its feed") {
  FeedSignal::Subscription outlives;
  {
    FeedSignal feed;
    int calls = 0;
    FeedSignal::Subscription late;
    outlives = feed.Subscribe([&](std::uint64_t revision) {
      ++calls;
      if (revision == 1) {
        late = feed.Subscribe([&](std::uint64_t) { ++calls; });
        feed.Publish(2);
      }
    });
    feed.Publish(1);
    CHECK(calls == 3);
  }
  outlives.Reset();
}

TEST_CASE("waiting ends with growth or with a stop") {
  FeedSignal feed(1);
  std::stop_source stop;
  CHECK(feed.WaitBeyond(0, stop.get_token()) == 1);
  {
    const std::jthread publisher([&] { feed.Publish(2); });
    CHECK(feed.WaitBeyond(1, stop.get_token()) == 2);
  }
  const std::jthread stopper([&] { stop.request_stop(); });
  CHECK(feed.WaitBeyond(2, stop.get_token()) == 2);
}

TEST_CASE("no callback runs after its subscription was dropped, under load") {
  FeedSignal feed;
  std::atomic<bool> end = false;
  std::jthread publisher([&] {
    for (std::uint64_t revision = 1; !end; ++revision) feed.Publish(revision);
  });
  for (int i = 0; i < 2000; ++i) {
    auto alive = std::make_unique<std::atomic<int>>(0);
    auto subscription = feed.Subscribe([&alive](std::uint64_t) { ++*alive; });
    subscription.Reset();
    alive.reset();
  }
  end = true;
}

}  // namespace proofline::rpc
