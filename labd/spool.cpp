#include "labd/spool.h"

#include <sys/statvfs.h>

#include <system_error>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/base/id.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"
#include "lib/transfer/file_receiver.h"

namespace proofline::lab {
namespace fs = std::filesystem;
namespace {

// Left free on the disk for the store, the log and everybody else.
constexpr std::uint64_t kReserve = std::uint64_t{64} << 20;
constexpr std::string_view kPageSuffix = ".jpg";
constexpr std::size_t kHexDigits = 2 * base::Digest::kSize;

absl::Status Full(std::string_view why) {
  return rpc::Error(absl::StatusCode::kResourceExhausted,
                    base::Concat("the lab has no room for more originals: ", why,
                                 "; try again when it has finished other jobs"),
                    "DISK_FULL");
}

std::string Mebibytes(std::uint64_t bytes) { return base::Concat(bytes >> 20, " MiB"); }

}  // namespace

Spool::Reservation& Spool::Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    Release();
    spool_ = std::exchange(other.spool_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

void Spool::Reservation::Keep(std::uint64_t bytes) {
  bytes_ = bytes < bytes_ ? bytes_ - bytes : 0;
  Release();
}

void Spool::Reservation::Release() {
  if (spool_ != nullptr) spool_->Subtract(bytes_);
  spool_ = nullptr;
}

Spool::Spool(fs::path folder, std::uint64_t limit_bytes)
    : folder_(std::move(folder)), limit_bytes_(limit_bytes) {}

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(const fs::path& folder,
                                                   std::uint64_t limit_bytes) {
  for (const char* part : {"originals", "pages"}) {
    if (absl::Status made = base::MakeDirectories(folder / part, 0700); !made.ok()) return made;
  }
  std::unique_ptr<Spool> spool(new Spool(folder, limit_bytes));
  if (absl::Status counted = spool->Recount(); !counted.ok()) return counted;
  return spool;
}

absl::Status Spool::Recount() {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder_, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    const bool file = it->is_regular_file(gone);
    const std::uintmax_t size = file ? it->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  if (error) {
    return base::ErrnoStatus(error.value(), base::Concat("cannot read the spool ", folder_));
  }
  bytes_ = bytes;
  return absl::OkStatus();
}

absl::StatusOr<fs::path> Spool::OriginalsOf(std::string_view studio) {
  PROOFLINE_CHECK(base::IsValidId(studio), "a studio's id is checked where it comes in");
  fs::path path = folder_ / "originals" / studio;
  if (absl::Status made = base::MakeDirectories(path, 0700); !made.ok()) return made;
  return path;
}

fs::path Spool::OriginalPath(std::string_view studio, const base::Digest& digest) const {
  PROOFLINE_CHECK(base::IsValidId(studio), "a studio's id is checked where it comes in");
  return folder_ / "originals" / studio / digest.hex();
}

bool Spool::HasOriginal(std::string_view studio, const base::Digest& digest,
                        std::int64_t size) const {
  std::error_code error;
  const std::uintmax_t there = fs::file_size(OriginalPath(studio, digest), error);
  return !error && size >= 0 && there == static_cast<std::uintmax_t>(size);
}

absl::Status Spool::CheckRoom(std::uint64_t bytes) const {
  const std::uint64_t used = bytes_.load();
  if (used > limit_bytes_ || bytes > limit_bytes_ - used) {
    return Full(base::Concat("its spool holds ", Mebibytes(used), " of at most ",
                             Mebibytes(limit_bytes_), ", and ", Mebibytes(bytes), " are to come"));
  }
  struct statvfs disk = {};
  if (::statvfs(folder_.c_str(), &disk) == 0) {
    const std::uint64_t available = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    if (available < kReserve || available - kReserve < bytes) {
      return Full(base::Concat("its disk has ", Mebibytes(available), " left, and ",
                               Mebibytes(bytes), " are to come"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Spool::Reservation> Spool::Reserve(std::uint64_t bytes) {
  // One after the other: two that each find room may not have it together.
  const std::lock_guard lock(reserve_mutex_);
  if (absl::Status room = CheckRoom(bytes); !room.ok()) return room;
  bytes_ += bytes;
  return Reservation(this, bytes);
}

fs::path Spool::PagePath(std::string_view item) const {
  PROOFLINE_CHECK(base::IsValidId(item), "an item's id is ours");
  return folder_ / "pages" / base::Concat(item, kPageSuffix);
}

absl::Status Spool::WritePage(std::string_view item, std::string_view jpeg) {
  RemovePage(item);
  absl::Status written = base::WriteFileDurably(PagePath(item), jpeg, 0600);
  if (absl::IsResourceExhausted(written)) return Full(base::ToStd(written.message()));
  if (written.ok()) bytes_ += jpeg.size();
  return written;
}

void Spool::RemovePage(std::string_view item) { Remove(PagePath(item)); }

void Spool::RemoveOriginal(std::string_view studio, const base::Digest& digest) {
  const fs::path whole = OriginalPath(studio, digest);
  Remove(whole);
  std::error_code error;
  const fs::path part = transfer::FileReceiver::PartPath(whole.parent_path(), digest);
  const std::uintmax_t size = fs::file_size(part, error);
  if (error) return;
  if (transfer::FileReceiver::RemovePart(whole.parent_path(), digest).ok()) Subtract(size);
}

void Spool::Subtract(std::uint64_t bytes) {
  std::uint64_t now = bytes_.load();
  while (!bytes_.compare_exchange_weak(now, now > bytes ? now - bytes : 0)) {
  }
}

void Spool::Remove(const fs::path& path) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (!error && fs::remove(path, error) && !error) Subtract(size);
}

absl::Status Spool::ForEachOriginal(
    const std::function<void(const std::string& studio, const base::Digest&, bool whole)>& visit)
    const {
  struct Found {
    std::string studio;
    base::Digest digest;
    bool whole;
  };
  std::vector<Found> found;
  std::error_code error;
  for (const auto& studio : fs::directory_iterator(folder_ / "originals", error)) {
    if (!studio.is_directory(error)) continue;
    for (const auto& file : fs::directory_iterator(studio.path(), error)) {
      const std::string name = file.path().filename().string();
      const auto digest = base::Digest::FromHex(std::string_view(name).substr(0, kHexDigits));
      if (!digest.ok()) continue;
      found.push_back({studio.path().filename().string(), *digest, name.size() == kHexDigits});
    }
  }
  if (error) return base::ErrnoStatus(error.value(), "cannot read the spool");
  for (const Found& file : found) visit(file.studio, file.digest, file.whole);
  return absl::OkStatus();
}

absl::Status Spool::ForEachPage(const std::function<void(const std::string& item)>& visit) const {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder_ / "pages", error)) {
    std::string name = file.path().filename().string();
    if (!name.ends_with(kPageSuffix)) continue;
    name.resize(name.size() - kPageSuffix.size());
    if (base::IsValidId(name)) found.push_back(name);
  }
  if (error) return base::ErrnoStatus(error.value(), "cannot read the spool");
  for (const std::string& item : found) visit(item);
  return absl::OkStatus();
}

}  // namespace proofline::lab
