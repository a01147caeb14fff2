#include "daemon/folder_calls.h"

#include "daemon/file_stamp.h"
#include "lib/base/text.h"

namespace proofline::studio {

base::WorkWatch::Busy FolderCalls::Begin(const std::string& root, const std::string& path) {
  base::WorkWatch* calls = nullptr;
  {
    const std::lock_guard lock(mutex_);
    calls = &roots_.try_emplace(root, clock_).first->second;
  }
  return calls->Begin(path, patience_);
}

std::string FolderCalls::Hanging(const std::string& root) const {
  const std::lock_guard lock(mutex_);
  const auto found = roots_.find(root);
  const std::string path = found == roots_.end() ? std::string() : found->second.Late();
  if (path.empty()) return {};
  return base::Concat("it does not answer when it is asked for ", Readable(path),
                      "; the other folders go on");
}

void FolderCalls::NoteUnanswered(const std::string& root) {
  const std::lock_guard lock(mutex_);
  unanswered_.insert(root);
}

bool FolderCalls::TakeUnanswered(const std::string& root) {
  const std::lock_guard lock(mutex_);
  if (!unanswered_.contains(root)) return false;
  const auto found = roots_.find(root);
  if (found != roots_.end() && !found->second.Late().empty()) return false;
  unanswered_.erase(root);
  return true;
}

std::string FolderCalls::AnyHanging() const {
  const std::lock_guard lock(mutex_);
  for (const auto& [root, calls] : roots_) {
    if (!calls.Late().empty()) return base::Concat("the watched folder ", Readable(root));
  }
  return {};
}

}  // namespace proofline::studio
