// What can be relied on in the file system that a file lies in.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/file_stamp.h"

namespace proofline::studio {

struct VolumeTraits {
  // The kernel reports what happens there, whoever does it. Not so on network shares, and not
  // always on what is mounted by a program or is a card.
  bool reports_events = true;
  // A file keeps its inode number for as long as it exists, also from one mount to the next.
  bool stable_inodes = true;
  // A file answers to the name that its folder lists and to no other. Not so where names are the
  // same in upper and lower case.
  bool exact_names = true;
  // Names the volume, also when it is mounted anew or at another device: made from the identifier
  // that a disk or card was formatted with, or from the address of a share. 0 if it has no name.
  std::uint64_t volume = 0;
};

// By the number that statfs() gives.
VolumeTraits TraitsOfType(std::uint64_t type);

// Of the volume with this device number, asked of the system once for each until something is
// mounted or unmounted; `path` is something in it. Thread-safe; blocks on the file system the first
// time.
VolumeTraits TraitsOf(dev_t device, const std::string& path);

// The kernel writes spaces and the like as three octal digits behind a backslash.
std::string Unescaped(std::string_view text);

// The identifier that a disk or card was formatted with ("1A2B-3C4D"), as the links of
// /dev/disk/by-uuid spell it, from its first bytes; empty for other file systems than exFAT, FAT
// and NTFS.
std::string SerialNumber(std::string_view first_bytes);

// What a volume is called by where it was mounted from: "uuid:1A2B-3C4D" for a disk or card,
// "fuse.sshfs:desk@nas:/photos" for a share; empty if that tells nothing. `mounts` is in the form
// of /proc/self/mountinfo, `disks` the folder with a link to each disk by its identifier; a disk
// without a link is read, if it may be. Does not ask the volume itself.
std::string VolumeName(std::istream& mounts, dev_t device,
                       const std::string& disks = "/dev/disk/by-uuid");

// Device number of the file system that a folder lies in; nothing if it is not there.
std::optional<std::uint64_t> DeviceOf(const std::string& folder);

// True if a file that is not at `path` any more may still exist, because the volume that it lay on
// is not there: its watched folder `root` is missing, or another volume is at its place, or the
// volume was mounted further down and is not. `stamp` is that of the file when it was last seen;
// `on_submount`: it was not on the root's volume then. Where neither volume has a name, a root that
// is empty on another device is taken for the folder that a volume is mounted on. Blocks on the
// file system.
bool IsVolumeAway(const std::string& root, const std::string& path, const FileStamp& stamp,
                  bool on_submount);

}  // namespace proofline::studio
