// Threads for what must not run on gRPC's own: everything that waits for a disk or a process.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/bounded_queue.h"
#include "lib/base/clock.h"

namespace proofline::rpc {

// A fixed number of threads and a bounded queue. Thread-safe. Tasks start in the order they were
// given; with several threads they overlap. A task must not throw.
class Executor {
 public:
  Executor(int threads, std::size_t max_waiting);
  // As Stop().
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Never blocks. ResourceExhausted (reason BUSY) if `max_waiting` tasks wait already, Unavailable
  // (reason STOPPING) after Stop(); the task is then not taken and never runs.
  absl::Status Run(std::function<void()> task);

  // Takes nothing more, runs everything taken, joins. Drain servers before, so that nothing new
  // comes. Not from a task.
  void Stop();

  // Since when the oldest task that has not ended was given; nothing when there is none.
  std::optional<base::SteadyTime> oldest() const;

  // Tasks that wait for a thread.
  std::size_t waiting() const { return tasks_.size(); }

 private:
  void Work();

  struct Task {
    std::function<void()> run;
    std::multiset<base::SteadyTime>::iterator since;
  };

  void Forget(std::multiset<base::SteadyTime>::iterator since);

  base::BoundedQueue<Task> tasks_;
  mutable std::mutex since_mutex_;
  std::multiset<base::SteadyTime> since_;  // of every task that has not ended
  std::atomic<bool> stopping_ = false;
  std::mutex join_mutex_;
  std::vector<std::jthread> threads_;
};

}  // namespace proofline::rpc
