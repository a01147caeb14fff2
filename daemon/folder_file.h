// A file in a watched folder that is read by way of the folder's own threads.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/file_stamp.h"
#include "daemon/folder_hands.h"
#include "lib/base/digest.h"
#include "lib/base/unique_fd.h"

namespace proofline::studio {

// An original that is open for reading; never written. A value whose copies share the open file; it
// is closed, by a thread of its folder, with the last one. Calls block until the folder answers, no
// longer than `hands` wait: DeadlineExceeded then, Cancelled after `stop`, errors of the system
// with the errno's code otherwise. The hands must outlive it. Thread-safe.
class FolderFile {
 public:
  // NotFound also for what is no ordinary path: links at its end are not followed.
  static absl::StatusOr<FolderFile> Open(FolderHands& hands, const std::string& root,
                                         const std::string& path, const std::stop_token& stop);

  // For who may hang, such as a worker process.
  int fd() const { return file_->get(); }
  // The file lies where the kernel does not see all that happens: on a share, a card, or what a
  // program mounts.
  bool on_share() const { return on_share_; }
  absl::StatusOr<struct stat> Facts(const std::stop_token& stop) const;
  // Up to `size` bytes from `offset` on; fewer at the end of the file only.
  absl::StatusOr<std::string> Read(std::int64_t offset, std::size_t size,
                                   const std::stop_token& stop) const;
  absl::StatusOr<base::Digest> Sha256(const std::stop_token& stop) const;
  // All of the file in memory, under a descriptor of its own.
  absl::StatusOr<base::UniqueFd> CopyToMemory(const std::stop_token& stop) const;

 private:
  FolderFile(FolderHands& hands, std::string root, std::string path);

  // Calls `take` with all of the file, piece by piece.
  template <typename Take>
  absl::Status ReadAll(const std::stop_token& stop, const Take& take) const;

  FolderHands* hands_;
  std::string root_;
  std::string path_;
  std::shared_ptr<const base::UniqueFd> file_;
  bool on_share_ = false;
};

}  // namespace proofline::studio
