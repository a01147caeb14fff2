#include "daemon/folder_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "daemon/volume.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::studio {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;

struct Opened {
  std::shared_ptr<const base::UniqueFd> file;
  bool on_share = false;
};

absl::StatusOr<Opened> OpenNow(const std::string& path) {
  auto file = std::make_shared<base::UniqueFd>(
      ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!*file) {
    const bool not_there = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
    return base::ErrnoStatus(not_there ? ENOENT : errno, "the original cannot be opened");
  }
  struct stat facts {};
  const bool known = ::fstat(file->get(), &facts) == 0;
  const bool on_share = known && !TraitsOf(facts.st_dev, path).reports_events;
  return Opened{std::move(file), on_share};
}

absl::StatusOr<std::string> ReadNow(int fd, std::int64_t offset, std::size_t size,
                                    const std::string& path) {
  std::string bytes(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::pread(fd, bytes.data() + filled, size - filled,
                                offset + static_cast<std::int64_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::ErrnoStatus(errno, base::Concat("cannot read ", Readable(path)));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace

FolderFile::FolderFile(FolderHands& hands, std::string root, std::string path)
    : hands_(&hands), root_(std::move(root)), path_(std::move(path)) {}

absl::StatusOr<FolderFile> FolderFile::Open(FolderHands& hands, const std::string& root,
                                            const std::string& path, const std::stop_token& stop) {
  absl::StatusOr<Opened> opened = hands.Ask(
      root, path, [path] { return OpenNow(path); }, stop);
  if (!opened.ok()) return opened.status();
  FolderFile file(hands, root, path);
  file.on_share_ = opened->on_share;
  // To close a file may take as long as anything else.
  const auto* fd = opened->file.get();
  file.file_ = {fd, [&hands, root, path, kept = std::move(opened->file)](const auto*) mutable {
                  hands.Leave(root, path, [kept = std::move(kept)]() mutable { kept.reset(); });
                }};
  return file;
}

absl::StatusOr<struct stat> FolderFile::Facts(const std::stop_token& stop) const {
  return hands_->Ask(
      root_, path_, [ file = file_, path = path_ ]() -> absl::StatusOr<struct stat> {
        struct stat facts {};
        if (::fstat(file->get(), &facts) == 0) return facts;
        return base::ErrnoStatus(errno, base::Concat("cannot look at ", Readable(path)));
      },
      stop);
}

absl::StatusOr<std::string> FolderFile::Read(std::int64_t offset, std::size_t size,
                                             const std::stop_token& stop) const {
  return hands_->Ask(
      root_, path_,
      [file = file_, path = path_, offset, size] {
        return ReadNow(file->get(), offset, size, path);
      },
      stop);
}

template <typename Take>
absl::Status FolderFile::ReadAll(const std::stop_token& stop, const Take& take) const {
  for (std::int64_t offset = 0;;) {
    const absl::StatusOr<std::string> piece = Read(offset, kPiece, stop);
    if (!piece.ok()) return piece.status();
    if (absl::Status status = take(*piece); !status.ok()) return status;
    if (piece->size() < kPiece) return absl::OkStatus();
    offset += static_cast<std::int64_t>(piece->size());
  }
}

absl::StatusOr<base::Digest> FolderFile::Sha256(const std::stop_token& stop) const {
  base::Sha256 sha;
  const absl::Status status = ReadAll(stop, [&](const std::string& piece) {
    sha.Update(piece);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return sha.Finish();
}

absl::StatusOr<base::UniqueFd> FolderFile::CopyToMemory(const std::stop_token& stop) const {
  base::UniqueFd memory(::memfd_create("original", MFD_CLOEXEC));
  if (!memory) return base::ErrnoStatus(errno, "there is no memory for an original");
  const absl::Status status = ReadAll(stop, [&](const std::string& piece) {
    for (std::size_t written = 0; written < piece.size();) {
      const ssize_t put = ::write(memory.get(), piece.data() + written, piece.size() - written);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return base::ErrnoStatus(errno, "there is no memory for an original");
      written += static_cast<std::size_t>(put);
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  // What is given to workers is open for reading only.
  const std::string name = base::Concat("/proc/self/fd/", memory.get());
  base::UniqueFd reading(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!reading) return base::ErrnoStatus(errno, "there is no memory for an original");
  return reading;
}

}  // namespace proofline::studio
