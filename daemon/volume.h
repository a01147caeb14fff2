// What can be relied on in the file system that a file lies in.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace proofline::studio {

struct VolumeTraits {
  // The kernel reports what happens there, whoever does it. Not so on network shares, and not
  // always on what is mounted by a program or is a card.
  bool reports_events = true;
  // A file keeps its inode number for as long as it exists, also from one mount to the next.
  bool stable_inodes = true;
};

// By the number that statfs() gives.
VolumeTraits TraitsOfType(std::uint64_t type);

// Of the volume with this device number, asked of the system once for each; `path` is something in
// it. Thread-safe; blocks on the file system the first time.
VolumeTraits TraitsOf(dev_t device, const std::string& path);
// Something was mounted or unmounted: device numbers may mean others by now.
void ForgetVolumes();

// Device number of the file system that a folder lies in; nothing if it is not there.
std::optional<std::uint64_t> DeviceOf(const std::string& folder);

// True if a file that is not at `path` any more may still exist, because the volume that it lay on
// is not there: its watched folder `root` is missing, or is the empty folder that another file
// system is normally mounted on, or the volume was mounted further down and is not. `device` is
// that of the file when it was last seen; `on_submount`: it was not the root's then. Blocks on the
// file system.
bool IsVolumeAway(const std::string& root, const std::string& path, std::uint64_t device,
                  bool on_submount);

}  // namespace proofline::studio
