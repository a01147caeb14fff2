#include "daemon/folder_hands.h"

#include <algorithm>

#include "daemon/file_stamp.h"
#include "lib/base/text.h"

namespace proofline::studio {
namespace {

// As many as can have something to ask of one root at a time, and a few that are left behind.
constexpr std::size_t kMostThreads = 64;

}  // namespace

FolderHands::FolderHands(FolderCalls& calls, base::Duration patience)
    : calls_(calls), patience_(patience) {}

FolderHands::~FolderHands() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  // Nobody adds roots or threads from here on.
  for (auto& [name, root] : roots_) {
    for (std::jthread& thread : root.threads) thread.request_stop();
  }
  for (auto& [name, root] : roots_) root.threads.clear();
}

void FolderHands::Add(const std::string& root, std::shared_ptr<Errand> errand) {
  Root& its = roots_[root];
  its.errands.push_back(std::move(errand));
  if (!ending_ && its.idle < its.errands.size() && its.threads.size() < kMostThreads) {
    its.threads.emplace_back(
        [this, root, &its](const std::stop_token& stop) { Work(root, its, stop); });
  }
  changed_.notify_all();
}

absl::Status FolderHands::Run(const std::string& root, const std::string& path,
                              std::function<void()> work, const std::stop_token& stop) {
  if (const std::string hanging = calls_.Hanging(root); !hanging.empty()) {
    calls_.NoteUnanswered(root);
    return absl::DeadlineExceededError(
        base::Concat("the watched folder ", Readable(root), " does not answer: ", hanging));
  }
  const auto errand = std::make_shared<Errand>(Errand{path, std::move(work)});
  std::unique_lock lock(mutex_);
  Add(root, errand);
  changed_.wait_for(lock, stop, patience_, [&] { return errand->done; });
  if (errand->done) return absl::OkStatus();
  auto& errands = roots_.at(root).errands;
  errands.erase(std::remove(errands.begin(), errands.end(), errand), errands.end());
  if (stop.stop_requested()) return absl::CancelledError("stopped");
  calls_.NoteUnanswered(root);
  return absl::DeadlineExceededError(base::Concat("the watched folder ", Readable(root),
                                                  " does not answer when it is asked for ",
                                                  Readable(path)));
}

void FolderHands::Leave(const std::string& root, const std::string& path,
                        std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  Add(root, std::make_shared<Errand>(Errand{path, std::move(work)}));
}

void FolderHands::Work(const std::string& name, Root& root, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    ++root.idle;
    changed_.wait(lock, stop, [&] { return !root.errands.empty(); });
    --root.idle;
    // What was left to be done is done before the end.
    if (root.errands.empty()) return;
    const std::shared_ptr<Errand> errand = std::move(root.errands.front());
    root.errands.pop_front();
    lock.unlock();
    {
      const base::WorkWatch::Busy busy = calls_.Begin(name, errand->path);
      errand->work();
      errand->work = nullptr;
    }
    lock.lock();
    errand->done = true;
    changed_.notify_all();
  }
}

}  // namespace proofline::studio
