// Does what may never end in the file system of a watched folder, on threads of that folder's own.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/folder_calls.h"
#include "lib/base/clock.h"

namespace proofline::studio {

// Whoever serves all watched folders asks here instead of calling the file system: a share that
// hangs then costs one wait, and nothing at all from then on until it answers again. Each root has
// threads of its own, made as they are needed, so one root never waits for another. Thread-safe.
class FolderHands {
 public:
  // `calls` hears of every call, says which roots do not answer, and must outlive it. Nobody waits
  // longer than `patience` for an answer.
  explicit FolderHands(FolderCalls& calls, base::Duration patience = FolderCalls::kPatience);
  // Waits for all calls, for as long as the kernel holds them.
  ~FolderHands();
  FolderHands(const FolderHands&) = delete;
  FolderHands& operator=(const FolderHands&) = delete;

  // What `work` returns. DeadlineExceeded, a sentence for people, if the root does not answer: at
  // once if that is known. Cancelled after `stop`. In both cases the work may still be under way:
  // it must own everything it touches, and what it returns is dropped. If it returns a StatusOr its
  // errors are the answer.
  template <typename Work>
  auto Ask(const std::string& root, const std::string& path, Work work,
           const std::stop_token& stop = {}) {
    using Result = std::invoke_result_t<Work>;
    const auto result = std::make_shared<std::optional<Result>>();
    const absl::Status status = Run(
        root, path, [result, work = std::move(work)]() mutable { *result = work(); }, stop);
    if constexpr (std::is_constructible_v<Result, absl::Status>) {
      return status.ok() ? std::move(**result) : Result(status);
    } else {
      return status.ok() ? absl::StatusOr<Result>(std::move(**result))
                         : absl::StatusOr<Result>(status);
    }
  }

  // Has something done that nobody waits for.
  void Leave(const std::string& root, const std::string& path, std::function<void()> work);

 private:
  struct Errand {
    std::string path;
    std::function<void()> work;
    bool done = false;
  };
  struct Root {
    std::deque<std::shared_ptr<Errand>> errands;
    std::size_t idle = 0;
    std::vector<std::jthread> threads;
  };

  absl::Status Run(const std::string& root, const std::string& path, std::function<void()> work,
                   const std::stop_token& stop);
  // Under the lock.
  void Add(const std::string& root, std::shared_ptr<Errand> errand);
  void Work(const std::string& name, Root& root, const std::stop_token& stop);

  FolderCalls& calls_;
  const base::Duration patience_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool ending_ = false;
  // Nodes that never move, and stay.
  std::map<std::string, Root> roots_;
};

}  // namespace proofline::studio
