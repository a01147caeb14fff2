// Watches folders with everything under them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "daemon/file_rules.h"
#include "daemon/file_stamp.h"
#include "daemon/folder_listing.h"
#include "lib/base/clock.h"
#include "lib/base/unique_fd.h"

namespace proofline::studio {

// Hears what the watcher finds. Paths are absolute and are bytes, not text; `root` is the watched
// folder they lie under.
class FolderListener {
 public:
  using ListedFile = FolderListing::File;
  virtual ~FolderListener() = default;

  // A folder has been looked through; `files` are those that may be originals or belong to one, by
  // name; valid until the call returns. On the scan thread: may block, but ends soon after `stop`.
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

// Whether folders are looked through at short intervals besides, or instead of, hearing of events.
enum class PollMode : std::uint8_t {
  kAuto,    // where the kernel does not report everything: network shares, cards, no watches left
  kAlways,  // everywhere, and no events are asked for
  kNever,   // nowhere
};

// Events of the kernel (inotify) are hints only: what counts is what a listing shows. Everything is
// listed when a root appears, when the kernel's queue has overflowed, when Rescan() is called, and
// at every interval. Symbolic links are not followed, except by a root itself. Folders that the
// rules ignore are left out. A root that is missing, or goes away, is looked for every few seconds,
// and what is mounted on it or unmounted from it is noticed at once; while it is away nothing under
// it counts as gone.
//
// Folders without events are polled: at every poll interval a folder whose own time has changed is
// listed, and every tenth time it is listed anyway, for files that were rewritten in place.
//
// Two threads: one takes events, one lists. A share that does not answer holds up the second one.
// Memory: a path per folder, and the names of the folder being listed.
class FolderWatcher {
 public:
  // As inotify_add_watch().
  using AddWatchCall = std::function<int(int fd, const char* path, std::uint32_t mask)>;
  struct Options {
    // Absolute, without a slash at the end, none inside another.
    std::vector<std::string> roots;
    base::Duration rescan_interval = std::chrono::hours(1);
    // How often a missing root is looked for.
    base::Duration root_retry = std::chrono::seconds(3);
    base::Duration poll_interval = std::chrono::seconds(30);
    // By root; kAuto for those that are not in it.
    std::map<std::string, PollMode> poll = {};
    FileRules rules = FileRules();
    // In place of the system's call, for tests.
    AddWatchCall add_watch = nullptr;
  };
  struct RootState {
    std::string path;
    // What is wrong with the root, for people; empty when nothing is.
    std::string message;
    // Some of its folders are polled.
    bool polled = false;
    // When everything in it had been listed the last time.
    std::optional<base::WallTime> scanned;
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
    PollMode poll = PollMode::kAuto;
    std::optional<base::WallTime> scanned;
    // What was mounted in it when it was last listed as a whole.
    std::string mounts;
  };
  struct Watch {
    std::string root;
    std::string folder;
  };
  struct Polled {
    std::string root;
    std::int64_t mtime_ns = 0;
    int unchanged = 0;  // polls since it was listed
    bool lacks_watch = false;
  };
  enum class Watching { kOn, kLacking, kOff };

  void RunEvents(const std::stop_token& stop);
  void RunScans(const std::stop_token& stop);
  void TakeEvents();
  void TakeEvent(std::uint32_t mask, int wd, const std::string& name);
  void TakeFolderEvent(std::uint32_t mask, const Watch& watch, const std::string& path);
  void Do(const Work& work, const std::stop_token& stop);
  void List(const Work& work, const std::stop_token& stop);
  void TakeListing(const Work& work, const FolderListing& listing, Watching watching);
  void FinishRound(const std::string& root, const std::stop_token& stop);
  // Under the lock.
  void Push(Work work, bool first);
  void PushAllRoots();
  Watching AddWatch(const std::string& root, const std::string& folder);
  void DropWatches(const std::string& folder);

  // folder_watcher_roots.cpp; under the lock, except PollFolders().
  void LoseRoot(const std::string& root, const std::string& message);
  bool AllRootsPresent() const;
  void FindMissingRoots();
  void CheckRoots();
  void PollFolders(const std::stop_token& stop);

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
  std::map<std::string, int> watch_of_;   // by folder
  std::map<std::string, Polled> polled_;  // by folder
  std::jthread events_;
  std::jthread scans_;
};

}  // namespace proofline::studio
