#include "lib/rpc/feed.h"

#include <algorithm>
#include <utility>

namespace proofline::rpc {

struct FeedSignal::Listener {
  explicit Listener(Callback function) : callback(std::move(function)) {}

  // Held while the callback runs; recursive, because a callback may drop its own subscription.
  std::recursive_mutex mutex;
  bool active = true;
  const Callback callback;
};

FeedSignal::Subscription& FeedSignal::Subscription::operator=(Subscription&& other) noexcept {
  if (this != &other) {
    Reset();
    listener_ = std::move(other.listener_);
  }
  return *this;
}

void FeedSignal::Subscription::Reset() {
  const std::shared_ptr<Listener> listener = std::move(listener_);
  if (listener == nullptr) return;
  const std::lock_guard lock(listener->mutex);
  listener->active = false;
}

std::uint64_t FeedSignal::current() const {
  const std::lock_guard lock(mutex_);
  return revision_;
}

void FeedSignal::Publish(std::uint64_t revision) {
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    const std::lock_guard lock(mutex_);
    if (revision <= revision_) return;
    revision_ = revision;
    std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
    for (const auto& weak : listeners_) {
      if (std::shared_ptr<Listener> listener = weak.lock()) {
        listeners.push_back(std::move(listener));
      }
    }
  }
  grown_.notify_all();
  for (const std::shared_ptr<Listener>& listener : listeners) {
    const std::lock_guard lock(listener->mutex);
    if (listener->active) listener->callback(revision);
  }
}

FeedSignal::Subscription FeedSignal::Subscribe(Callback callback) {
  auto listener = std::make_shared<Listener>(std::move(callback));
  const std::lock_guard lock(mutex_);
  // Also here, so that followers who come and go do not pile up while nothing is published.
  std::erase_if(listeners_, [](const auto& other) { return other.expired(); });
  listeners_.push_back(listener);
  return Subscription(std::move(listener));
}

std::uint64_t FeedSignal::WaitBeyond(std::uint64_t revision, std::stop_token stop) const {
  std::unique_lock lock(mutex_);
  grown_.wait(lock, std::move(stop), [&] { return revision_ > revision; });
  return revision_;
}

}  // namespace proofline::rpc
