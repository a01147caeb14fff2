// The system calls of a receiver that can fail because of the disk, so that tests can make them.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace proofline::transfer {

// The disk as it is. Thread-safe. A fault-injecting one derives from it.
class DiskCalls {
 public:
  virtual ~DiskCalls() = default;
  // As pwrite(2), fdatasync(2): -1 with errno on failure.
  virtual ssize_t WriteAt(int fd, std::string_view bytes, off_t offset);
  virtual int SyncData(int fd);
  // Bytes that this user may still write to the file's file system; nothing known: the largest
  // number.
  virtual std::uint64_t FreeBytes(int fd);
};

// Lives as long as the process.
DiskCalls& RealDiskCalls();

// A disk that fails when told. Set the members before the receiver's call, from one thread.
class FaultyDiskCalls : public DiskCalls {
 public:
  ssize_t WriteAt(int fd, std::string_view bytes, off_t offset) override;
  int SyncData(int fd) override;
  std::uint64_t FreeBytes(int fd) override;

  // Bytes until writes fail with `write_error`; a write across the border is cut short at it.
  std::uint64_t writable_bytes = UINT64_MAX;
  int write_error = 0;
  // errno of every sync; 0: they work.
  int sync_error = 0;
  std::uint64_t free_bytes = UINT64_MAX;
};

}  // namespace proofline::transfer
