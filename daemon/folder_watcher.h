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
#include "daemon/folder_calls.h"
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
  // name; valid until the call returns. On the root's scan thread: may block, but ends soon after
  // `stop`.
  virtual void OnFolderListed(const std::string& root, const std::string& folder,
                              const std::vector<ListedFile>& files,
                              const std::stop_token& stop) = 0;
  // A folder is gone, with everything under it. On the scan thread, as above.
  virtual void OnFolderGone(const std::string& root, const std::string& folder,
                            const std::stop_token& stop) = 0;
  // Every folder under the root has been listed. On the scan thread, as above.
  virtual void OnRootListed(const std::string& root, const std::stop_token& stop) = 0;
  // Something has happened to a file: it is new, written, renamed, deleted. On the event thread,
  // or, where the file system may not answer, on the root's scan thread: must not block longer than
  // the file system does. False if there is no room for it; its folder is then listed again.
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
// listed, and once more after that, and every tenth time it is listed anyway, for files that were
// rewritten in place.
//
// One thread takes events, and each root has one that lists: a share that does not answer holds up
// its own, and roots() says so. Memory: a path per folder, and the names of the folders being
// listed.
class FolderWatcher {
 public:
  // As inotify_add_watch().
  using AddWatchCall = std::function<int(int fd, const char* path, std::uint32_t mask)>;
  // As ListFolder().
  using ListCall = std::function<absl::StatusOr<FolderListing>(
      const FileRules& rules, const std::string& root, const std::string& folder,
      const std::stop_token& stop)>;
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
    // Hears of every call that may hang; must outlive the watcher. The watcher has one of its own
    // if this is null.
    FolderCalls* calls = nullptr;
    // In place of the system's calls, for tests; from several threads.
    AddWatchCall add_watch = nullptr;
    ListCall list = nullptr;
  };
  struct RootState {
    std::string path;
    // What is wrong with the root, for people; empty when nothing is.
    std::string message;
    // Since when it is not there; nothing while it is, or if it never was.
    std::optional<base::WallTime> lost = {};
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
  // Waits a few seconds for those that do not answer.
  absl::Status Start();
  // Ends all threads; the listener hears nothing afterwards. Waits for a share that does not answer
  // for as long as the kernel does.
  void Stop();
  // Lists everything again, soon. From any thread.
  void Rescan();
  // Lists one folder again, soon, without those under it.
  void RescanFolder(const std::string& root, const std::string& folder);
  std::vector<RootState> roots() const;

 private:
  enum class WorkKind { kList, kListOne, kGone, kFile, kRootListed };
  struct Work {
    WorkKind kind;
    std::string root;
    std::string path;  // of the folder, or of the file
    auto operator<=>(const Work&) const = default;
  };
  struct Root {
    bool present = false;
    // What the folder was when it was found.
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::string trouble;
    std::optional<base::WallTime> lost;
    std::string watch_trouble;
    PollMode poll = PollMode::kAuto;
    std::optional<base::WallTime> scanned;
    // What was mounted in it when it was last listed as a whole.
    std::string mounts;
    // It was looked for at least once.
    bool looked_for = false;
    // Something was mounted or unmounted somewhere.
    bool check = false;
    // Some of it lies where files can only be asked for on its own thread.
    bool slow = false;
    std::deque<Work> work;
    std::set<Work> queued;
    std::jthread scans;
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
    // Its time was another one before: what came in the same tick of a coarse clock as the last
    // listing does not change it any more.
    bool again = false;
  };
  enum class Watching { kOn, kLacking, kOff };

  void RunEvents(const std::stop_token& stop);
  void RunScans(const std::string& path, const std::stop_token& stop);
  void TakeEvents();
  void TakeEvent(std::uint32_t mask, int wd, const std::string& name);
  void TakeFolderEvent(std::uint32_t mask, const Watch& watch, const std::string& path);
  void Do(const Work& work, const std::stop_token& stop);
  void List(const Work& work, const std::stop_token& stop);
  void TakeListing(const Work& work, const FolderListing& listing, Watching watching);
  void FinishRound(const std::string& root, const std::stop_token& stop);
  Watching AddWatch(const std::string& root, const std::string& folder);
  // Under the lock.
  void Push(Work work, bool first);
  void PushFile(const Watch& watch, std::string path);
  void PushRoot(const std::string& path);
  void DropWatches(const std::string& folder);

  // folder_watcher_roots.cpp; on the root's scan thread and not under the lock: they ask the file
  // system.
  void FindRoot(const std::string& path);
  void CheckRoot(const std::string& path);
  void PollFolders(const std::string& root, const std::stop_token& stop);
  // Under the lock.
  void LoseRoot(const std::string& root, const std::string& message);
  bool IsPolled(const std::string& root) const;

  const Options options_;
  FolderListener& listener_;
  FolderCalls own_calls_;
  FolderCalls& calls_;
  base::UniqueFd inotify_;
  base::UniqueFd wake_;
  base::UniqueFd mounts_;

  mutable std::mutex mutex_;
  std::condition_variable_any work_added_;
  // Nodes that never move: all roots, from the beginning to the end.
  std::map<std::string, Root> roots_;
  std::unordered_map<int, Watch> watches_;
  std::map<std::string, int> watch_of_;   // by folder
  std::map<std::string, Polled> polled_;  // by folder
  std::jthread events_;
};

}  // namespace proofline::studio
