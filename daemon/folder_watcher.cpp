#include "daemon/folder_watcher.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_join.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::studio {
namespace {

constexpr std::uint32_t kWatched = IN_CREATE | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE |
                                   IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |
                                   IN_EXCL_UNLINK | IN_ONLYDIR;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using OpenFolder = std::unique_ptr<DIR, CloseFolder>;

// A root may be a symbolic link; what lies under it may not.
OpenFolder Open(const std::string& folder, bool is_root) {
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (is_root ? 0 : O_NOFOLLOW);
  base::UniqueFd fd(::open(folder.c_str(), flags));
  if (!fd) return nullptr;
  OpenFolder open(::fdopendir(fd.get()));
  if (open != nullptr) fd.Release();
  return open;
}

std::optional<struct stat> StatFolder(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return std::nullopt;
  return status;
}

}  // namespace

FolderWatcher::FolderWatcher(const Options& options, FolderListener& listener)
    : options_(options), listener_(listener) {
  for (const std::string& root : options_.roots) roots_[root];
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
        "{}; new files are found by looking through the folders at every scan.interval",
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
    states.push_back({root, state.trouble.empty() ? state.watch_trouble : state.trouble});
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
  if (name.empty() || IsIgnoredName(name)) return;
  const std::string path = JoinPath(watch.folder, name);
  if ((mask & IN_ISDIR) != 0) {
    TakeFolderEvent(mask, watch, path);
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

void FolderWatcher::AddWatch(const std::string& root, const std::string& folder) {
  if (!inotify_) return;
  const std::uint32_t mask = kWatched | (folder == root ? 0U : std::uint32_t{IN_DONT_FOLLOW});
  const int wd = ::inotify_add_watch(inotify_.get(), folder.c_str(), mask);
  if (wd < 0) {
    const int error = errno;
    std::string& trouble = roots_.at(root).watch_trouble;
    if ((error == ENOSPC || error == ENOMEM) && trouble.empty()) {
      trouble =
          "the kernel's limit of watches is reached; some folders are only looked through at every "
          "scan.interval (raise the limit with: sysctl fs.inotify.max_user_watches=1048576)";
      spdlog::warn("{}: {}", Readable(root), trouble);
    }
    return;
  }
  const auto old = watches_.find(wd);
  if (old != watches_.end()) watch_of_.erase(old->second.folder);
  watches_[wd] = {root, folder};
  watch_of_[folder] = wd;
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
}

// ---- Listing

bool FolderWatcher::AllRootsPresent() const {
  return std::all_of(roots_.begin(), roots_.end(),
                     [](const auto& root) { return root.second.present; });
}

void FolderWatcher::RunScans(const std::stop_token& stop) {
  base::SteadyTime next_rescan = std::chrono::steady_clock::now() + options_.rescan_interval;
  std::unique_lock lock(mutex_);
  PushAllRoots();
  while (!stop.stop_requested()) {
    if (work_.empty()) {
      const bool all_present = AllRootsPresent();
      base::SteadyTime wake = next_rescan;
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
    case WorkKind::kRootListed: {
      bool present = false;
      {
        const std::lock_guard lock(mutex_);
        present = roots_.at(work.root).present;
      }
      if (present) listener_.OnRootListed(work.root, stop);
      return;
    }
  }
}

void FolderWatcher::List(const Work& work, const std::stop_token& stop) {
  const bool is_root = work.folder == work.root;
  {
    // Watched before it is read: what comes while it is read is heard of in one way or the other.
    const std::lock_guard lock(mutex_);
    AddWatch(work.root, work.folder);
  }
  const OpenFolder folder = Open(work.folder, is_root);
  if (folder == nullptr) {
    const int error = errno;
    if (is_root) {
      const std::lock_guard lock(mutex_);
      LoseRoot(work.root, std::string(base::ErrnoStatus(error, "cannot look into it").message()));
    } else if (error != ENOENT && error != ENOTDIR && error != ELOOP) {
      spdlog::warn(
          "{}; what is in it is not seen",
          base::ToStd(
              base::ErrnoStatus(error, base::Concat("cannot look into ", work.folder)).message()));
    }
    return;
  }

  std::vector<FolderListener::ListedFile> files;
  std::vector<std::string> folders;
  errno = 0;
  while (const dirent* entry = ::readdir(folder.get())) {
    if (stop.stop_requested()) return;
    const std::string_view name = entry->d_name;
    struct stat status {};
    if (!IsIgnoredName(name) &&
        ::fstatat(::dirfd(folder.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
      if (S_ISDIR(status.st_mode)) folders.emplace_back(name);
      const Reading reading = ReadingOf(status);
      if (reading.is_file()) files.push_back({std::string(name), reading.stamp});
    }
    errno = 0;
  }
  if (errno != 0) {
    // Half a listing would make the other half look deleted.
    spdlog::warn(
        "{}; it is read again later",
        base::ToStd(base::ErrnoStatus(errno, base::Concat("cannot read the folder ", work.folder))
                        .message()));
    return;
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  if (work.kind == WorkKind::kList) {
    const std::lock_guard lock(mutex_);
    for (const std::string& name : folders) {
      Push({WorkKind::kList, work.root, JoinPath(work.folder, name)}, /*first=*/true);
    }
  }
  listener_.OnFolderListed(work.root, work.folder, files, stop);
}

// ---- Roots

void FolderWatcher::LoseRoot(const std::string& path, const std::string& message) {
  Root& root = roots_.at(path);
  if (!root.present) return;
  root.present = false;
  root.trouble = base::Concat(message, "; its photos stay as they are until it is back");
  spdlog::warn("watched folder {}: {}", Readable(path), root.trouble);
  DropWatches(path);
  work_added_.notify_all();
}

void FolderWatcher::FindMissingRoots() {
  for (auto& [path, root] : roots_) {
    if (root.present) continue;
    const std::optional<struct stat> status = StatFolder(path);
    if (!status.has_value()) {
      if (root.trouble.empty()) {
        root.trouble = "the folder is not there; it is watched as soon as it appears";
        spdlog::warn("watched folder {}: {}", Readable(path), root.trouble);
      }
      continue;
    }
    root.present = true;
    root.device = status->st_dev;
    root.inode = status->st_ino;
    if (!root.trouble.empty()) spdlog::info("watched folder {} is there", Readable(path));
    root.trouble.clear();
    Push({WorkKind::kList, path, path}, /*first=*/false);
    Push({WorkKind::kRootListed, path, path}, /*first=*/false);
  }
}

void FolderWatcher::CheckRoots() {
  const std::lock_guard lock(mutex_);
  for (auto& [path, root] : roots_) {
    if (!root.present) continue;
    const std::optional<struct stat> status = StatFolder(path);
    if (!status.has_value()) {
      LoseRoot(path, "the folder is not there any more");
    } else if (status->st_dev != root.device || status->st_ino != root.inode) {
      DropWatches(path);
      root.present = false;
    }
  }
  FindMissingRoots();
}

}  // namespace proofline::studio
