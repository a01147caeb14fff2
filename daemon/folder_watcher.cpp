#include "daemon/folder_watcher.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/str_join.h"
#include "daemon/folder_listing.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::studio {
namespace {

constexpr std::uint32_t kWatched = IN_CREATE | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE |
                                   IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |
                                   IN_EXCL_UNLINK | IN_ONLYDIR;

}  // namespace

FolderWatcher::FolderWatcher(const Options& options, FolderListener& listener)
    : options_(options), listener_(listener) {
  for (const std::string& root : options_.roots) {
    const auto poll = options_.poll.find(root);
    if (poll != options_.poll.end()) {
      roots_[root].poll = poll->second;
    } else {
      roots_[root];
    }
  }
}

FolderWatcher::~FolderWatcher() { Stop(); }

absl::Status FolderWatcher::Start() {
  {
    const std::lock_guard lock(mutex_);
    FindMissingRoots();
    const bool any = std::any_of(roots_.begin(), roots_.end(),
                                 [](const auto& root) { return root.second.present; });
    if (!any) {
      return absl::NotFoundError(base::Concat(
          "none of the watched folders is there: ", Readable(absl::StrJoin(options_.roots, ", ")),
          "; make the folder, or correct [[watch]] path in the configuration"));
    }
  }
  inotify_.Reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  wake_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return base::ErrnoStatus(errno, "cannot watch folders");
  // Tells of every mount and unmount; without it the next rescan shows them.
  mounts_.Reset(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  if (!inotify_) {
    spdlog::warn(
        "{}; new files are found by looking through the folders at every scan.poll_interval",
        base::ToStd(base::ErrnoStatus(errno, "the kernel does not report events").message()));
  }
  events_ = std::jthread([this](const std::stop_token& stop) { RunEvents(stop); });
  scans_ = std::jthread([this](const std::stop_token& stop) { RunScans(stop); });
  return absl::OkStatus();
}

void FolderWatcher::Stop() {
  // The scan thread first: the event thread never waits for anybody.
  for (std::jthread* thread : {&scans_, &events_}) {
    if (!thread->joinable()) continue;
    thread->request_stop();
    thread->join();
  }
}

void FolderWatcher::Rescan() {
  const std::lock_guard lock(mutex_);
  PushAllRoots();
}

void FolderWatcher::RescanFolder(const std::string& root, const std::string& folder) {
  const std::lock_guard lock(mutex_);
  Push({WorkKind::kListOne, root, folder}, /*first=*/false);
}

std::vector<FolderWatcher::RootState> FolderWatcher::roots() const {
  std::vector<RootState> states;
  const std::lock_guard lock(mutex_);
  for (const std::string& root : options_.roots) {
    const Root& state = roots_.at(root);
    const bool polled = std::any_of(polled_.begin(), polled_.end(),
                                    [&](const auto& one) { return one.second.root == root; });
    states.push_back({root, state.trouble.empty() ? state.watch_trouble : state.trouble,
                      state.present && polled, state.scanned});
  }
  return states;
}

void FolderWatcher::Push(Work work, bool first) {
  if (!queued_.insert(work).second) return;
  if (first) {
    work_.push_front(std::move(work));
  } else {
    work_.push_back(std::move(work));
  }
  work_added_.notify_all();
}

void FolderWatcher::PushAllRoots() {
  for (const auto& [path, root] : roots_) {
    if (!root.present) continue;
    Push({WorkKind::kList, path, path}, /*first=*/false);
    Push({WorkKind::kRootListed, path, path}, /*first=*/false);
  }
}

// ---- Events

void FolderWatcher::RunEvents(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
  });
  while (!stop.stop_requested()) {
    std::array<pollfd, 3> watched{
        {{wake_.get(), POLLIN, 0}, {inotify_.get(), POLLIN, 0}, {mounts_.get(), POLLPRI, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return;
    if ((watched[1].revents & POLLIN) != 0) TakeEvents();
    if ((watched[2].revents & (POLLPRI | POLLERR)) != 0) CheckRoots();
  }
}

void FolderWatcher::TakeEvents() {
  alignas(inotify_event) std::array<char, 64 * 1024> buffer;
  while (true) {
    const ssize_t got = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (got <= 0) return;
    const char* at = buffer.data();
    while (at < buffer.data() + got) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof(event));
      const char* name = at + sizeof(event);
      TakeEvent(event.mask, event.wd, std::string(name, ::strnlen(name, event.len)));
      at += sizeof(event) + event.len;
    }
  }
}

void FolderWatcher::TakeEvent(std::uint32_t mask, int wd, const std::string& name) {
  std::unique_lock lock(mutex_);
  if ((mask & IN_Q_OVERFLOW) != 0) {
    spdlog::warn(
        "more happened in the watched folders than the kernel could report; "
        "looking through all of them");
    PushAllRoots();
    return;
  }
  const auto found = watches_.find(wd);
  if (found == watches_.end()) return;
  const Watch watch = found->second;
  if ((mask & (IN_IGNORED | IN_UNMOUNT)) != 0) {
    watch_of_.erase(watch.folder);
    watches_.erase(wd);
  }
  if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0) {
    // Other folders are told of by their parents.
    if (watch.folder == watch.root) LoseRoot(watch.root, "the folder is not there any more");
    return;
  }
  if (name.empty()) return;
  const std::string path = JoinPath(watch.folder, name);
  if ((mask & IN_ISDIR) != 0) {
    if (!options_.rules.IgnoresFolder(watch.root, watch.folder, name)) {
      TakeFolderEvent(mask, watch, path);
    }
    return;
  }
  if (options_.rules.KindOf(watch.root, watch.folder, name) == FileKind::kIgnored) return;
  lock.unlock();
  if (!listener_.OnFileEvent(watch.root, path)) RescanFolder(watch.root, watch.folder);
}

void FolderWatcher::TakeFolderEvent(std::uint32_t mask, const Watch& watch,
                                    const std::string& path) {
  if ((mask & (IN_MOVED_FROM | IN_DELETE)) != 0) {
    // A moved folder keeps its watches in the kernel; under its old name they would lie.
    DropWatches(path);
    Push({WorkKind::kGone, watch.root, path}, /*first=*/true);
  }
  // New, moved here, or perhaps readable by now.
  if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0 ||
      ((mask & IN_ATTRIB) != 0 && !watch_of_.contains(path))) {
    Push({WorkKind::kList, watch.root, path}, /*first=*/true);
  }
}

FolderWatcher::Watching FolderWatcher::AddWatch(const std::string& root,
                                                const std::string& folder) {
  Root& state = roots_.at(root);
  if (state.poll == PollMode::kAlways) return Watching::kOff;
  if (!inotify_) return Watching::kLacking;
  const std::uint32_t mask = kWatched | (folder == root ? 0U : std::uint32_t{IN_DONT_FOLLOW});
  const int wd = options_.add_watch ? options_.add_watch(inotify_.get(), folder.c_str(), mask)
                                    : ::inotify_add_watch(inotify_.get(), folder.c_str(), mask);
  if (wd < 0) {
    // What cannot be looked into fails again when it is listed.
    if (errno != ENOSPC && errno != ENOMEM) return Watching::kOn;
    if (state.watch_trouble.empty()) {
      state.watch_trouble = base::Concat(
          "the kernel's limit of watches is reached; some folders are only looked through at "
          "every ",
          state.poll == PollMode::kNever ? "scan.interval" : "scan.poll_interval",
          " (raise the limit with: sysctl fs.inotify.max_user_watches=1048576)");
      spdlog::warn("{}: {}", Readable(root), state.watch_trouble);
    }
    return Watching::kLacking;
  }
  const auto old = watches_.find(wd);
  if (old != watches_.end()) watch_of_.erase(old->second.folder);
  watches_[wd] = {root, folder};
  watch_of_[folder] = wd;
  return Watching::kOn;
}

void FolderWatcher::DropWatches(const std::string& folder) {
  for (auto at = watch_of_.lower_bound(folder); at != watch_of_.end();) {
    if (at->first.compare(0, folder.size(), folder) != 0) break;
    if (!IsWithin(at->first, folder)) {
      ++at;
      continue;
    }
    ::inotify_rm_watch(inotify_.get(), at->second);
    watches_.erase(at->second);
    at = watch_of_.erase(at);
  }
  for (auto at = polled_.lower_bound(folder);
       at != polled_.end() && at->first.compare(0, folder.size(), folder) == 0;) {
    at = IsWithin(at->first, folder) ? polled_.erase(at) : std::next(at);
  }
}

// ---- Listing

void FolderWatcher::RunScans(const std::stop_token& stop) {
  base::SteadyTime next_rescan = std::chrono::steady_clock::now() + options_.rescan_interval;
  base::SteadyTime next_poll = std::chrono::steady_clock::now() + options_.poll_interval;
  std::unique_lock lock(mutex_);
  PushAllRoots();
  while (!stop.stop_requested()) {
    if (work_.empty()) {
      const bool all_present = AllRootsPresent();
      base::SteadyTime wake = next_rescan;
      if (!polled_.empty()) wake = std::min(wake, next_poll);
      if (!all_present) {
        wake = std::min(wake, std::chrono::steady_clock::now() + options_.root_retry);
      }
      // A root that is lost meanwhile makes the wait a shorter one.
      work_added_.wait_until(lock, stop, wake,
                             [&] { return !work_.empty() || (all_present && !AllRootsPresent()); });
      if (stop.stop_requested()) return;
      if (!all_present) FindMissingRoots();
      if (std::chrono::steady_clock::now() >= next_rescan) {
        PushAllRoots();
        next_rescan = std::chrono::steady_clock::now() + options_.rescan_interval;
      }
      if (std::chrono::steady_clock::now() >= next_poll) {
        lock.unlock();
        PollFolders(stop);
        lock.lock();
        next_poll = std::chrono::steady_clock::now() + options_.poll_interval;
      }
      continue;
    }
    const Work work = std::move(work_.front());
    work_.pop_front();
    queued_.erase(work);
    lock.unlock();
    Do(work, stop);
    lock.lock();
  }
}

void FolderWatcher::Do(const Work& work, const std::stop_token& stop) {
  switch (work.kind) {
    case WorkKind::kList:
    case WorkKind::kListOne:
      List(work, stop);
      return;
    case WorkKind::kGone:
      listener_.OnFolderGone(work.root, work.folder, stop);
      return;
    case WorkKind::kRootListed:
      FinishRound(work.root, stop);
      return;
  }
}

void FolderWatcher::FinishRound(const std::string& path, const std::stop_token& stop) {
  {
    const std::lock_guard lock(mutex_);
    if (!roots_.at(path).present) return;
  }
  listener_.OnRootListed(path, stop);
  if (stop.stop_requested()) return;
  const std::lock_guard lock(mutex_);
  Root& root = roots_.at(path);
  root.scanned = std::chrono::system_clock::now();
  const bool lacking = std::any_of(polled_.begin(), polled_.end(), [&](const auto& one) {
    return one.second.root == path && one.second.lacks_watch;
  });
  if (!lacking && root.poll == PollMode::kAuto) root.watch_trouble.clear();
}

void FolderWatcher::List(const Work& work, const std::stop_token& stop) {
  Watching watching = Watching::kOff;
  {
    // Watched before it is read: what comes while it is read is heard of in one way or the other.
    const std::lock_guard lock(mutex_);
    if (!roots_.at(work.root).present) return;
    watching = AddWatch(work.root, work.folder);
  }
  const absl::StatusOr<FolderListing> listing =
      ListFolder(options_.rules, work.root, work.folder, stop);
  if (listing.ok()) {
    TakeListing(work, *listing, watching);
    listener_.OnFolderListed(work.root, work.folder, listing->files, stop);
  } else if (!absl::IsCancelled(listing.status())) {
    if (work.folder == work.root) {
      const std::lock_guard lock(mutex_);
      LoseRoot(work.root, std::string(base::ToStd(listing.status().message())));
    } else if (!absl::IsNotFound(listing.status())) {
      spdlog::warn("{}; what is in it is not seen", base::ToStd(listing.status().message()));
    }
  }
}

void FolderWatcher::TakeListing(const Work& work, const FolderListing& listing, Watching watching) {
  const std::lock_guard lock(mutex_);
  const Root& root = roots_.at(work.root);
  if (!root.present) return;
  const bool polled =
      root.poll == PollMode::kAlways ||
      (root.poll == PollMode::kAuto && (watching == Watching::kLacking || !listing.reports_events));
  if (polled) {
    polled_[work.folder] = {work.root, listing.mtime_ns, 0, watching == Watching::kLacking};
  } else {
    polled_.erase(work.folder);
  }
  for (const std::string& name : listing.folders) {
    std::string path = JoinPath(work.folder, name);
    // No event tells of new folders in a polled one.
    if (work.kind == WorkKind::kList ||
        (polled && !polled_.contains(path) && !watch_of_.contains(path))) {
      Push({WorkKind::kList, work.root, std::move(path)}, /*first=*/true);
    }
  }
}

}  // namespace proofline::studio
