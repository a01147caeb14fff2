#include "lib/rpc/executor.h"

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
  if (tasks_.TryPush(std::move(task))) return absl::OkStatus();
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

void Executor::Work() {
  while (std::optional<std::function<void()>> task = tasks_.Pop()) (*task)();
}

}  // namespace proofline::rpc
