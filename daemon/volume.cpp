#include "daemon/volume.h"

#include <sys/stat.h>
#include <sys/vfs.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <system_error>

#include "daemon/file_stamp.h"

namespace proofline::studio {
namespace {

class Cache {
 public:
  VolumeTraits Get(dev_t device, const std::string& path) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = known_.find(device);
      if (found != known_.end()) return found->second;
    }
    struct statfs status {};
    if (::statfs(path.c_str(), &status) != 0) return {};
    const VolumeTraits traits = TraitsOfType(static_cast<std::uint64_t>(status.f_type));
    const std::lock_guard lock(mutex_);
    known_[device] = traits;
    return traits;
  }
  void Forget() {
    const std::lock_guard lock(mutex_);
    known_.clear();
  }

 private:
  std::mutex mutex_;
  std::map<dev_t, VolumeTraits> known_;
};

Cache& Volumes() {
  static Cache cache;
  return cache;
}

}  // namespace

VolumeTraits TraitsOfType(std::uint64_t type) {
  // Some kernels give the number sign-extended.
  switch (static_cast<std::uint32_t>(type)) {
    case 0x6969:      // NFS
    case 0x01021997:  // 9P
    case 0x00C36400:  // Ceph
    case 0x5346414F:  // AFS
    case 0x01161970:  // GFS2
    case 0x7461636F:  // OCFS2
    case 0x0BD00BD0:  // Lustre
      return {.reports_events = false, .stable_inodes = true};
    case 0x517B:      // SMB
    case 0xFF534D42:  // CIFS
    case 0xFE534D42:  // SMB2
    case 0x786F4256:  // folders shared with a virtual machine
    case 0x65735546:  // FUSE
    case 0x4D44:      // FAT
    case 0x2011BAB0:  // exFAT
      return {.reports_events = false, .stable_inodes = false};
    case 0x7366746E:  // NTFS
    case 0x5346544E:
    case 0x482B:      // HFS+
    case 0x15013346:  // UDF
    case 0x9660:      // ISO 9660
      return {.reports_events = false, .stable_inodes = true};
    default:
      return {};
  }
}

VolumeTraits TraitsOf(dev_t device, const std::string& path) { return Volumes().Get(device, path); }

void ForgetVolumes() { Volumes().Forget(); }

std::optional<std::uint64_t> DeviceOf(const std::string& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return std::nullopt;
  return status.st_dev;
}

bool IsVolumeAway(const std::string& root, const std::string& path, std::uint64_t device,
                  bool on_submount) {
  const std::optional<std::uint64_t> root_device = DeviceOf(root);
  if (!root_device.has_value()) return true;
  std::error_code error;
  const bool empty = std::filesystem::is_empty(root, error);
  if (error || (empty && *root_device != device)) return true;
  if (!on_submount) return false;
  // The nearest folder that is there tells whether the volume is.
  std::string folder = FolderOf(path);
  while (folder.size() > root.size()) {
    if (const auto its_device = DeviceOf(folder)) return *its_device == *root_device;
    folder = FolderOf(folder);
  }
  return true;
}

}  // namespace proofline::studio
