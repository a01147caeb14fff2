// The receiving half of a file's way from one machine to another: resumable, verified, durable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/digest.h"

namespace proofline::transfer {

class DiskCalls;

// Collects one file, known by its SHA-256, in FOLDER/<hex>.part and renames it to FOLDER/<hex>
// when all of it is there and right. A file named <hex> is therefore always whole.
//
// Only one receiver at a time has a (folder, digest); that ends with the object or the process.
// Not thread-safe. Every method blocks on the disk; Open also reads what an earlier receiver got,
// to hash it. Dropping a receiver keeps the part for the next one.
//
// A failed disk: after any error of Write or Sync but OutOfRange and InvalidArgument the receiver
// is broken and keeps answering with that error; open a new one. What was committed stands.
class FileReceiver {
 public:
  struct Options {
    // Sync when this much has been written since the last one.
    std::int64_t sync_bytes = std::int64_t{8} << 20;
    // Space to leave on the disk beside the file.
    std::uint64_t reserve_bytes = 0;
    // Must outlive the receiver; null: the real disk.
    DiskCalls* disk = nullptr;
  };

  // The folder must exist. `size` is the whole file's, in bytes, 0 or more. Goes on where an
  // earlier receiver was; if the file is there already it is `complete()` at once.
  // - Aborted: another receiver has it.
  // - InvalidArgument: a negative size, or a finished file of that digest has another one.
  // - ResourceExhausted: the disk has no room for the rest; nothing was made.
  // A part longer than `size` begins anew.
  static absl::StatusOr<FileReceiver> Open(const std::filesystem::path& folder,
                                           const base::Digest& digest, std::int64_t size,
                                           const Options& options);
  static absl::StatusOr<FileReceiver> Open(const std::filesystem::path& folder,
                                           const base::Digest& digest, std::int64_t size);

  // Where the file is when it is complete, and while it is not.
  static std::filesystem::path FilePath(const std::filesystem::path& folder,
                                        const base::Digest& digest);
  static std::filesystem::path PartPath(const std::filesystem::path& folder,
                                        const base::Digest& digest);
  // Forgets what has been received of a file that is no longer wanted. Aborted while a receiver
  // has it; nothing there is fine. Never touches a complete file.
  static absl::Status RemovePart(const std::filesystem::path& folder, const base::Digest& digest);

  ~FileReceiver();
  FileReceiver(FileReceiver&&) noexcept;
  FileReceiver& operator=(FileReceiver&&) noexcept;

  // Bytes from the beginning that survive a crash; the sender may forget them. Never shrinks.
  std::int64_t committed_bytes() const;
  // Bytes from the beginning that have been written: the offset that Write expects.
  std::int64_t written_bytes() const;
  std::int64_t size_bytes() const;
  bool complete() const;
  // What came was not the file of that digest, and has been removed: tells this DataLoss from that
  // of a disk that fails.
  bool wrong_digest() const;

  // Appends. Syncs by itself every sync_bytes and when the last byte is there.
  // - OutOfRange: `offset` is not written_bytes(). Nothing is written; what there was is synced, so
  //   that the sender goes on at committed_bytes(), which now is the expected offset.
  // - InvalidArgument: more bytes than the file has. Nothing is written.
  // - ResourceExhausted: the disk is full. What was committed before stands.
  absl::Status Write(std::int64_t offset, std::string_view data);

  // Makes everything written committed.
  absl::Status Sync();

  // Verifies and publishes the file; on OK it is durable under its name. Calling it again is fine.
  // - FailedPrecondition: bytes are missing; go on writing.
  // - DataLoss: the bytes are not those of the digest. The part is removed; begin anew with a new
  //   receiver.
  absl::Status Finish();

 private:
  struct State;
  explicit FileReceiver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace proofline::transfer
