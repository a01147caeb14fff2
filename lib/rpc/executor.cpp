#include "lib/rpc/executor.h"

#include <pthread.h>

#include <optional>
#include <utility>

#include "lib/base/check.h"
#include "lib/rpc/status.h"

namespace proofline::rpc {

Executor::Executor(int threads, std::size_t max_waiting) : tasks_(max_waiting) {
  PROOFLINE_CHECK(threads > 0, "an executor needs a thread");
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

Executor::~Executor() { Stop(); }

absl::Status Executor::Run(std::function<void()> task) {
  std::multiset<base::SteadyTime>::iterator since;
  {
    const std::lock_guard lock(since_mutex_);
    since = since_.insert(base::RealClock().Now());
  }
  if (tasks_.TryPush(Task{std::move(task), since})) return absl::OkStatus();
  Forget(since);
  if (stopping_.load()) {
    return Error(absl::StatusCode::kUnavailable, "the service is shutting down; try again later",
                 "STOPPING");
  }
  return Error(absl::StatusCode::kResourceExhausted,
               "the service has too much to do at the moment; try again later", "BUSY");
}

void Executor::Stop() {
  stopping_.store(true);
  tasks_.Close();
  const std::lock_guard lock(join_mutex_);
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Executor::Forget(std::multiset<base::SteadyTime>::iterator since) {
  const std::lock_guard lock(since_mutex_);
  since_.erase(since);
}

std::optional<base::SteadyTime> Executor::oldest() const {
  const std::lock_guard lock(since_mutex_);
  if (since_.empty()) return std::nullopt;
  return *since_.begin();
}

void Executor::Work() {
  ::pthread_setname_np(::pthread_self(), "executor");
  while (std::optional<Task> task = tasks_.Pop()) {
    task->run();
    // What the task holds on to goes with it, before the next one is waited for.
    task->run = nullptr;
    Forget(task->since);
  }
}

}  // namespace proofline::rpc
