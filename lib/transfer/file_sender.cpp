#include "lib/transfer/file_sender.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
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

// Reads the file itself.
FileSender::Source SourceOf(base::UniqueFd fd, const std::string& name) {
  const auto file = std::make_shared<const base::UniqueFd>(std::move(fd));
  FileSender::Source source;
  source.facts = [ file, name ]() -> absl::StatusOr<struct stat> {
    struct stat facts = {};
    if (::fstat(file->get(), &facts) == 0) return facts;
    return base::ErrnoStatus(errno, base::Concat("cannot look at ", name));
  };
  source.read = [file, name](std::int64_t offset, std::size_t size) -> absl::StatusOr<std::string> {
    std::string bytes(size, '\0');
    std::size_t got = 0;
    while (got < size) {
      const ssize_t count = ::pread(file->get(), bytes.data() + got, size - got,
                                    offset + static_cast<std::int64_t>(got));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return base::ErrnoStatus(errno, base::Concat("cannot read ", name));
      if (count == 0) break;
      got += static_cast<std::size_t>(count);
    }
    bytes.resize(got);
    return bytes;
  };
  return source;
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
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  Source source = SourceOf(std::move(fd), name);
  return Open(std::move(source), std::move(name), expected_size, window_bytes);
}

absl::StatusOr<FileSender> FileSender::Open(Source source, std::string name,
                                            std::int64_t expected_size, std::int64_t window_bytes) {
  const absl::StatusOr<struct stat> facts = source.facts();
  if (!facts.ok()) return facts.status();
  if (!S_ISREG(facts->st_mode)) {
    return absl::FailedPreconditionError(base::Concat(name, " is no regular file"));
  }
  if (facts->st_size != expected_size) {
    return absl::FailedPreconditionError(base::Concat(name, " has ", facts->st_size,
                                                      " bytes and not ", expected_size,
                                                      " as recorded: it has changed since"));
  }
  return FileSender(std::move(source), std::move(name), *facts, window_bytes);
}

FileSender::FileSender(Source source, std::string name, const struct stat& facts,
                       std::int64_t window_bytes)
    : source_(std::move(source)),
      name_(std::move(name)),
      size_(facts.st_size),
      modified_(facts.st_mtim) {
  SetWindow(window_bytes);
}

absl::StatusOr<std::optional<Chunk>> FileSender::Next(std::size_t max_bytes) {
  PROOFLINE_CHECK(max_bytes > 0, "a piece has at least one byte");
  const std::int64_t room = std::min(window_ - in_flight_bytes(), size_ - next_);
  if (room <= 0) return std::optional<Chunk>();
  const std::size_t want = std::min(max_bytes, static_cast<std::size_t>(room));

  absl::StatusOr<std::string> bytes = source_.read(next_, want);
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() < want) return Changed(name_);
  Chunk chunk{next_, *std::move(bytes)};
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
  const absl::StatusOr<struct stat> facts = source_.facts();
  if (!facts.ok()) return facts.status();
  const bool same = facts->st_size == size_ && facts->st_mtim.tv_sec == modified_.tv_sec &&
                    facts->st_mtim.tv_nsec == modified_.tv_nsec;
  return same ? absl::OkStatus() : Changed(name_);
}

}  // namespace proofline::transfer
