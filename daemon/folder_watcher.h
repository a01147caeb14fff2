// Watches folders with everything under them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "daemon/file_stamp.h"
#include "lib/base/clock.h"
#include "lib/base/unique_fd.h"

namespace proofline::studio {

// Hears what the watcher finds. Paths are absolute and are bytes, not text; `root` is the watched
// folder they lie under.
class FolderListener {
 public:
  struct ListedFile {
    std::string name;
    FileStamp stamp;
  };
  virtual ~FolderListener() = default;

  // A folder has been looked through; `files` are those that may be originals, by name. On the
  // scan thread: may block, but ends soon after `stop`.
  virtual void OnFolderListed(const std::string& root, const std::string& folder,
                              const std::vector<ListedFile>& files,
                              const std::stop_token& stop) = 0;
  // A folder is gone, with everything under it. On the scan thread, as above.
  virtual void OnFolderGone(const std::string& root, const std::string& folder,
                            const std::stop_token& stop) = 0;
  // Every folder under the root has been listed. On the scan thread, as above.
  virtual void OnRootListed(const std::string& root, const std::stop_token& stop) = 0;
  // Something has happened to a file: it is new, written, renamed, deleted. On the event thread:
  // must not block. False if there is no room for it; its folder is then listed again.
  virtual bool OnFileEvent(const std::string& root, const std::string& path) = 0;
};

// Events of the kernel (inotify) are hints only: what counts is what a listing shows. Everything is
// listed when a root appears, when the kernel's queue has overflowed, when Rescan() is called, and
// at every interval. Symbolic links are not followed, except by a root itself. Hidden folders are
// left out. A root that is missing, or goes away, is looked for every few seconds, and what is
// mounted on it or unmounted from it is noticed at once; while it is away nothing under it counts
// as gone.
//
// Two threads: one takes events, one lists. Memory: a path per folder, and the names of the folder
// being listed.
class FolderWatcher {
 public:
  struct Options {
    // Absolute, without a slash at the end, none inside another.
    std::vector<std::string> roots;
    base::Duration rescan_interval = std::chrono::hours(1);
    // How often a missing root is looked for.
    base::Duration root_retry = std::chrono::seconds(3);
  };
  // What is wrong with a root, for people; empty when nothing is.
  struct RootState {
    std::string path;
    std::string message;
  };

  // The listener must outlive the watcher.
  FolderWatcher(const Options& options, FolderListener& listener);
  // As Stop().
  ~FolderWatcher();
  FolderWatcher(const FolderWatcher&) = delete;
  FolderWatcher& operator=(const FolderWatcher&) = delete;

  // Begins with a listing of everything. NotFound, and nothing runs, if none of the roots exists.
  absl::Status Start();
  // Ends both threads; the listener hears nothing afterwards.
  void Stop();
  // Lists everything again, soon. From any thread.
  void Rescan();
  // Lists one folder again, soon, without those under it.
  void RescanFolder(const std::string& root, const std::string& folder);
  std::vector<RootState> roots() const;

 private:
  enum class WorkKind { kList, kListOne, kGone, kRootListed };
  struct Work {
    WorkKind kind;
    std::string root;
    std::string folder;
    auto operator<=>(const Work&) const = default;
  };
  struct Root {
    bool present = false;
    // What the folder was when it was found.
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::string trouble;
    std::string watch_trouble;
  };
  struct Watch {
    std::string root;
    std::string folder;
  };

  void RunEvents(const std::stop_token& stop);
  void RunScans(const std::stop_token& stop);
  void TakeEvents();
  void TakeEvent(std::uint32_t mask, int wd, const std::string& name);
  void TakeFolderEvent(std::uint32_t mask, const Watch& watch, const std::string& path);
  void Do(const Work& work, const std::stop_token& stop);
  void List(const Work& work, const std::stop_token& stop);
  // Under the lock.
  void Push(Work work, bool first);
  void PushAllRoots();
  void AddWatch(const std::string& root, const std::string& folder);
  void DropWatches(const std::string& folder);
  void LoseRoot(const std::string& root, const std::string& message);
  bool AllRootsPresent() const;
  void FindMissingRoots();
  void CheckRoots();

  const Options options_;
  FolderListener& listener_;
  base::UniqueFd inotify_;
  base::UniqueFd wake_;
  base::UniqueFd mounts_;

  mutable std::mutex mutex_;
  std::condition_variable_any work_added_;
  std::deque<Work> work_;
  std::set<Work> queued_;
  std::map<std::string, Root> roots_;
  std::unordered_map<int, Watch> watches_;
  std::map<std::string, int> watch_of_;  // by folder
  std::jthread events_;
  std::jthread scans_;
};

}  // namespace proofline::studio
