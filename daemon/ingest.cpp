#include "daemon/ingest.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <utility>

#include "daemon/volume.h"
#include "lib/base/backoff.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"
#include "lib/imaging/image_format.h"

namespace proofline::studio {
namespace {

// Settled files recorded in one commit.
constexpr std::size_t kBatch = 256;
// Most time that recording them takes unless something hangs.
constexpr base::Duration kLongest = std::chrono::minutes(5);

// Whether the last bytes that are not zero are those that end a JPEG. Cameras make files longer
// than their pictures.
bool EndsAsJpeg(int fd, std::uint64_t size) {
  constexpr std::uint64_t kMostBehind = std::uint64_t{1} << 20;
  std::string end(static_cast<std::size_t>(std::min(kMostBehind, size)), '\0');
  const ssize_t got = ::pread(fd, end.data(), end.size(), static_cast<off_t>(size - end.size()));
  if (got != static_cast<ssize_t>(end.size())) return false;
  const std::size_t last = end.find_last_not_of('\0');
  return last != std::string::npos && end.substr(0, last + 1).ends_with("\xFF\xD9");
}

bool EndsWithZeros(int fd, std::uint64_t size) {
  std::array<char, 4096> end;
  const std::size_t length = std::min<std::size_t>(end.size(), size);
  const ssize_t got = ::pread(fd, end.data(), length, static_cast<off_t>(size - length));
  return got == static_cast<ssize_t>(length) &&
         std::all_of(end.begin(), end.begin() + got, [](char byte) { return byte == 0; });
}

// By its first bytes.
absl::StatusOr<imaging::ImageFormat> FormatOf(const std::string& path) {
  const base::UniqueFd fd(
      ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  std::array<char, 4096> bytes;
  const ssize_t got = fd ? ::pread(fd.get(), bytes.data(), bytes.size(), 0) : -1;
  if (got < 0) return base::ErrnoStatus(errno, base::Concat("cannot read ", Readable(path)));
  return imaging::SniffFormat({bytes.data(), static_cast<std::size_t>(got)});
}

// Nothing has been written yet to some of the file, or to its end: it was given its size before its
// content.
bool IsUnfilled(const std::string& path, std::uint64_t size) {
  const base::UniqueFd fd(
      ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return false;
  const off_t gap = ::lseek(fd.get(), 0, SEEK_HOLE);
  const bool has_gap = gap >= 0 && static_cast<std::uint64_t>(gap) < size;
  // Not all file systems tell of gaps.
  if (!has_gap && !EndsWithZeros(fd.get(), size)) return false;
  // What is missing inside of one, its decoder notices.
  const absl::StatusOr<imaging::ImageFormat> format = FormatOf(path);
  return format.ok() && (*format != imaging::ImageFormat::kJpeg || !EndsAsJpeg(fd.get(), size));
}

enum class FolderPresence { kThere, kGone, kUnknown };

FolderPresence PresenceOf(const std::string& root, const std::string& folder, FolderNames& names) {
  struct stat status {};
  if (::lstat(folder.c_str(), &status) == 0) {
    const bool there = S_ISDIR(status.st_mode) &&
                       (TraitsOf(status.st_dev, folder).exact_names || names.Has(root, folder));
    return there ? FolderPresence::kThere : FolderPresence::kGone;
  }
  return errno == ENOENT || errno == ENOTDIR ? FolderPresence::kGone : FolderPresence::kUnknown;
}

}  // namespace

Ingest::Ingest(const SettleQueue::Options& options, Catalog& catalog, const base::Clock& clock,
               FileRules rules, FolderCalls* calls, base::WorkWatch* work, FolderHands* hands)
    : options_(options),
      catalog_(catalog),
      clock_(clock),
      rules_(std::move(rules)),
      calls_(calls != nullptr ? *calls : own_calls_),
      work_(work != nullptr ? *work : own_work_),
      hands_(hands != nullptr ? *hands : own_hands_) {}

Ingest::~Ingest() { Stop(); }

void Ingest::Start() {
  const std::lock_guard lock(mutex_);
  running_ = true;
  for (auto& [root, lane] : lanes_) {
    lane.thread = std::jthread(
        [this, root = root, &lane = lane](const std::stop_token& stop) { Run(root, lane, stop); });
  }
}

void Ingest::Stop() {
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
  }
  // Nobody adds lanes with threads from here on.
  for (auto& [root, lane] : lanes_) lane.thread.request_stop();
  for (auto& [root, lane] : lanes_) {
    if (lane.thread.joinable()) lane.thread.join();
  }
}

std::size_t Ingest::settling() const {
  const std::lock_guard lock(mutex_);
  std::size_t settling = 0;
  for (const auto& [root, lane] : lanes_) settling += lane.queue.size();
  return settling;
}

Ingest::Away Ingest::away(const std::string& root) const {
  const std::lock_guard lock(mutex_);
  const auto lane = lanes_.find(root);
  if (lane == lanes_.end() || lane->second.away.empty()) return {};
  return {lane->second.away.size(), lane->second.away_since};
}

bool Ingest::IsAway(const std::string& root, const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto lane = lanes_.find(root);
  return lane != lanes_.end() && lane->second.away.contains(std::hash<std::string>()(path));
}

Ingest::Lane& Ingest::LaneOf(const std::string& root) {
  const auto [at, is_new] = lanes_.try_emplace(root, Lane{SettleQueue(options_, clock_)});
  Lane& lane = at->second;
  if (is_new && running_) {
    lane.thread =
        std::jthread([this, root, &lane](const std::stop_token& stop) { Run(root, lane, stop); });
  }
  return lane;
}

bool Ingest::Offer(const std::string& root, const std::string& path, const Reading& reading,
                   SettleQueue::Why why, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  SettleQueue& queue = LaneOf(root).queue;
  while (!queue.Offer(root, path, reading, why)) {
    changed_.wait(lock, stop, [&] { return !queue.full(); });
    if (stop.stop_requested()) return false;
  }
  lock.unlock();
  changed_.notify_all();
  return true;
}

void Ingest::LookAgain(const std::string& root, const std::string& path,
                       const std::stop_token& stop) {
  const bool ignored = rules_.KindOfPath(root, path) == FileKind::kIgnored;
  const absl::StatusOr<Reading> reading = hands_.Ask(
      root, path, [path, ignored] { return ignored ? Reading() : ReadPath(path); }, stop);
  // Who does not answer is asked again when it settles.
  Offer(root, path, reading.value_or(Reading{Reading::Kind::kUnknown, {}}),
        SettleQueue::Why::kEvent, stop);
}

Reading Ingest::Read(const std::string& root, const std::string& path, FolderNames& names) const {
  return rules_.KindOfPath(root, path) == FileKind::kIgnored ? Reading()
                                                             : ReadListed(root, path, names);
}

bool Ingest::OnFileEvent(const std::string& root, const std::string& path) {
  const Reading reading = ReadPath(path);
  const std::optional<KnownFile> known = catalog_.FindFile(path);
  std::unique_lock lock(mutex_);
  SettleQueue& queue = LaneOf(root).queue;
  if (!queue.Holds(path)) {
    if (reading.kind == Reading::Kind::kAbsent && (!known.has_value() || known->gone)) return true;
    if (reading.is_file() && known.has_value() && known->IsAsRecorded(reading.stamp)) return true;
  }
  if (!queue.Offer(root, path, reading, SettleQueue::Why::kEvent)) return false;
  lock.unlock();
  changed_.notify_all();
  return true;
}

void Ingest::OnFolderListed(const std::string& root, const std::string& folder,
                            const std::vector<ListedFile>& files, const std::stop_token& stop) {
  std::vector<std::pair<std::string, Reading>> changed;
  // Both are in the order of their names.
  auto next = files.begin();
  const auto take_new_before = [&](const std::string_view* name) {
    for (; next != files.end() && (name == nullptr || next->name < *name); ++next) {
      changed.emplace_back(next->name, Reading{Reading::Kind::kFile, next->stamp});
    }
  };
  const absl::Status status = catalog_.KnownFilesIn(folder, [&](const KnownFile& known) {
    take_new_before(&known.name);
    if (next == files.end() || next->name != known.name) {
      if (!known.gone) changed.emplace_back(known.name, Reading());
      return;
    }
    if (!known.IsAsRecorded(next->stamp)) {
      changed.emplace_back(known.name, Reading{Reading::Kind::kFile, next->stamp});
    }
    ++next;
  });
  if (!status.ok()) {
    spdlog::error("{}", base::ToStd(status.message()));
    return;
  }
  take_new_before(nullptr);
  // Whoever waits for the other half of its pair is to find it settling, or settled.
  std::stable_partition(changed.begin(), changed.end(),
                        [this](const auto& one) { return !IsLesserHalf(one.first); });
  for (const auto& [name, reading] : changed) {
    if (!Offer(root, JoinPath(folder, name), reading, SettleQueue::Why::kListed, stop)) return;
  }
}

void Ingest::OnFolderGone(const std::string& root, const std::string& folder,
                          const std::stop_token& stop) {
  const absl::Status status = catalog_.KnownPathsUnder(folder, [&](const std::string& path) {
    LookAgain(root, path, stop);
    return !stop.stop_requested();
  });
  if (!status.ok()) spdlog::error("{}", base::ToStd(status.message()));
}

void Ingest::OnRootListed(const std::string& root, const std::stop_token& stop) {
  {
    const std::lock_guard lock(mutex_);
    Lane& lane = LaneOf(root);
    // What is still away is found to be so again in a moment.
    if (lane.away.empty()) lane.away_since.reset();
    lane.away.clear();
  }
  std::vector<std::string> gone;
  FolderNames names;
  absl::Status status = catalog_.KnownFoldersUnder(root, [&](const std::string& folder) {
    const base::WorkWatch::Busy busy = calls_.Begin(root, folder);
    if (folder != root && (rules_.IgnoresFolderPath(root, folder) ||
                           PresenceOf(root, folder, names) == FolderPresence::kGone)) {
      gone.push_back(folder);
    }
    return !stop.stop_requested();
  });
  for (const std::string& folder : gone) {
    std::vector<std::string> paths;
    status.Update(catalog_.KnownFilesIn(folder, [&](const KnownFile& file) {
      if (!file.gone) paths.push_back(JoinPath(folder, file.name));
    }));
    for (const std::string& path : paths) {
      if (!Offer(root, path, {}, SettleQueue::Why::kListed, stop)) return;
    }
  }
  if (!status.ok()) spdlog::error("{}", base::ToStd(status.message()));
}

void Ingest::Run(const std::string& root, Lane& lane, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    std::vector<std::string> due = lane.queue.Due(kBatch);
    if (due.empty()) {
      const std::optional<base::SteadyTime> next = lane.queue.NextDue();
      if (!next.has_value()) {
        changed_.wait(lock, stop, [&] { return lane.queue.size() > 0; });
      } else {
        changed_.wait_until(lock, stop, *next, [] { return false; });
      }
      continue;
    }
    lock.unlock();
    Record(TakeSettled(root, lane, std::move(due)), stop);
    lock.lock();
  }
}

void Ingest::Classify(SettledPath& settled) const {
  settled.kind = rules_.KindOfPath(settled.root, settled.path);
  if (settled.kind != FileKind::kUnknown) return;
  // A photo stays one under another name.
  const std::optional<KnownFile> known = catalog_.FindFile(settled.path);
  settled.kind = FileKind::kPicture;
  if (known.has_value() && known->is_photo) return;
  const absl::StatusOr<imaging::ImageFormat> format = FormatOf(settled.path);
  if (!format.ok()) {
    spdlog::warn("{}; it is tried again at the next scan", base::ToStd(format.status().message()));
    settled.unreadable = true;
  }
  if (!format.ok() || *format == imaging::ImageFormat::kUnknown) settled.kind = FileKind::kIgnored;
}

bool Ingest::MayBeUnfilled(const std::string& path, const Reading& reading) const {
  if (!reading.is_file()) return false;
  const std::chrono::nanoseconds written(reading.stamp.mtime_ns);
  const std::chrono::nanoseconds now = clock_.WallNow().time_since_epoch();
  return now - written < options_.longest && IsUnfilled(path, reading.stamp.size);
}

bool Ingest::LiesOnAbsentVolume(const SettledPath& gone) const {
  const std::optional<KnownFile> known = catalog_.FindFile(gone.path);
  if (!known.has_value()) return false;
  return IsVolumeAway(gone.root, gone.path, known->stamp, known->on_submount);
}

bool Ingest::IsSettlingElsewhere(const FileStamp& stamp) const {
  bool found = false;
  const std::lock_guard lock(mutex_);
  for (const auto& [root, lane] : lanes_) {
    lane.queue.ForEachFile([&](const FileStamp& held) {
      found = found || (held.inode != 0 && held.SameContent(stamp));
    });
  }
  return found;
}

bool Ingest::IsLesserHalf(const std::string& path) const {
  const PairHalf half = HalfOf(NameOf(path));
  return half == (catalog_.raw_is_original() ? PairHalf::kCameraPicture : PairHalf::kRaw);
}

bool Ingest::Examine(const std::string& root, SettledPath& settled) const {
  const base::WorkWatch::Busy busy = calls_.Begin(root, settled.path);
  if (!settled.reading.is_file()) return !LiesOnAbsentVolume(settled);
  Classify(settled);
  return true;
}

std::vector<SettledPath> Ingest::TakeSettled(const std::string& root, Lane& lane,
                                             std::vector<std::string> due) {
  std::vector<SettledPath> settled;
  // Were it let go alone, a photo would be made of it that gets another original a moment later.
  std::stable_partition(due.begin(), due.end(),
                        [this](const std::string& path) { return !IsLesserHalf(path); });
  std::optional<std::uint64_t> device;
  FolderNames names;
  for (const std::string& path : due) {
    Reading reading;
    bool unfilled = false;
    {
      // Outside the lock: a share that does not answer must not stop events.
      const base::WorkWatch::Busy busy = calls_.Begin(root, path);
      reading = Read(root, path, names);
      unfilled = MayBeUnfilled(path, reading);
      if (!device.has_value()) device = DeviceOf(root);
    }
    const std::lock_guard lock(mutex_);
    if (unfilled && lane.queue.PutOffUnfilled(path, reading)) continue;
    if (reading.is_file() && IsLesserHalf(path) && lane.queue.HoldsOtherHalf(path) &&
        lane.queue.PutOff(path)) {
      continue;
    }
    if (std::optional<SettledPath> one = lane.queue.Check(path, reading)) {
      settled.push_back(*std::move(one));
    }
  }
  changed_.notify_all();
  std::vector<SettledPath> worth;
  for (SettledPath& one : settled) {
    const std::uint64_t its_device = one.reading.stamp.device;
    one.on_submount = one.reading.is_file() && its_device != device.value_or(its_device);
    if (Examine(root, one)) {
      worth.push_back(std::move(one));
    } else {
      const std::lock_guard lock(mutex_);
      lane.away.insert(std::hash<std::string>()(one.path));
      if (!lane.away_since.has_value()) lane.away_since = clock_.WallNow();
    }
  }
  return worth;
}

void Ingest::Record(const std::vector<SettledPath>& settled, const std::stop_token& stop) {
  base::Backoff backoff(std::chrono::milliseconds(200), std::chrono::seconds(30));
  const auto elsewhere = [this](const FileStamp& stamp) { return IsSettlingElsewhere(stamp); };
  while (!settled.empty() && !stop.stop_requested()) {
    absl::Status status;
    {
      const base::WorkWatch::Busy busy = work_.Begin("the recording of new files", kLongest);
      status = catalog_.RecordSettled(settled, elsewhere);
    }
    if (status.ok()) return;
    spdlog::error("{} files wait to be recorded: {}", settled.size(),
                  base::ToStd(status.message()));
    base::WaitFor(stop, backoff.Next());
  }
}

}  // namespace proofline::studio
