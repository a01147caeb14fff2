#include "lib/base/bounded_queue.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "test/catch.h"

using namespace proofline::base;

TEST_CASE("a queue gives items out in order, those of a closed one too") {
  BoundedQueue<std::unique_ptr<int>> queue(3);
  for (int i = 0; i < 3; ++i) REQUIRE(queue.Push(std::make_unique<int>(i)));
  queue.Close();
  queue.Close();
  CHECK_FALSE(queue.Push(std::make_unique<int>(9)));
  CHECK(queue.size() == 3);
  for (int i = 0; i < 3; ++i) CHECK(**queue.Pop() == i);
  CHECK_FALSE(queue.Pop().has_value());
}

TEST_CASE("a full queue refuses a try and leaves the item with its owner") {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  CHECK_FALSE(queue.TryPop().has_value());
  CHECK(queue.TryPush(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  CHECK_FALSE(queue.TryPush(std::move(second)));
  REQUIRE(second != nullptr);
  CHECK(**queue.TryPop() == 1);
  CHECK(queue.TryPush(std::move(second)));
}

TEST_CASE("a stop ends waiting on either end of a queue") {
  BoundedQueue<int> full(1);
  BoundedQueue<int> empty(1);
  REQUIRE(full.Push(1));
  std::stop_source stop;
  bool pushed = true;
  bool popped = true;
  {
    std::jthread pusher([&] { pushed = full.Push(2, stop.get_token()); });
    std::jthread popper([&] { popped = empty.Pop(stop.get_token()).has_value(); });
    stop.request_stop();
  }
  CHECK_FALSE(pushed);
  CHECK_FALSE(popped);
  CHECK(full.size() == 1);
}

TEST_CASE("closing wakes everybody who waits on either end of a queue") {
  BoundedQueue<int> full(1);
  BoundedQueue<int> empty(1);
  REQUIRE(full.Push(1));
  std::atomic<int> woken{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] { woken += full.Push(2) ? 0 : 1; });
      threads.emplace_back([&] { woken += empty.Pop().has_value() ? 0 : 1; });
    }
    full.Close();
    empty.Close();
  }
  CHECK(woken == 6);
}

TEST_CASE("many threads pass every item exactly once and never more than fit") {
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  BoundedQueue<int> queue(7);
  std::vector<std::atomic<int>> seen(kThreads * kEach);
  std::atomic<bool> overfull{false};
  {
    std::vector<std::jthread> poppers;
    for (int t = 0; t < kThreads; ++t) {
      poppers.emplace_back([&] {
        while (const auto item = queue.Pop()) {
          seen[static_cast<std::size_t>(*item)] += 1;
          if (queue.size() > queue.capacity()) overfull = true;
        }
      });
    }
    {
      std::vector<std::jthread> pushers;
      for (int t = 0; t < kThreads; ++t) {
        pushers.emplace_back([&, t] {
          for (int i = 0; i < kEach; ++i) queue.Push(t * kEach + i);
        });
      }
    }
    queue.Close();
  }
  CHECK_FALSE(overfull);
  for (const auto& count : seen) REQUIRE(count == 1);
}
