#include "daemon/ingest.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>

#include "lib/base/backoff.h"
#include "lib/base/text.h"

namespace proofline::studio {
namespace {

// Settled files recorded in one commit.
constexpr std::size_t kBatch = 256;

enum class FolderPresence { kThere, kGone, kUnknown };

FolderPresence PresenceOf(const std::string& folder) {
  struct stat status {};
  if (::lstat(folder.c_str(), &status) == 0) {
    return S_ISDIR(status.st_mode) ? FolderPresence::kThere : FolderPresence::kGone;
  }
  return errno == ENOENT || errno == ENOTDIR ? FolderPresence::kGone : FolderPresence::kUnknown;
}

// Tells files that were deleted from files whose disk is not mounted.
class RootCheck {
 public:
  explicit RootCheck(const std::string& root) {
    struct stat status {};
    there_ = ::stat(root.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    device_ = status.st_dev;
    std::error_code error;
    empty_ = there_ && std::filesystem::is_empty(root, error);
    if (error) there_ = false;
  }
  // A root that is away takes nothing with it: it is missing, or it is the empty folder that
  // another file system is normally mounted on.
  bool IsAwayFor(const FileStamp& last_seen) const {
    return !there_ || (empty_ && device_ != last_seen.device);
  }

 private:
  bool there_ = false;
  bool empty_ = false;
  std::uint64_t device_ = 0;
};

}  // namespace

Ingest::Ingest(const SettleQueue::Options& options, Catalog& catalog, const base::Clock& clock)
    : catalog_(catalog), queue_(options, clock) {}

Ingest::~Ingest() { Stop(); }

void Ingest::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void Ingest::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

std::size_t Ingest::settling() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

bool Ingest::Offer(const std::string& root, const std::string& path, const Reading& reading,
                   SettleQueue::Why why, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!queue_.Offer(root, path, reading, why)) {
    changed_.wait(lock, stop, [this] { return !queue_.full(); });
    if (stop.stop_requested()) return false;
  }
  lock.unlock();
  changed_.notify_all();
  return true;
}

void Ingest::LookAgain(const std::string& root, const std::string& path,
                       const std::stop_token& stop) {
  Offer(root, path, ReadPath(path), SettleQueue::Why::kEvent, stop);
}

bool Ingest::OnFileEvent(const std::string& root, const std::string& path) {
  const Reading reading = ReadPath(path);
  const std::optional<Catalog::KnownFile> known = catalog_.FindFile(path);
  std::unique_lock lock(mutex_);
  if (!queue_.Holds(path)) {
    if (reading.kind == Reading::Kind::kAbsent && (!known.has_value() || known->gone)) return true;
    if (reading.is_file() && known.has_value() && known->IsAsRecorded(reading.stamp)) return true;
  }
  if (!queue_.Offer(root, path, reading, SettleQueue::Why::kEvent)) return false;
  lock.unlock();
  changed_.notify_all();
  return true;
}

void Ingest::OnFolderListed(const std::string& root, const std::string& folder,
                            const std::vector<ListedFile>& files, const std::stop_token& stop) {
  std::vector<Catalog::KnownFile> known;
  const absl::Status status =
      catalog_.KnownFilesIn(folder, [&](const Catalog::KnownFile& file) { known.push_back(file); });
  if (!status.ok()) {
    spdlog::error("{}", base::ToStd(status.message()));
    return;
  }
  // Both are in the order of their names.
  auto next = known.begin();
  const auto offer_gone_before = [&](const std::string* name) {
    for (; next != known.end() && (name == nullptr || next->name < *name); ++next) {
      if (next->gone) continue;
      if (!Offer(root, JoinPath(folder, next->name), {}, SettleQueue::Why::kListed, stop)) return;
    }
  };
  for (const ListedFile& file : files) {
    offer_gone_before(&file.name);
    if (stop.stop_requested()) return;
    const bool is_known = next != known.end() && next->name == file.name;
    const bool as_recorded = is_known && next->IsAsRecorded(file.stamp);
    if (is_known) ++next;
    if (as_recorded) continue;
    const Reading reading{Reading::Kind::kFile, file.stamp};
    if (!Offer(root, JoinPath(folder, file.name), reading, SettleQueue::Why::kListed, stop)) return;
  }
  offer_gone_before(nullptr);
}

void Ingest::OnFolderGone(const std::string& root, const std::string& folder,
                          const std::stop_token& stop) {
  const absl::Status status = catalog_.KnownPathsUnder(folder, [&](const std::string& path) {
    return Offer(root, path, ReadPath(path), SettleQueue::Why::kEvent, stop);
  });
  if (!status.ok()) spdlog::error("{}", base::ToStd(status.message()));
}

void Ingest::OnRootListed(const std::string& root, const std::stop_token& stop) {
  std::vector<std::string> gone;
  absl::Status status = catalog_.KnownFoldersUnder(root, [&](const std::string& folder) {
    if (PresenceOf(folder) == FolderPresence::kGone && folder != root) gone.push_back(folder);
    return !stop.stop_requested();
  });
  for (const std::string& folder : gone) {
    std::vector<std::string> paths;
    status.Update(catalog_.KnownFilesIn(folder, [&](const Catalog::KnownFile& file) {
      if (!file.gone) paths.push_back(JoinPath(folder, file.name));
    }));
    for (const std::string& path : paths) {
      if (!Offer(root, path, {}, SettleQueue::Why::kListed, stop)) return;
    }
  }
  if (!status.ok()) spdlog::error("{}", base::ToStd(status.message()));
}

void Ingest::Run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const std::vector<std::string> due = queue_.Due(kBatch);
    if (due.empty()) {
      const std::optional<base::SteadyTime> next = queue_.NextDue();
      if (!next.has_value()) {
        changed_.wait(lock, stop, [this] { return queue_.size() > 0; });
      } else {
        changed_.wait_until(lock, stop, *next, [] { return false; });
      }
      continue;
    }
    lock.unlock();
    Record(TakeSettled(due), stop);
    lock.lock();
  }
}

std::vector<SettledPath> Ingest::TakeSettled(const std::vector<std::string>& due) {
  std::vector<SettledPath> settled;
  for (const std::string& path : due) {
    // Outside the lock: a share that does not answer must not stop events.
    const Reading reading = ReadPath(path);
    const std::lock_guard lock(mutex_);
    if (std::optional<SettledPath> one = queue_.Check(path, reading)) {
      settled.push_back(*std::move(one));
    }
  }
  changed_.notify_all();

  std::map<std::string, RootCheck> roots;
  std::erase_if(settled, [&](const SettledPath& one) {
    if (one.reading.is_file()) return false;
    const std::optional<Catalog::KnownFile> known = catalog_.FindFile(one.path);
    if (!known.has_value()) return true;
    const auto root = roots.try_emplace(one.root, one.root).first;
    return root->second.IsAwayFor(known->stamp);
  });
  return settled;
}

void Ingest::Record(const std::vector<SettledPath>& settled, const std::stop_token& stop) {
  base::Backoff backoff(std::chrono::milliseconds(200), std::chrono::seconds(30));
  while (!settled.empty() && !stop.stop_requested()) {
    const absl::Status status = catalog_.RecordSettled(settled);
    if (status.ok()) return;
    spdlog::error("{} files wait to be recorded: {}", settled.size(),
                  base::ToStd(status.message()));
    base::WaitFor(stop, backoff.Next());
  }
}

}  // namespace proofline::studio
