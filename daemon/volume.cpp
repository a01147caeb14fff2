#include "daemon/volume.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <system_error>

#include "absl/status/statusor.h"
#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace proofline::studio {
namespace {

// File systems that derive their identifier from the one they were made with. Others give the
// number of the device, which is another one at the next plug.
bool HasLastingIdentifier(std::uint64_t type) {
  switch (static_cast<std::uint32_t>(type)) {
    case 0xEF53:      // ext2 to ext4
    case 0x9123683E:  // btrfs
    case 0x2FC12FC1:  // ZFS
    case 0xF2F52010:  // F2FS
      return true;
    default:
      return false;
  }
}

std::uint64_t NumberOf(std::string_view name) {
  const base::Digest digest = base::Sha256Of(name);
  std::uint64_t number = 0;
  std::memcpy(&number, digest.bytes().data(), sizeof(number));
  return number == 0 ? 1 : number;
}

std::uint64_t VolumeOf(dev_t device, const struct statfs& status) {
  std::uint64_t identifier = 0;
  static_assert(sizeof(status.f_fsid) == sizeof(identifier));
  std::memcpy(&identifier, &status.f_fsid, sizeof(identifier));
  if (identifier != 0 && HasLastingIdentifier(static_cast<std::uint64_t>(status.f_type))) {
    return NumberOf(base::Concat("file system ", identifier));
  }
  std::ifstream mounts("/proc/self/mountinfo");
  const std::string name = VolumeName(mounts, device);
  return name.empty() ? 0 : NumberOf(name);
}

absl::StatusOr<std::string> FirstBytes(const std::string& disk) {
  const base::UniqueFd fd(::open(disk.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  std::string bytes(512, '\0');
  const ssize_t got = fd ? ::pread(fd.get(), bytes.data(), bytes.size(), 0) : -1;
  if (got < 0) return base::ErrnoStatus(errno, "cannot read " + disk);
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

class Cache {
 public:
  VolumeTraits Get(dev_t device, const std::string& path) {
    {
      const std::lock_guard lock(mutex_);
      // A device number may mean another volume by now.
      if (MountsHaveChanged()) known_.clear();
      const auto found = known_.find(device);
      if (found != known_.end()) return found->second;
    }
    struct statfs status {};
    if (::statfs(path.c_str(), &status) != 0) return {};
    VolumeTraits traits = TraitsOfType(static_cast<std::uint64_t>(status.f_type));
    traits.volume = VolumeOf(device, status);
    const std::lock_guard lock(mutex_);
    if (!MountsHaveChanged()) known_[device] = traits;
    return traits;
  }

 private:
  // Since the last call. Under the lock.
  bool MountsHaveChanged() {
    pollfd changed{mounts_.get(), POLLPRI, 0};
    if (::poll(&changed, 1, 0) <= 0) return false;
    return (changed.revents & (POLLPRI | POLLERR)) != 0;
  }

  std::mutex mutex_;
  const base::UniqueFd mounts_{::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)};
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
      return {.reports_events = false, .stable_inodes = false, .exact_names = false};
    case 0x7366746E:  // NTFS
    case 0x5346544E:
    case 0x482B:  // HFS+
      return {.reports_events = false, .stable_inodes = true, .exact_names = false};
    case 0x15013346:  // UDF
    case 0x9660:      // ISO 9660
      return {.reports_events = false, .stable_inodes = true};
    default:
      return {};
  }
}

VolumeTraits TraitsOf(dev_t device, const std::string& path) { return Volumes().Get(device, path); }

std::string Unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) { return text[i + at] - '0'; };
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>(digit(1) * 64 + digit(2) * 8 + digit(3));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::string SerialNumber(std::string_view first_bytes) {
  struct Place {
    std::string_view mark;
    std::size_t mark_at;
    std::size_t number_at;
    int bytes;
  };
  static constexpr std::array<Place, 5> kPlaces = {{{"EXFAT   ", 0x03, 0x64, 4},
                                                    {"FAT32   ", 0x52, 0x43, 4},
                                                    {"FAT16   ", 0x36, 0x27, 4},
                                                    {"FAT12   ", 0x36, 0x27, 4},
                                                    {"NTFS    ", 0x03, 0x48, 8}}};
  constexpr std::size_t kNeeded = 512;
  if (first_bytes.size() < kNeeded) return {};
  for (const Place& place : kPlaces) {
    if (first_bytes.substr(place.mark_at, place.mark.size()) != place.mark) continue;
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string number;
    // The last byte comes first.
    for (int i = place.bytes - 1; i >= 0; --i) {
      const auto byte =
          static_cast<unsigned char>(first_bytes[place.number_at + static_cast<std::size_t>(i)]);
      number += kDigits[byte >> 4];
      number += kDigits[byte & 15];
      if (place.bytes == 4 && i == 2) number += '-';
    }
    return number;
  }
  return {};
}

std::string VolumeName(std::istream& mounts, dev_t device, const std::string& disks) {
  const std::string wanted = base::Concat(major(device), ":", minor(device));
  std::string type;
  std::string source;
  // ID, parent, device, root, mount point, options, some more, "-", type, source. What was mounted
  // last stands last.
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string word;
    fields >> word >> word >> word;
    if (word != wanted) continue;
    while (fields >> word && word != "-") {
    }
    fields >> type >> source;
  }
  source = Unescaped(source);
  if (source.starts_with("/dev/")) {
    std::error_code error;
    const std::filesystem::path disk = std::filesystem::canonical(source, error);
    for (const auto& link : std::filesystem::directory_iterator(disks, error)) {
      std::error_code broken;
      if (!disk.empty() && std::filesystem::canonical(link.path(), broken) == disk) {
        return "uuid:" + link.path().filename().string();
      }
    }
    // Without a device manager there are no links.
    const absl::StatusOr<std::string> first = FirstBytes(source);
    const std::string serial = first.ok() ? SerialNumber(*first) : std::string();
    return serial.empty() ? serial : "uuid:" + serial;
  }
  // The name of a program, or "none", says nothing of what was mounted.
  if (source.find_first_of("/:") == std::string::npos) return {};
  return base::Concat(type, ":", source);
}

std::optional<std::uint64_t> DeviceOf(const std::string& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return std::nullopt;
  return status.st_dev;
}

bool IsVolumeAway(const std::string& root, const std::string& path, const FileStamp& stamp,
                  bool on_submount) {
  struct stat status {};
  if (::stat(root.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return true;
  const dev_t root_device = status.st_dev;
  const std::uint64_t root_volume = TraitsOf(root_device, root).volume;
  std::error_code error;
  const bool empty = std::filesystem::is_empty(root, error);
  if (error || (empty && root_device != stamp.device && root_volume != stamp.volume)) return true;
  // The nearest folder that is there tells whether the volume is.
  std::string folder = FolderOf(path);
  for (; folder.size() > root.size(); folder = FolderOf(folder)) {
    if (::stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) break;
    status.st_dev = root_device;
  }
  const std::uint64_t volume = TraitsOf(status.st_dev, folder).volume;
  if (stamp.volume == 0) {
    // What has a name is not what had none.
    return on_submount ? status.st_dev == root_device
                       : volume != 0 && status.st_dev != stamp.device;
  }
  return volume == 0 ? status.st_dev != stamp.device : volume != stamp.volume;
}

}  // namespace proofline::studio
