#include "lib/kv/committer.h"

#include <pthread.h>

#include <future>
#include <memory>
#include <utility>

namespace proofline::kv {

Committer::Committer(Database& database) : Committer(database, Options()) {}

Committer::Committer(Database& database, const Options& options)
    : database_(database), options_(options), thread_([this] { Run(); }) {}

Committer::~Committer() { Stop(); }

bool Committer::HasRoom(std::size_t bytes) const {
  if (held_batches_ == 0) return true;
  return held_batches_ < options_.max_batches && held_bytes_ + bytes <= options_.max_bytes;
}

void Committer::Add(Batch&& batch, Callback&& done) {
  held_batches_ += 1;
  held_bytes_ += batch.bytes();
  waiting_.push_back({std::move(batch), std::move(done), base::RealClock().Now()});
}

void Committer::Submit(Batch batch, Callback done, std::stop_token stop) {
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock, stop, [&] { return stopping_ || HasRoom(batch.bytes()); });
    if (!stopping_ && !stop.stop_requested()) {
      Add(std::move(batch), std::move(done));
      lock.unlock();
      filled_.notify_one();
      return;
    }
  }
  done(absl::CancelledError("the change was not written: the store is being closed"));
}

bool Committer::TrySubmit(Batch&& batch, Callback&& done) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || !HasRoom(batch.bytes())) return false;
    Add(std::move(batch), std::move(done));
  }
  filled_.notify_one();
  return true;
}

absl::Status Committer::Commit(Batch batch, std::stop_token stop) {
  // Shared: the callback may still be inside set_value when this thread goes on.
  auto answer = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> durable = answer->get_future();
  Submit(
      std::move(batch), [answer](absl::Status status) { answer->set_value(std::move(status)); },
      std::move(stop));
  return durable.get();
}

void Committer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  room_.notify_all();
  filled_.notify_all();
  std::call_once(joined_, [this] { thread_.join(); });
}

std::optional<base::SteadyTime> Committer::oldest() const {
  const std::lock_guard lock(mutex_);
  if (writing_since_.has_value()) return writing_since_;
  if (waiting_.empty()) return std::nullopt;
  return waiting_.front().since;
}

std::uint64_t Committer::writes() const {
  const std::lock_guard lock(mutex_);
  return writes_;
}

std::deque<Committer::Waiting> Committer::TakeGroup() {
  std::deque<Waiting> group;
  std::size_t bytes = 0;
  while (!waiting_.empty()) {
    bytes += waiting_.front().batch.bytes();
    if (!group.empty() && bytes > options_.max_write_bytes) break;
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return group;
}

void Committer::Run() {
  ::pthread_setname_np(::pthread_self(), "committer");
  std::unique_lock lock(mutex_);
  while (true) {
    filled_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    std::deque<Waiting> group = TakeGroup();
    writing_since_ = group.front().since;
    lock.unlock();

    Batch merged;
    std::size_t bytes = 0;
    for (Waiting& one : group) {
      bytes += one.batch.bytes();
      merged.Append(std::move(one.batch));
    }
    const absl::Status status = database_.Commit(std::move(merged));

    lock.lock();
    ++writes_;
    writing_since_.reset();
    held_batches_ -= group.size();
    held_bytes_ -= bytes;
    lock.unlock();
    room_.notify_all();
    for (Waiting& one : group) one.done(status);
    lock.lock();
  }
}

}  // namespace proofline::kv
