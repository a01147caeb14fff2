// The bell of a feed: rings when its revision grows. What the entries are is the store's business.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

namespace proofline::rpc {

// Thread-safe. The revision only grows. A follower that must not miss anything subscribes first
// and then reads the store from its last revision up to current().
class FeedSignal {
  struct Listener;

 public:
  using Callback = std::function<void(std::uint64_t revision)>;

  // Ends its subscription when it goes: from then on the callback neither runs nor will run, except
  // that a callback may drop its own subscription. Do not drop it while holding a lock that the
  // callback takes. May outlive the signal.
  class Subscription {
   public:
    Subscription() = default;
    ~Subscription() { Reset(); }
    Subscription(Subscription&&) noexcept = default;
    Subscription& operator=(Subscription&& other) noexcept;
    void Reset();

   private:
    friend class FeedSignal;
    explicit Subscription(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
    std::shared_ptr<Listener> listener_;
  };

  explicit FeedSignal(std::uint64_t revision = 0) : revision_(revision) {}
  FeedSignal(const FeedSignal&) = delete;
  FeedSignal& operator=(const FeedSignal&) = delete;

  // The newest revision that has been published.
  std::uint64_t current() const;

  // Call it after the revision is durable. Calls every callback on this thread if the revision is
  // greater than current(), else does nothing. Callbacks of two Publish calls may come in either
  // order.
  void Publish(std::uint64_t revision);

  // `callback` must be quick and must not block: post a task, wake a thread. It may subscribe,
  // drop subscriptions, and publish.
  [[nodiscard]] Subscription Subscribe(Callback callback);

  // Blocks until current() is greater than `revision` or `stop` is requested; returns current().
  std::uint64_t WaitBeyond(std::uint64_t revision, std::stop_token stop) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable_any grown_;
  std::uint64_t revision_;
  std::vector<std::weak_ptr<Listener>> listeners_;
};

}  // namespace proofline::rpc
