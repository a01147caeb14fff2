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
// How long Start() waits to hear whether the roots are there.
constexpr base::Duration kFirstLook = std::chrono::seconds(5);
// How soon it is noticed that a folder which did not answer does so again.
constexpr base::Duration kLongestSleep = std::chrono::seconds(10);
// Files whose events wait for a scan thread; beyond that their folders are listed.
constexpr std::size_t kMostQueued = 10'000;

}  // namespace

FolderWatcher::FolderWatcher(const Options& options, FolderListener& listener)
    : options_(options),
      listener_(listener),
      calls_(options.calls != nullptr ? *options.calls : own_calls_) {
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
  for (auto& [path, root] : roots_) {
    root.scans =
        std::jthread([this, path = path](const std::stop_token& stop) { RunScans(path, stop); });
  }
  bool any = false;
  {
    std::unique_lock lock(mutex_);
    work_added_.wait_for(lock, kFirstLook, [this] {
      return std::all_of(roots_.begin(), roots_.end(),
                         [](const auto& root) { return root.second.looked_for; });
    });
    // Who does not answer is there, perhaps.
    any = std::any_of(roots_.begin(), roots_.end(), [](const auto& root) {
      return root.second.present || !root.second.looked_for;
    });
  }
  if (any) return absl::OkStatus();
  Stop();
  return absl::NotFoundError(base::Concat(
      "none of the watched folders is there: ", Readable(absl::StrJoin(options_.roots, ", ")),
      "; make the folder, or correct [[watch]] path in the configuration"));
}

void FolderWatcher::Stop() {
  // The scan threads first: the event thread never waits for anybody.
  for (auto& [path, root] : roots_) root.scans.request_stop();
  for (auto& [path, root] : roots_) {
    if (root.scans.joinable()) root.scans.join();
  }
  if (!events_.joinable()) return;
  events_.request_stop();
  events_.join();
}

void FolderWatcher::Rescan() {
  const std::lock_guard lock(mutex_);
  for (const auto& [path, root] : roots_) PushRoot(path);
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
    std::string message = state.trouble;
    if (message.empty()) message = calls_.Hanging(root);
    if (message.empty()) message = state.watch_trouble;
    states.push_back(
        {root, std::move(message), state.lost, state.present && IsPolled(root), state.scanned});
  }
  return states;
}

void FolderWatcher::Push(Work work, bool first) {
  Root& root = roots_.at(work.root);
  if (!root.queued.insert(work).second) return;
  if (first) {
    root.work.push_front(std::move(work));
  } else {
    root.work.push_back(std::move(work));
  }
  work_added_.notify_all();
}

void FolderWatcher::PushFile(const Watch& watch, std::string path) {
  if (roots_.at(watch.root).queued.size() < kMostQueued) {
    Push({WorkKind::kFile, watch.root, std::move(path)}, /*first=*/true);
  } else {
    Push({WorkKind::kListOne, watch.root, watch.folder}, /*first=*/false);
  }
}

void FolderWatcher::PushRoot(const std::string& path) {
  if (!roots_.at(path).present) return;
  Push({WorkKind::kList, path, path}, /*first=*/false);
  Push({WorkKind::kRootListed, path, path}, /*first=*/false);
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
    if ((watched[2].revents & (POLLPRI | POLLERR)) != 0) {
      const std::lock_guard lock(mutex_);
      for (auto& [path, root] : roots_) root.check = true;
      work_added_.notify_all();
    }
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
    for (const auto& [path, root] : roots_) PushRoot(path);
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
  const auto polled = polled_.find(watch.folder);
  if (roots_.at(watch.root).slow || (polled != polled_.end() && !polled->second.lacks_watch)) {
    // A share, or something like it: only its own thread may wait for it.
    PushFile(watch, path);
    return;
  }
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
  if (!inotify_) return Watching::kLacking;
  const std::uint32_t mask = kWatched | (folder == root ? 0U : std::uint32_t{IN_DONT_FOLLOW});
  const int wd = options_.add_watch ? options_.add_watch(inotify_.get(), folder.c_str(), mask)
                                    : ::inotify_add_watch(inotify_.get(), folder.c_str(), mask);
  const int error = errno;
  // What happens before it is noted below is seen by the listing that follows.
  const std::lock_guard lock(mutex_);
  Root& state = roots_.at(root);
  if (wd < 0) {
    // What cannot be looked into fails again when it is listed.
    if (error != ENOSPC && error != ENOMEM) return Watching::kOn;
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
  if (!state.present) {
    ::inotify_rm_watch(inotify_.get(), wd);
    return Watching::kOff;
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

void FolderWatcher::RunScans(const std::string& path, const std::stop_token& stop) {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  base::SteadyTime next_rescan = now() + options_.rescan_interval;
  base::SteadyTime next_poll = now() + options_.poll_interval;
  FindRoot(path);
  std::unique_lock lock(mutex_);
  Root& root = roots_.at(path);
  root.looked_for = true;
  work_added_.notify_all();
  while (!stop.stop_requested()) {
    // What others have left undone is found again.
    if (calls_.TakeUnanswered(path)) PushRoot(path);
    if (root.work.empty()) {
      const bool present = root.present;
      base::SteadyTime wake = std::min(next_rescan, now() + kLongestSleep);
      if (IsPolled(path)) wake = std::min(wake, next_poll);
      if (!present) wake = std::min(wake, now() + options_.root_retry);
      // If it is lost meanwhile the wait is a shorter one.
      work_added_.wait_until(lock, stop, wake, [&] {
        return !root.work.empty() || root.check || (present && !root.present);
      });
      if (stop.stop_requested()) return;
      const bool check = std::exchange(root.check, false);
      const bool poll = now() >= next_poll;
      if (now() >= next_rescan) {
        PushRoot(path);
        next_rescan = now() + options_.rescan_interval;
      }
      lock.unlock();
      if (check) CheckRoot(path);
      if (check || !present) FindRoot(path);
      if (poll) {
        PollFolders(path, stop);
        next_poll = now() + options_.poll_interval;
      }
      lock.lock();
      continue;
    }
    const Work work = std::move(root.work.front());
    root.work.pop_front();
    root.queued.erase(work);
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
      listener_.OnFolderGone(work.root, work.path, stop);
      return;
    case WorkKind::kFile: {
      const base::WorkWatch::Busy busy = calls_.Begin(work.root, work.path);
      if (!listener_.OnFileEvent(work.root, work.path)) {
        RescanFolder(work.root, FolderOf(work.path));
      }
      return;
    }
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
  const std::string& folder = work.path;
  Watching watching = Watching::kOff;
  {
    const std::lock_guard lock(mutex_);
    const Root& root = roots_.at(work.root);
    if (!root.present) return;
    if (root.poll != PollMode::kAlways) watching = Watching::kOn;
  }
  absl::StatusOr<FolderListing> listing = absl::UnknownError("");
  {
    const base::WorkWatch::Busy busy = calls_.Begin(work.root, folder);
    // Watched before it is read: what comes while it is read is heard of in one way or the other.
    if (watching == Watching::kOn) watching = AddWatch(work.root, folder);
    listing = options_.list ? options_.list(options_.rules, work.root, folder, stop)
                            : ListFolder(options_.rules, work.root, folder, stop);
  }
  if (listing.ok()) {
    TakeListing(work, *listing, watching);
    listener_.OnFolderListed(work.root, folder, listing->files, stop);
  } else if (!absl::IsCancelled(listing.status())) {
    const std::lock_guard lock(mutex_);
    if (folder == work.root) {
      LoseRoot(work.root, std::string(base::ToStd(listing.status().message())));
    } else if (absl::IsNotFound(listing.status())) {
      // It may have gone before its watch was noted.
      DropWatches(folder);
    } else {
      spdlog::warn("{}; what is in it is not seen", base::ToStd(listing.status().message()));
    }
  }
}

void FolderWatcher::TakeListing(const Work& work, const FolderListing& listing, Watching watching) {
  const std::lock_guard lock(mutex_);
  Root& root = roots_.at(work.root);
  if (!root.present) return;
  root.slow = root.slow || !listing.reports_events;
  const bool polled =
      root.poll == PollMode::kAlways ||
      (root.poll == PollMode::kAuto && (watching == Watching::kLacking || !listing.reports_events));
  if (polled) {
    const auto before = polled_.find(work.path);
    const bool again = before == polled_.end() || before->second.mtime_ns != listing.mtime_ns;
    polled_[work.path] = {work.root, listing.mtime_ns, 0, watching == Watching::kLacking, again};
  } else {
    polled_.erase(work.path);
  }
  for (const std::string& name : listing.folders) {
    std::string path = JoinPath(work.path, name);
    // No event tells of new folders in a polled one.
    if (work.kind == WorkKind::kList ||
        (polled && !polled_.contains(path) && !watch_of_.contains(path))) {
      Push({WorkKind::kList, work.root, std::move(path)}, /*first=*/true);
    }
  }
}

}  // namespace proofline::studio
