#include "lib/base/file.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>
#include <vector>

#include "lib/base/text.h"

namespace proofline::base {
namespace {

namespace fs = std::filesystem;

struct ErrnoMeaning {
  int error;
  absl::StatusCode code;
  std::string_view words;
};

constexpr ErrnoMeaning kMeanings[] = {
    {ENOENT, absl::StatusCode::kNotFound, "no such file or folder"},
    {EACCES, absl::StatusCode::kPermissionDenied, "permission denied"},
    {EPERM, absl::StatusCode::kPermissionDenied, "not permitted"},
    {EROFS, absl::StatusCode::kPermissionDenied, "the file system is read-only"},
    {ENOSPC, absl::StatusCode::kResourceExhausted, "the disk is full"},
    {EDQUOT, absl::StatusCode::kResourceExhausted, "the disk quota is used up"},
    {EFBIG, absl::StatusCode::kResourceExhausted, "the file would become too large"},
    {EMFILE, absl::StatusCode::kResourceExhausted, "too many open files in this process"},
    {ENFILE, absl::StatusCode::kResourceExhausted, "too many open files on this machine"},
    {ENOMEM, absl::StatusCode::kResourceExhausted, "out of memory"},
    {EEXIST, absl::StatusCode::kAlreadyExists, "it exists already"},
    {ENOTDIR, absl::StatusCode::kFailedPrecondition, "a part of the path is not a folder"},
    {EISDIR, absl::StatusCode::kFailedPrecondition, "it is a folder"},
    {ENOTEMPTY, absl::StatusCode::kFailedPrecondition, "the folder is not empty"},
    {EBUSY, absl::StatusCode::kFailedPrecondition, "it is in use"},
    {EXDEV, absl::StatusCode::kFailedPrecondition, "the two are on different file systems"},
    {ELOOP, absl::StatusCode::kFailedPrecondition, "too many symbolic links"},
    {EADDRINUSE, absl::StatusCode::kFailedPrecondition, "the address is in use"},
    {EINVAL, absl::StatusCode::kInvalidArgument, "not possible here"},
    {ENAMETOOLONG, absl::StatusCode::kInvalidArgument, "the name is too long"},
    {EAGAIN, absl::StatusCode::kUnavailable, "busy; try again"},
    {EINTR, absl::StatusCode::kUnavailable, "interrupted; try again"},
    {ECONNREFUSED, absl::StatusCode::kUnavailable, "nobody listens there"},
    {ECONNRESET, absl::StatusCode::kUnavailable, "the other side broke the connection"},
    {EPIPE, absl::StatusCode::kUnavailable, "the other side closed the connection"},
    {EHOSTUNREACH, absl::StatusCode::kUnavailable, "the machine cannot be reached"},
    {ENETUNREACH, absl::StatusCode::kUnavailable, "the network cannot be reached"},
    {ESTALE, absl::StatusCode::kUnavailable, "the network share has changed; try again"},
    {ETIMEDOUT, absl::StatusCode::kDeadlineExceeded, "no answer in time"},
    {EIO, absl::StatusCode::kDataLoss, "the disk reports an error"},
    {ECANCELED, absl::StatusCode::kCancelled, "cancelled"},
};

std::string Cannot(std::string_view verb, const fs::path& path) {
  return Concat("cannot ", verb, " ", path.string());
}

fs::path ParentOf(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

// Removes a temporary file unless it has become what it was made for.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string name) : name_(std::move(name)) {}
  ~TemporaryFile() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  void Keep() { name_.clear(); }

 private:
  std::string name_;
};

// Makes one directory, durably; there already is fine.
absl::Status MakeDirectory(const fs::path& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return SyncDirectory(ParentOf(path));
  const int error = errno;
  struct stat info {};
  if (error == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return absl::OkStatus();
  }
  if (error == EEXIST) {
    return absl::FailedPreconditionError(
        Concat(Cannot("create the folder", path), ": something else has that name"));
  }
  return ErrnoStatus(error, Cannot("create the folder", path));
}

// The process id a lock file names, for the sentence.
std::string HolderOf(int fd) {
  char text[24] = {};
  const ssize_t got = ::pread(fd, text, sizeof(text), 0);
  long pid = 0;
  if (got <= 0 || std::from_chars(text, text + got, pid).ec != std::errc() || pid <= 0) return "";
  return Concat(" (pid ", pid, ")");
}

}  // namespace

absl::Status ErrnoStatus(int error, std::string_view what_happened) {
  for (const ErrnoMeaning& meaning : kMeanings) {
    if (meaning.error == error) {
      return {meaning.code, Concat(what_happened, ": ", meaning.words)};
    }
  }
  return absl::InternalError(Concat(what_happened, ": ", std::generic_category().message(error)));
}

absl::StatusOr<UniqueFd> OpenForReading(const fs::path& path) {
  // Non-blocking, so that a named pipe without a writer cannot hold us; files do not care.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return ErrnoStatus(errno, Cannot("open", path));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, Cannot("open", path));
  if (S_ISDIR(info.st_mode)) return ErrnoStatus(EISDIR, Cannot("open", path));
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        Concat(Cannot("open", path), ": it is not an ordinary file"));
  }
  return fd;
}

absl::StatusOr<std::string> ReadFile(const fs::path& path, std::uint64_t max_bytes) {
  absl::StatusOr<UniqueFd> fd = OpenForReading(path);
  if (!fd.ok()) return fd.status();
  struct stat info {};
  if (::fstat(fd->get(), &info) != 0) return ErrnoStatus(errno, Cannot("read", path));
  const absl::Status too_large = absl::ResourceExhaustedError(
      Concat(Cannot("read", path), ": it holds more than ", max_bytes, " bytes"));
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size > max_bytes) return too_large;
  // One byte more than expected shows the end without growing; files of /proc say 0 and grow.
  std::string content(static_cast<std::size_t>(size) + 1, '\0');
  std::size_t filled = 0;
  while (true) {
    if (filled == content.size()) content.resize(std::max<std::size_t>(4096, 2 * content.size()));
    const ssize_t got = ::read(fd->get(), content.data() + filled, content.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, Cannot("read", path));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled > max_bytes) return too_large;
  }
  content.resize(filled);
  return content;
}

absl::StatusOr<std::string> ReadSecretFile(const fs::path& path) {
  constexpr std::uint64_t kMaxSecretBytes = 64 * 1024;
  absl::StatusOr<std::string> secret = ReadFile(path, kMaxSecretBytes);
  if (!secret.ok()) return secret;
  while (!secret->empty() && (secret->back() == '\n' || secret->back() == '\r')) secret->pop_back();
  if (secret->empty()) {
    return absl::FailedPreconditionError(
        Concat("the secret file ", path.string(), " is empty; write the secret into it"));
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0) {
    spdlog::warn("everybody on this machine can read the secret in {}; chmod 600 it",
                 path.string());
  }
  return secret;
}

absl::Status WriteAll(int fd, std::string_view bytes, std::string_view name) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, Concat("cannot write ", name));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status WriteFileDurably(const fs::path& path, std::string_view bytes, mode_t mode) {
  // Cut, so that the longest allowed name still has room for its temporary one.
  const std::string short_name = path.filename().string().substr(0, 200);
  std::string name = (ParentOf(path) / Concat(".", short_name, ".XXXXXX.tmp")).string();
  UniqueFd fd(::mkostemps(name.data(), 4, O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, Cannot("write", path));
  TemporaryFile temporary(name);
  if (absl::Status status = WriteAll(fd.get(), bytes, path.string()); !status.ok()) return status;
  if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0) {
    return ErrnoStatus(errno, Cannot("write", path));
  }
  if (::rename(name.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, Cannot("write", path));
  temporary.Keep();
  return SyncDirectory(ParentOf(path));
}

absl::Status RenameDurably(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return ErrnoStatus(errno, Concat("cannot rename ", from.string(), " to ", to.string()));
  }
  if (absl::Status status = SyncDirectory(ParentOf(to)); !status.ok()) return status;
  return ParentOf(from) == ParentOf(to) ? absl::OkStatus() : SyncDirectory(ParentOf(from));
}

absl::Status SyncDirectory(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return ErrnoStatus(errno, Cannot("sync the folder", path));
  return absl::OkStatus();
}

absl::Status MakeDirectories(const fs::path& path, mode_t mode) {
  std::vector<fs::path> missing;
  struct stat info {};
  for (fs::path at = path.lexically_normal(); !at.empty() && ::stat(at.c_str(), &info) != 0;
       at = at.parent_path()) {
    if (errno != ENOENT) return ErrnoStatus(errno, Cannot("create the folder", path));
    if (at.has_filename()) missing.push_back(at);
    if (at == at.parent_path()) break;
  }
  if (missing.empty()) return MakeDirectory(path, mode);
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    if (absl::Status status = MakeDirectory(*at, mode); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<DirectoryLock> DirectoryLock::Acquire(const fs::path& directory,
                                                     std::string_view who) {
  const fs::path file = directory / "lock";
  UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return ErrnoStatus(errno, Cannot("open", file));
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, Cannot("lock", file));
    return absl::FailedPreconditionError(
        Concat("another ", who, " is already running on this folder: ", directory.string(),
               HolderOf(fd.get()), "; stop it first, or choose another folder"));
  }
  // The process id is only for people: a disk without room for it does not matter.
  const std::string pid = Concat(::getpid(), "\n");
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    spdlog::warn("cannot note the process id in {}", file.string());
  }
  return DirectoryLock(std::move(fd));
}

}  // namespace proofline::base
