// How the folder watcher looks after whole roots, and after folders that report no events.
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "daemon/folder_watcher.h"
#include "daemon/volume.h"
#include "lib/base/text.h"

namespace proofline::studio {
namespace {

// A polled folder that has not changed is listed anyway every so many polls.
constexpr int kListedAnyway = 10;

std::optional<struct stat> StatFolder(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return std::nullopt;
  return status;
}

// What is mounted at and under a folder, as the kernel describes it.
std::string MountsUnder(const std::string& folder) {
  std::ifstream mounts("/proc/self/mountinfo");
  std::string found;
  for (std::string line; std::getline(mounts, line);) {
    // ID, parent, device, root, mount point; spaces in paths are escaped.
    std::istringstream fields(line);
    std::string skipped;
    std::string path;
    for (int i = 0; i < 4; ++i) fields >> skipped;
    fields >> path;
    if (IsWithin(Unescaped(path), folder)) found += line + "\n";
  }
  return found;
}

}  // namespace

bool FolderWatcher::IsPolled(const std::string& root) const {
  if (polled_.contains(root)) return true;
  const auto first = polled_.lower_bound(root == "/" ? root : root + "/");
  return first != polled_.end() && IsWithin(first->first, root);
}

void FolderWatcher::LoseRoot(const std::string& path, const std::string& message) {
  Root& root = roots_.at(path);
  if (!root.present) return;
  root.present = false;
  root.lost = std::chrono::system_clock::now();
  root.trouble = base::Concat(message, "; its photos stay as they are until it is back");
  spdlog::warn("watched folder {}: {}", Readable(path), root.trouble);
  DropWatches(path);
  work_added_.notify_all();
}

void FolderWatcher::FindRoot(const std::string& path) {
  {
    const std::lock_guard lock(mutex_);
    if (roots_.at(path).present) return;
  }
  std::optional<struct stat> status;
  {
    const base::WorkWatch::Busy busy = calls_.Begin(path, path);
    status = StatFolder(path);
  }
  std::string mounts = MountsUnder(path);
  const std::lock_guard lock(mutex_);
  Root& root = roots_.at(path);
  if (!status.has_value()) {
    if (root.trouble.empty()) {
      root.trouble = "the folder is not there; it is watched as soon as it appears";
      spdlog::warn("watched folder {}: {}", Readable(path), root.trouble);
    }
    return;
  }
  root.present = true;
  root.device = status->st_dev;
  root.inode = status->st_ino;
  if (!root.trouble.empty()) spdlog::info("watched folder {} is there", Readable(path));
  root.trouble.clear();
  root.lost.reset();
  root.mounts = std::move(mounts);
  PushRoot(path);
}

void FolderWatcher::CheckRoot(const std::string& path) {
  std::optional<struct stat> status;
  {
    const base::WorkWatch::Busy busy = calls_.Begin(path, path);
    status = StatFolder(path);
  }
  std::string mounts = MountsUnder(path);
  const std::lock_guard lock(mutex_);
  Root& root = roots_.at(path);
  if (!root.present) return;
  if (!status.has_value()) {
    LoseRoot(path, "the folder is not there any more");
  } else if (status->st_dev != root.device || status->st_ino != root.inode) {
    DropWatches(path);
    root.present = false;
  } else if (mounts != root.mounts) {
    root.mounts = std::move(mounts);
    PushRoot(path);
  }
}

void FolderWatcher::PollFolders(const std::string& root, const std::stop_token& stop) {
  std::vector<std::pair<std::string, Polled>> folders;
  {
    const std::lock_guard lock(mutex_);
    std::copy_if(polled_.begin(), polled_.end(), std::back_inserter(folders),
                 [&](const auto& one) { return one.second.root == root; });
  }
  // In the order of their names, so a root comes before what is in it.
  for (const auto& [folder, last] : folders) {
    if (stop.stop_requested()) return;
    struct stat status {};
    bool answered = false;
    int error = 0;
    {
      const base::WorkWatch::Busy busy = calls_.Begin(root, folder);
      answered = ::stat(folder.c_str(), &status) == 0;
      error = errno;
    }
    const bool there = answered && S_ISDIR(status.st_mode);
    const bool gone = !there && (answered || error == ENOENT || error == ENOTDIR);
    const std::int64_t mtime_ns =
        std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    const std::lock_guard lock(mutex_);
    const auto found = polled_.find(folder);
    if (found == polled_.end() || !roots_.at(last.root).present) continue;
    if (!there) {
      // A share that does not answer says nothing about what is on it.
      if (folder == last.root) {
        LoseRoot(folder, "the folder is not there any more");
      } else if (gone) {
        DropWatches(folder);
        Push({WorkKind::kGone, last.root, folder}, /*first=*/false);
      }
      continue;
    }
    Polled& polled = found->second;
    if (mtime_ns == polled.mtime_ns && !polled.again && ++polled.unchanged < kListedAnyway) {
      continue;
    }
    Push({WorkKind::kListOne, last.root, folder}, /*first=*/false);
  }
}

}  // namespace proofline::studio
