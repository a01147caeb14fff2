// Files: reading whole small ones, making durable ones, and sentences for what goes wrong.
// All functions block on the disk, may be called from any thread, and restart after EINTR.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/unique_fd.h"

namespace proofline::base {

// The status for an errno value. `what_happened` is the first half of the sentence ("cannot open
// /a/b"), the reason in plain words follows: "cannot open /a/b: no such file or folder".
// ENOENT is NotFound, EACCES/EPERM/EROFS PermissionDenied, ENOSPC/EDQUOT/EMFILE/ENOMEM
// ResourceExhausted, EEXIST AlreadyExists, ENOTDIR/EISDIR/ENOTEMPTY/EBUSY FailedPrecondition,
// EINVAL/ENAMETOOLONG InvalidArgument, EAGAIN/EINTR/connection errors Unavailable,
// ETIMEDOUT DeadlineExceeded, EIO DataLoss, ECANCELED Cancelled; everything else Internal.
absl::Status ErrnoStatus(int error, std::string_view what_happened);

// Opens an existing file read-only. Directories, named pipes, devices and sockets are refused with
// FailedPrecondition, without blocking on them.
absl::StatusOr<UniqueFd> OpenForReading(const std::filesystem::path& path);

// The whole content of a file; ResourceExhausted if it holds more than `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, std::uint64_t max_bytes);

// The content of a small file (64 KiB at most) that holds one secret, without trailing newlines.
// An empty secret is FailedPrecondition. Logs a warning if others than the owner may read the file.
absl::StatusOr<std::string> ReadSecretFile(const std::filesystem::path& path);

// Writes all of `bytes` to a descriptor. `name` stands in the error: "cannot write NAME: …".
// After a failure an unknown part has been written.
absl::Status WriteAll(int fd, std::string_view bytes, std::string_view name);

// Makes `path` hold exactly `bytes`, so that at any instant, power cut included, it has either its
// old or its new content; on OK the new content is on disk. Writes a temporary file beside it,
// fsyncs, renames, fsyncs the directory. On failure the old content stands, no temporary file
// stays (a crash may leave one, named `.NAME.XXXXXX.tmp`), and if only the last fsync failed the
// new content may stand without being durable. `mode` is applied without regard to the umask.
absl::Status WriteFileDurably(const std::filesystem::path& path, std::string_view bytes,
                              mode_t mode = 0644);

// Renames within one file system, replacing what is there, and fsyncs both directories. The caller
// has fsynced the file itself.
absl::Status RenameDurably(const std::filesystem::path& from, const std::filesystem::path& to);

// fsync of a directory: makes creations, renames and removals in it durable.
absl::Status SyncDirectory(const std::filesystem::path& path);

// Creates a directory and whatever is missing above it, durably. One that is there already is fine;
// something else of that name is FailedPrecondition.
absl::Status MakeDirectories(const std::filesystem::path& path, mode_t mode = 0755);

// One process at a time per folder: an flock on a file called `lock` in it, which also names the
// holder's process id. Released when the object or the process goes, kill -9 included. The file
// stays. Movable.
class DirectoryLock {
 public:
  // `who` is the program's name for the sentence. FailedPrecondition if another process holds the
  // lock: "another WHO is already running on this folder: DIRECTORY (pid 123); stop it first, or
  // choose another folder". The directory must exist.
  static absl::StatusOr<DirectoryLock> Acquire(const std::filesystem::path& directory,
                                               std::string_view who);

 private:
  explicit DirectoryLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace proofline::base
