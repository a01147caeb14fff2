// The hand-over between two threads, with a limit.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "lib/base/check.h"

namespace proofline::base {

// First in, first out, at most `capacity` items. Any number of threads on both ends. A closed queue
// takes nothing more and gives out what it holds. Must outlive every call on it.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {
    PROOFLINE_CHECK(capacity > 0, "a queue needs room for one item");
  }
  BoundedQueue(const BoundedQueue&) = delete;
  BoundedQueue& operator=(const BoundedQueue&) = delete;

  // Blocks while the queue is full. False, and the item is gone, if the queue is closed or `stop`
  // is requested first.
  bool Push(T item, std::stop_token stop = {}) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, stop, [this] { return closed_ || items_.size() < capacity_; });
    if (closed_ || items_.size() >= capacity_ || stop.stop_requested()) return false;
    items_.push_back(std::move(item));
    lock.unlock();
    filled_.notify_one();
    return true;
  }

  // Never blocks. False if the queue is full or closed; `item` is then untouched.
  bool TryPush(T&& item) {
    std::unique_lock lock(mutex_);
    if (closed_ || items_.size() >= capacity_) return false;
    items_.push_back(std::move(item));
    lock.unlock();
    filled_.notify_one();
    return true;
  }
  bool TryPush(const T& item) { return TryPush(T(item)); }

  // Blocks while the queue is empty. Nothing if `stop` is requested, or the queue is closed and
  // empty.
  std::optional<T> Pop(std::stop_token stop = {}) {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, stop, [this] { return closed_ || !items_.empty(); });
    if (stop.stop_requested()) return std::nullopt;
    return TakeFirst(std::move(lock));
  }

  // Never blocks. Nothing if the queue is empty.
  std::optional<T> TryPop() { return TakeFirst(std::unique_lock(mutex_)); }

  // Wakes everybody who waits. Closing twice is fine.
  void Close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    room_.notify_all();
    filled_.notify_all();
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
  }
  std::size_t capacity() const { return capacity_; }

 private:
  std::optional<T> TakeFirst(std::unique_lock<std::mutex> lock) {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    lock.unlock();
    room_.notify_one();
    return item;
  }

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable_any room_;
  std::condition_variable_any filled_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace proofline::base
