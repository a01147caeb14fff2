#include "lib/transfer/file_receiver.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"
#include "lib/transfer/disk_calls.h"

namespace proofline::transfer {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 20;
constexpr mode_t kPartMode = 0600;

// Size of a regular file; nothing if there is none.
absl::StatusOr<std::optional<std::int64_t>> SizeOf(const std::filesystem::path& path) {
  struct stat facts = {};
  if (::lstat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT) return std::optional<std::int64_t>();
    return base::ErrnoStatus(errno, base::Concat("cannot look at ", path.string()));
  }
  if (!S_ISREG(facts.st_mode)) {
    return absl::FailedPreconditionError(
        base::Concat(path.string(), " is no regular file; move it away"));
  }
  return std::optional<std::int64_t>(facts.st_size);
}

// The descriptor is the file that has the name, not one that was renamed or removed meanwhile.
bool StillNamed(int fd, const std::filesystem::path& path) {
  struct stat open_file = {};
  struct stat named = {};
  return ::fstat(fd, &open_file) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

// Opens a part with its lock; `flags` may hold O_CREAT. The lock is the kernel's: it ends with the
// descriptor, so neither a crash nor a bug leaves it behind.
absl::StatusOr<base::UniqueFd> OpenLocked(const std::filesystem::path& part, int flags) {
  while (true) {
    base::UniqueFd fd(::open(part.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, kPartMode));
    if (!fd.valid()) {
      return base::ErrnoStatus(errno, base::Concat("cannot open ", part.string()));
    }
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno == EWOULDBLOCK) {
        return absl::AbortedError(base::Concat(
            part.string(), " is being received already; wait for that or stop it first"));
      }
      return base::ErrnoStatus(errno, base::Concat("cannot lock ", part.string()));
    }
    if (StillNamed(fd.get(), part)) return fd;
  }
}

absl::Status DiskError(int error, const std::string& what) {
  if (error == EFBIG) {
    return absl::ResourceExhaustedError(
        base::Concat(what, ": the file is larger than this system allows"));
  }
  return base::ErrnoStatus(error, what);
}

absl::Status CheckRoom(DiskCalls& disk, const std::filesystem::path& folder, std::int64_t missing,
                       std::uint64_t reserve) {
  if (missing <= 0) return absl::OkStatus();
  const base::UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return base::ErrnoStatus(errno, base::Concat("cannot open ", folder.string()));
  const std::uint64_t free = disk.FreeBytes(fd.get());
  const auto need = static_cast<std::uint64_t>(missing);
  if (free >= reserve && free - reserve >= need) return absl::OkStatus();
  return absl::ResourceExhaustedError(base::Concat(
      "the disk of ", folder.string(), " is too full: ", need, " bytes are still to come, ", free,
      " are free and ", reserve, " are to stay free; make room and try again"));
}

// Feeds the first `length` bytes of an open file to the hash.
absl::Status HashBeginning(int fd, std::int64_t length, const std::filesystem::path& part,
                           base::Sha256& hash) {
  std::string buffer(kReadBytes, '\0');
  for (std::int64_t at = 0; at < length;) {
    const auto want = std::min<std::int64_t>(length - at, static_cast<std::int64_t>(kReadBytes));
    const ssize_t got = ::pread(fd, buffer.data(), static_cast<std::size_t>(want), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::ErrnoStatus(errno, base::Concat("cannot read ", part.string()));
    if (got == 0) return absl::DataLossError(base::Concat(part.string(), " shrank while read"));
    hash.Update(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
    at += got;
  }
  return absl::OkStatus();
}

}  // namespace

struct FileReceiver::State {
  std::filesystem::path folder;
  base::Digest digest;
  std::int64_t size = 0;
  Options options;
  DiskCalls* disk = nullptr;

  base::UniqueFd fd;
  base::Sha256 hash;
  std::int64_t written = 0;
  std::int64_t committed = 0;
  bool complete = false;
  bool wrong_digest = false;
  absl::Status broken;  // not OK: every call answers with it

  std::filesystem::path part() const { return PartPath(folder, digest); }
  std::filesystem::path file() const { return FilePath(folder, digest); }

  absl::StatusOr<bool> FindComplete();
  absl::Status Resume();
  absl::Status Append(std::string_view data);
  // Keeps the error, and of the part only what is certain to be right.
  absl::Status Break(absl::Status status, std::int64_t keep);
};

absl::StatusOr<bool> FileReceiver::State::FindComplete() {
  absl::StatusOr<std::optional<std::int64_t>> found = SizeOf(file());
  if (!found.ok()) return found.status();
  if (!found->has_value()) return false;
  if (**found != size) {
    return absl::InvalidArgumentError(base::Concat("the file with digest ", digest.hex(), " has ",
                                                   **found, " bytes and not ", size,
                                                   "; announce its real size"));
  }
  written = committed = size;
  complete = true;
  return true;
}

absl::Status FileReceiver::State::Resume() {
  struct stat facts = {};
  if (::fstat(fd.get(), &facts) != 0) {
    return base::ErrnoStatus(errno, base::Concat("cannot look at ", part().string()));
  }
  std::int64_t length = facts.st_size;
  if (length > size) {
    if (::ftruncate(fd.get(), 0) != 0) {
      return base::ErrnoStatus(errno, base::Concat("cannot empty ", part().string()));
    }
    length = 0;
  }
  if (absl::Status status = HashBeginning(fd.get(), length, part(), hash); !status.ok()) {
    return status;
  }
  // What an earlier process wrote and did not sync, and the name itself.
  if (disk->SyncData(fd.get()) != 0) {
    return DiskError(errno, base::Concat("cannot sync ", part().string()));
  }
  if (absl::Status status = base::SyncDirectory(folder); !status.ok()) return status;
  written = committed = length;
  return absl::OkStatus();
}

absl::Status FileReceiver::State::Append(std::string_view data) {
  std::int64_t at = written;
  for (std::string_view rest = data; !rest.empty();) {
    const ssize_t count = disk->WriteAt(fd.get(), rest, at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int error = count == 0 ? ENOSPC : errno;
      return Break(DiskError(error, base::Concat("cannot write ", part().string())), written);
    }
    rest.remove_prefix(static_cast<std::size_t>(count));
    at += count;
  }
  hash.Update(data);
  written = at;
  return absl::OkStatus();
}

absl::Status FileReceiver::State::Break(absl::Status status, std::int64_t keep) {
  broken = std::move(status);
  if (::ftruncate(fd.get(), keep) == 0) written = keep;
  // The next receiver may start as soon as the lock is gone.
  fd.Reset();
  return broken;
}

FileReceiver::FileReceiver(std::unique_ptr<State> state) : state_(std::move(state)) {}
FileReceiver::~FileReceiver() = default;
FileReceiver::FileReceiver(FileReceiver&&) noexcept = default;
FileReceiver& FileReceiver::operator=(FileReceiver&&) noexcept = default;

absl::StatusOr<FileReceiver> FileReceiver::Open(const std::filesystem::path& folder,
                                                const base::Digest& digest, std::int64_t size) {
  return Open(folder, digest, size, Options());
}

absl::StatusOr<FileReceiver> FileReceiver::Open(const std::filesystem::path& folder,
                                                const base::Digest& digest, std::int64_t size,
                                                const Options& options) {
  if (size < 0) {
    return absl::InvalidArgumentError(base::Concat("a file cannot have ", size, " bytes"));
  }
  auto state = std::make_unique<State>();
  state->folder = folder;
  state->digest = digest;
  state->size = size;
  state->options = options;
  state->disk = options.disk != nullptr ? options.disk : &RealDiskCalls();

  absl::StatusOr<bool> complete = state->FindComplete();
  if (!complete.ok()) return complete.status();
  if (*complete) return FileReceiver(std::move(state));

  absl::StatusOr<std::optional<std::int64_t>> there = SizeOf(state->part());
  if (!there.ok()) return there.status();
  const std::int64_t missing = size - std::min(there->value_or(0), size);
  absl::Status room = CheckRoom(*state->disk, folder, missing, options.reserve_bytes);
  if (!room.ok()) return room;

  absl::StatusOr<base::UniqueFd> fd = OpenLocked(state->part(), O_CREAT);
  if (!fd.ok()) return fd.status();
  state->fd = *std::move(fd);
  // Another receiver may have finished between the first look and the lock.
  complete = state->FindComplete();
  if (!complete.ok()) return complete.status();
  if (*complete) {
    ::unlink(state->part().c_str());
    state->fd.Reset();
    return FileReceiver(std::move(state));
  }
  if (absl::Status status = state->Resume(); !status.ok()) return status;
  return FileReceiver(std::move(state));
}

std::filesystem::path FileReceiver::FilePath(const std::filesystem::path& folder,
                                             const base::Digest& digest) {
  return folder / digest.hex();
}

std::filesystem::path FileReceiver::PartPath(const std::filesystem::path& folder,
                                             const base::Digest& digest) {
  return folder / (digest.hex() + ".part");
}

absl::Status FileReceiver::RemovePart(const std::filesystem::path& folder,
                                      const base::Digest& digest) {
  const std::filesystem::path part = PartPath(folder, digest);
  absl::StatusOr<base::UniqueFd> fd = OpenLocked(part, 0);
  if (absl::IsNotFound(fd.status())) return absl::OkStatus();
  if (!fd.ok()) return fd.status();
  if (::unlink(part.c_str()) != 0) {
    return base::ErrnoStatus(errno, base::Concat("cannot remove ", part.string()));
  }
  return base::SyncDirectory(folder);
}

std::int64_t FileReceiver::committed_bytes() const { return state_->committed; }
std::int64_t FileReceiver::written_bytes() const { return state_->written; }
std::int64_t FileReceiver::size_bytes() const { return state_->size; }
bool FileReceiver::complete() const { return state_->complete; }
bool FileReceiver::wrong_digest() const { return state_->wrong_digest; }

absl::Status FileReceiver::Write(std::int64_t offset, std::string_view data) {
  State& state = *state_;
  if (!state.broken.ok()) return state.broken;
  if (offset != state.written) {
    if (absl::Status status = Sync(); !status.ok()) return status;
    return absl::OutOfRangeError(base::Concat("the bytes at offset ", offset, " of ",
                                              state.digest.hex(), " do not follow; go on at ",
                                              state.committed));
  }
  if (data.size() > static_cast<std::uint64_t>(state.size - state.written)) {
    return absl::InvalidArgumentError(base::Concat("more bytes came for ", state.digest.hex(),
                                                   " than the ", state.size, " announced"));
  }
  if (data.empty()) return absl::OkStatus();
  if (absl::Status status = state.Append(data); !status.ok()) return status;
  base::KillPoint("transfer.receive.written");
  const bool due = state.written - state.committed >= state.options.sync_bytes;
  return due || state.written == state.size ? Sync() : absl::OkStatus();
}

absl::Status FileReceiver::Sync() {
  State& state = *state_;
  if (!state.broken.ok()) return state.broken;
  if (state.committed == state.written) return absl::OkStatus();
  if (state.disk->SyncData(state.fd.get()) != 0) {
    // The kernel may have dropped the pages it could not write: they must come again.
    return state.Break(DiskError(errno, base::Concat("cannot sync ", state.part().string())),
                       state.committed);
  }
  state.committed = state.written;
  base::KillPoint("transfer.receive.synced");
  return absl::OkStatus();
}

absl::Status FileReceiver::Finish() {
  State& state = *state_;
  if (state.complete) return absl::OkStatus();
  if (!state.broken.ok()) return state.broken;
  if (state.written != state.size) {
    return absl::FailedPreconditionError(base::Concat("of ", state.digest.hex(), " only ",
                                                      state.written, " of ", state.size,
                                                      " bytes are there; send the rest"));
  }
  if (absl::Status status = Sync(); !status.ok()) return status;
  const base::Digest digest = state.hash.Finish();
  if (digest != state.digest) {
    ::unlink(state.part().c_str());
    state.fd.Reset();
    state.wrong_digest = true;
    state.broken = absl::DataLossError(
        base::Concat("the ", state.size, " bytes received have digest ", digest.hex(), " and not ",
                     state.digest.hex(), "; send the file anew"));
    return state.broken;
  }
  base::KillPoint("transfer.receive.verified");
  absl::Status status = base::RenameDurably(state.part(), state.file());
  if (!status.ok()) {
    state.broken = status;
    state.fd.Reset();
    return status;
  }
  base::KillPoint("transfer.receive.renamed");
  state.fd.Reset();
  state.complete = true;
  return absl::OkStatus();
}

}  // namespace proofline::transfer
