#include "lib/transfer/file_sender.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::transfer {
namespace {

absl::Status Changed(const std::string& name) {
  return absl::FailedPreconditionError(
      base::Concat(name, " changed while it was being sent; it is sent anew once it has settled"));
}

}  // namespace

absl::StatusOr<FileSender> FileSender::Open(const std::filesystem::path& path,
                                            std::int64_t expected_size, std::int64_t window_bytes) {
  absl::StatusOr<base::UniqueFd> fd = base::OpenForReading(path);
  if (!fd.ok()) return fd.status();
  return Open(*std::move(fd), path.string(), expected_size, window_bytes);
}

absl::StatusOr<FileSender> FileSender::Open(base::UniqueFd fd, std::string name,
                                            std::int64_t expected_size, std::int64_t window_bytes) {
  struct stat facts = {};
  if (::fstat(fd.get(), &facts) != 0) {
    return base::ErrnoStatus(errno, base::Concat("cannot look at ", name));
  }
  if (!S_ISREG(facts.st_mode)) {
    return absl::FailedPreconditionError(base::Concat(name, " is no regular file"));
  }
  if (facts.st_size != expected_size) {
    return absl::FailedPreconditionError(base::Concat(name, " has ", facts.st_size,
                                                      " bytes and not ", expected_size,
                                                      " as recorded: it has changed since"));
  }
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return FileSender(std::move(fd), std::move(name), facts, window_bytes);
}

FileSender::FileSender(base::UniqueFd fd, std::string name, const struct stat& facts,
                       std::int64_t window_bytes)
    : fd_(std::move(fd)), name_(std::move(name)), size_(facts.st_size), modified_(facts.st_mtim) {
  SetWindow(window_bytes);
}

absl::StatusOr<std::optional<Chunk>> FileSender::Next(std::size_t max_bytes) {
  PROOFLINE_CHECK(max_bytes > 0, "a piece has at least one byte");
  const std::int64_t room = std::min(window_ - in_flight_bytes(), size_ - next_);
  if (room <= 0) return std::optional<Chunk>();
  const std::size_t want = std::min(max_bytes, static_cast<std::size_t>(room));

  Chunk chunk{next_, std::string(want, '\0')};
  std::size_t got = 0;
  while (got < want) {
    const ssize_t count = ::pread(fd_.get(), chunk.bytes.data() + got, want - got,
                                  next_ + static_cast<std::int64_t>(got));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::ErrnoStatus(errno, base::Concat("cannot read ", name_));
    if (count == 0) return Changed(name_);
    got += static_cast<std::size_t>(count);
  }
  // After the read: what was read while the file was still unchanged is right.
  if (absl::Status status = CheckUnchanged(); !status.ok()) return status;
  next_ += static_cast<std::int64_t>(want);
  return std::optional<Chunk>(std::move(chunk));
}

absl::Status FileSender::Acknowledge(std::int64_t committed) {
  if (committed > next_) {
    return absl::InvalidArgumentError(base::Concat("the receiver of ", name_, " acknowledged ",
                                                   committed, " bytes of which only ", next_,
                                                   " were sent"));
  }
  acknowledged_ = std::max(acknowledged_, committed);
  return absl::OkStatus();
}

absl::Status FileSender::Rewind(std::int64_t committed) {
  if (committed < 0 || committed > size_) {
    return absl::InvalidArgumentError(
        base::Concat("the receiver of ", name_, " asked for byte ", committed, " of ", size_));
  }
  next_ = committed;
  acknowledged_ = committed;
  return absl::OkStatus();
}

void FileSender::SetWindow(std::int64_t window_bytes) {
  window_ = std::max<std::int64_t>(window_bytes, 1);
}

absl::Status FileSender::CheckUnchanged() const {
  struct stat facts = {};
  if (::fstat(fd_.get(), &facts) != 0) {
    return base::ErrnoStatus(errno, base::Concat("cannot look at ", name_));
  }
  const bool same = facts.st_size == size_ && facts.st_mtim.tv_sec == modified_.tv_sec &&
                    facts.st_mtim.tv_nsec == modified_.tv_nsec;
  return same ? absl::OkStatus() : Changed(name_);
}

}  // namespace proofline::transfer
