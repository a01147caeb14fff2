#include "daemon/rebuild.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/time/time.h"
#include "lib/base/backoff.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::studio {

namespace {

namespace fs = std::filesystem;

// How often a search is looked at; two quiet looks after one another end it.
constexpr base::Duration kLookInterval = std::chrono::milliseconds(250);

// A name beside the catalog that nothing has yet.
fs::path NameForCopy(const fs::path& state) {
  const std::string stem = base::Concat(
      "catalog-before-", absl::FormatTime("%Y%m%d-%H%M%S", absl::Now(), absl::LocalTimeZone()));
  fs::path copy = state / stem;
  std::error_code error;
  for (int i = 2; fs::exists(copy, error); ++i) copy = state / base::Concat(stem, "-", i);
  return copy;
}

}  // namespace

Rebuild::Rebuild(const Parts& parts) : parts_(parts) {}

Rebuild::~Rebuild() { Stop(); }

void Rebuild::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Watch(stop); });
}

void Rebuild::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

absl::Status Rebuild::Begin() {
  const std::lock_guard one_at_a_time(begin_mutex_);
  if (parts_.catalog.phase() != record::CATALOG_PHASE_WHOLE) return absl::OkStatus();
  const fs::path copy = NameForCopy(parts_.state);
  // The stream of the catalog as it was must not acknowledge anything of the new one.
  parts_.publisher.Stop();
  {
    const std::lock_guard lock(mutex_);
    begun_ = base::RealClock().WallNow();
  }
  const absl::Status status = parts_.catalog.BeginRebuild(copy);
  parts_.publisher.Start();
  {
    // Who is about to wait has seen the catalog as it is now.
    const std::lock_guard lock(mutex_);
  }
  changed_.notify_all();
  if (!status.ok()) return status;
  spdlog::info("the catalog is built anew; as it was it is kept in {}", copy.string());
  parts_.watcher.Rescan();
  return absl::OkStatus();
}

absl::StatusOr<RebuildResult> Rebuild::Run(const std::stop_token& stop) {
  std::int64_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    before = rounds_;
  }
  if (absl::Status status = Begin(); !status.ok()) return status;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop, [&] { return rounds_ > before; });
  if (rounds_ > before) return last_;
  return absl::CancelledError("stopped");
}

bool Rebuild::IsEverythingRead() const {
  std::optional<base::WallTime> begun;
  {
    const std::lock_guard lock(mutex_);
    begun = begun_;
  }
  for (const FolderWatcher::RootState& root : parts_.watcher.roots()) {
    if (!root.scanned.has_value() || (begun.has_value() && *root.scanned < *begun)) return false;
  }
  return parts_.ingest.settling() == 0 &&
         parts_.catalog.counts().in(v1::LOCAL_PHOTO_STATE_WAITING) == 0;
}

void Rebuild::EndRound() {
  const absl::StatusOr<RebuildResult> result = parts_.catalog.FinishSearch();
  if (!result.ok()) {
    spdlog::error("{}", base::ToStd(result.status().message()));
    return;
  }
  spdlog::info(
      "the catalog is whole: {} photos, {} of them known to the host; {} that the host has "
      "are missing here",
      result->photos, result->known_photos, result->missing_photos);
  if (result->taken_over_photos > 0 || result->taken_over_customers > 0) {
    spdlog::info(
        "what people had said about {} photos and {} customers was newer at the host and is taken "
        "over",
        result->taken_over_photos, result->taken_over_customers);
  }
  {
    const std::lock_guard lock(mutex_);
    last_ = *result;
    ++rounds_;
  }
  changed_.notify_all();
}

void Rebuild::Watch(const std::stop_token& stop) {
  int quiet_looks = 0;
  bool under_way = false;
  while (!stop.stop_requested()) {
    const std::uint64_t seen = parts_.catalog.changes().current();
    const record::CatalogPhase phase = parts_.catalog.phase();
    if (phase == record::CATALOG_PHASE_WHOLE) {
      // The host had nothing to tell.
      if (std::exchange(under_way, false)) EndRound();
      // It may be the publisher who finds that the host has to be asked.
      parts_.catalog.changes().WaitBeyond(seen, stop);
      continue;
    }
    under_way = true;
    const bool quiet = phase == record::CATALOG_PHASE_SEARCHING && IsEverythingRead();
    quiet_looks = quiet ? quiet_looks + 1 : 0;
    if (quiet_looks >= 2) {
      EndRound();
      quiet_looks = 0;
      under_way = false;
      continue;
    }
    base::WaitFor(stop, kLookInterval);
  }
}

std::string Rebuild::message() const {
  switch (parts_.catalog.phase()) {
    case record::CATALOG_PHASE_REOPENING:
      return "it is being built anew";
    case record::CATALOG_PHASE_ASKING:
      return "it is new and waits for the host to say which photos it has; nothing is sent before";
    case record::CATALOG_PHASE_SEARCHING:
      break;
    default:
      return "";
  }
  for (const FolderWatcher::RootState& root : parts_.watcher.roots()) {
    if (!root.scanned.has_value() && !root.message.empty()) {
      return base::Concat("photos that the host has are looked for; ", Readable(root.path),
                          " has not been looked through yet");
    }
  }
  return "photos that the host has are looked for in the folders";
}

absl::StatusOr<std::string> SetCatalogAside(const fs::path& state) {
  std::error_code error;
  const fs::path catalog = state / "catalog";
  if (!fs::exists(catalog, error)) {
    return base::Concat("there is no catalog in ", state.string(), "; the next start makes one");
  }
  const auto lock = base::DirectoryLock::Acquire(state, "proofline-studiod");
  if (!lock.ok()) return lock.status();
  const fs::path aside = NameForCopy(state);
  fs::rename(catalog, aside, error);
  if (error) {
    return base::ErrnoStatus(error.value(), base::Concat("cannot rename ", catalog.string()));
  }
  if (absl::Status status = base::SyncDirectory(state); !status.ok()) return status;
  return base::Concat("the catalog is set aside as ", aside.string(),
                      "; the next start makes a new one from the folders and the host");
}

}  // namespace proofline::studio
