#include "lib/transfer/disk_calls.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace proofline::transfer {

ssize_t DiskCalls::WriteAt(int fd, std::string_view bytes, off_t offset) {
  return ::pwrite(fd, bytes.data(), bytes.size(), offset);
}

int DiskCalls::SyncData(int fd) { return ::fdatasync(fd); }

std::uint64_t DiskCalls::FreeBytes(int fd) {
  struct statvfs facts = {};
  if (::fstatvfs(fd, &facts) != 0) return UINT64_MAX;
  return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
}

DiskCalls& RealDiskCalls() {
  static DiskCalls disk;
  return disk;
}

ssize_t FaultyDiskCalls::WriteAt(int fd, std::string_view bytes, off_t offset) {
  if (writable_bytes == 0 && !bytes.empty()) {
    errno = write_error;
    return -1;
  }
  const auto taken =
      static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), writable_bytes));
  const ssize_t written = DiskCalls::WriteAt(fd, bytes.substr(0, taken), offset);
  if (written > 0 && writable_bytes != UINT64_MAX) {
    writable_bytes -= static_cast<std::uint64_t>(written);
  }
  return written;
}

int FaultyDiskCalls::SyncData(int fd) {
  if (sync_error != 0) {
    errno = sync_error;
    return -1;
  }
  return DiskCalls::SyncData(fd);
}

std::uint64_t FaultyDiskCalls::FreeBytes(int /*fd*/) { return free_bytes; }

}  // namespace proofline::transfer
