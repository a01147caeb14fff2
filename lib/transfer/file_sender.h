// The sending half of a file's way from one machine to another.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/unique_fd.h"

namespace proofline::transfer {

// A piece of a file.
struct Chunk {
  std::int64_t offset = 0;
  std::string bytes;
};

// Reads a file in pieces, never more ahead of the receiver's acknowledgements than its window, and
// goes back when the receiver says so. The file is opened read-only and never changed. Movable; not
// thread-safe: where one thread sends and another hears acknowledgements, guard it with a mutex.
//
// A file that changes on the way (size, modification time, or another file in its place cannot
// happen: the descriptor stays) ends with FailedPrecondition.
class FileSender {
 public:
  // Where the file is read; called by whoever calls the sender.
  struct Source {
    // Exactly `size` bytes from `offset` on; fewer only at the end of the file.
    std::function<absl::StatusOr<std::string>(std::int64_t offset, std::size_t size)> read;
    std::function<absl::StatusOr<struct stat>()> facts;
  };
  // FailedPrecondition if the file does not have `expected_size` bytes or is no regular file;
  // errors of opening name the file. The window is at least one byte.
  static absl::StatusOr<FileSender> Open(const std::filesystem::path& path,
                                         std::int64_t expected_size, std::int64_t window_bytes);
  // The same for a file that is open already; `name` stands in sentences.
  static absl::StatusOr<FileSender> Open(base::UniqueFd fd, std::string name,
                                         std::int64_t expected_size, std::int64_t window_bytes);

  // The same for one that is read by somebody else.
  static absl::StatusOr<FileSender> Open(Source source, std::string name,
                                         std::int64_t expected_size, std::int64_t window_bytes);

  // The next piece: at most `max_bytes` (at least 1) and what the window still allows. Nothing
  // while the window is full, and when everything has been sent. Blocks on the disk.
  absl::StatusOr<std::optional<Chunk>> Next(std::size_t max_bytes);

  // The receiver has everything before `committed`. Less than before changes nothing;
  // InvalidArgument for more than was sent.
  absl::Status Acknowledge(std::int64_t committed);

  // The receiver wants the file from `committed` on, after a break or a wrong offset: everything
  // behind it is sent again. InvalidArgument outside the file.
  absl::Status Rewind(std::int64_t committed);

  // The receiver's window can change; it is at least one byte.
  void SetWindow(std::int64_t window_bytes);

  std::int64_t size_bytes() const { return size_; }
  std::int64_t sent_bytes() const { return next_; }
  std::int64_t acknowledged_bytes() const { return acknowledged_; }
  std::int64_t in_flight_bytes() const { return next_ - acknowledged_; }
  bool all_sent() const { return next_ == size_; }
  bool all_acknowledged() const { return acknowledged_ == size_; }

  // OK while the file is as it was when it was opened. Ask once more when everything has been
  // acknowledged, if the receiver does not verify a digest.
  absl::Status CheckUnchanged() const;

 private:
  FileSender(Source source, std::string name, const struct stat& facts, std::int64_t window_bytes);

  Source source_;
  std::string name_;
  std::int64_t size_ = 0;
  struct timespec modified_ = {};
  std::int64_t window_ = 1;
  std::int64_t next_ = 0;
  std::int64_t acknowledged_ = 0;
};

}  // namespace proofline::transfer
