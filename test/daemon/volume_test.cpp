#include "daemon/volume.h"

#include <sys/sysmacros.h>

#include <sstream>

#include "daemon/folder_names.h"
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("shares and cards are not relied on for events, nor all of them for inode numbers") {
  for (const std::uint64_t type : {0x6969ULL, 0xFF534D42ULL, 0xFE534D42ULL, 0x517BULL,
                                   0x65735546ULL, 0x4D44ULL, 0x2011BAB0ULL}) {
    INFO(type);
    CHECK_FALSE(TraitsOfType(type).reports_events);
  }
  CHECK_FALSE(TraitsOfType(0xFFFFFFFFFF534D42ULL).reports_events);
  CHECK(TraitsOfType(0x6969).stable_inodes);
  CHECK_FALSE(TraitsOfType(0x4D44).stable_inodes);
  for (const std::uint64_t type : {0xEF53ULL, 0x9123683EULL, 0x58465342ULL, 0x01021994ULL}) {
    INFO(type);
    CHECK(TraitsOfType(type).reports_events);
    CHECK(TraitsOfType(type).stable_inodes);
  }
}

TEST_CASE("where names are not exact the listing of a folder tells what is in it") {
  for (const std::uint64_t type :
       {0x65735546ULL, 0x4D44ULL, 0x2011BAB0ULL, 0xFF534D42ULL, 0x482BULL}) {
    CHECK_FALSE(TraitsOfType(type).exact_names);
  }
  CHECK(TraitsOfType(0xEF53).exact_names);
  CHECK(TraitsOfType(0x6969).exact_names);
  proofline::test::TempDir folder;
  const std::string root = (folder / "root").string();
  WriteFile(root + "/DCIM/img_1.jpg", "a");
  FolderNames names;
  CHECK(names.Has(root, root));
  CHECK(names.Has(root, root + "/DCIM/img_1.jpg"));
  CHECK_FALSE(names.Has(root, root + "/DCIM/IMG_1.JPG"));
  // Nobody can say what is in a folder that cannot be listed, but this one is not there.
  CHECK_FALSE(names.Has(root, root + "/dcim/img_1.jpg"));
  CHECK(names.Has(root + "/dcim", root + "/dcim/img_1.jpg"));
}

// A file as it was seen on this device, on a volume without a name.
FileStamp On(std::uint64_t device, std::uint64_t volume = 0) {
  return {.device = device, .volume = volume};
}

TEST_CASE("a file is only gone while its volume is there") {
  proofline::test::TempDir folder;
  const std::string root = (folder / "root").string();
  CHECK(IsVolumeAway(root, root + "/a.jpg", On(1), false));
  fs::create_directory(root);
  const std::uint64_t device = *DeviceOf(root);
  // An empty folder on another volume is where the right one is normally mounted.
  CHECK(IsVolumeAway(root, root + "/a.jpg", On(device + 1), false));
  CHECK_FALSE(IsVolumeAway(root, root + "/a.jpg", On(device), false));
  WriteFile(root + "/b.jpg", "b");
  // The volume has another number since it was mounted anew, unless that can be known better.
  const bool named = ReadPath(root + "/b.jpg").stamp.volume != 0;
  CHECK(IsVolumeAway(root, root + "/a.jpg", On(device + 1), false) == named);
  // What was mounted further down is not.
  CHECK(IsVolumeAway(root, root + "/card/a.jpg", On(device + 1), true));
  fs::create_directory(root + "/card");
  CHECK(IsVolumeAway(root, root + "/card/a.jpg", On(device + 1), true));
}

TEST_CASE("a volume with a name is known again, and another one in its place is not taken for it") {
  proofline::test::TempDir folder;
  const std::string root = (folder / "root").string();
  WriteFile(root + "/stray.jpg", "left on the mount point");
  const FileStamp here = ReadPath(root + "/stray.jpg").stamp;
  if (here.volume == 0) {
    WARN("the file system of the temporary folder has no name: not tested");
    return;
  }
  CHECK_FALSE(IsVolumeAway(root, root + "/a.jpg", here, false));
  CHECK_FALSE(IsVolumeAway(root, root + "/b/a.jpg", On(here.device + 1, here.volume), false));
  // Nothing but the device number speaks for it: numbers are given anew.
  CHECK(IsVolumeAway(root, root + "/a.jpg", On(here.device, here.volume + 1), false));
  CHECK(IsVolumeAway(root, root + "/b/a.jpg", On(here.device, here.volume + 1), true));
  fs::create_directory(root + "/b");
  CHECK(IsVolumeAway(root, root + "/b/a.jpg", On(here.device, here.volume + 1), true));
}

TEST_CASE("volumes are named by the disk's identifier or the share's address") {
  proofline::test::TempDir folder;
  const std::string disks = (folder / "by-uuid").string();
  fs::create_directory(disks);
  fs::create_symlink("/dev/null", disks + "/1A2B-3C4D");
  const std::string text =
      "36 35 0:50 / /media/card rw shared:1 - vfat /dev/null rw,errors=remount-ro\n"
      "37 35 0:51 / /net/photos rw - fuse.sshfs desk@nas:/my\\040photos rw,user_id=0\n"
      "38 35 0:52 / /run/user rw shared:7 master:2 - fuse.gvfsd-fuse gvfsd-fuse rw\n"
      "39 35 0:50 / /media/again rw - vfat /dev/zero rw\n";
  const auto name = [&](const std::string& mounts, int number) {
    std::istringstream stream(mounts);
    return VolumeName(stream, makedev(0, number), disks);
  };
  CHECK(name(text.substr(0, text.find("39 35")), 50) == "uuid:1A2B-3C4D");
  CHECK(name(text, 51) == "fuse.sshfs:desk@nas:/my photos");
  // A program's name, a disk without an identifier, and what is not mounted.
  CHECK(name(text, 52).empty());
  CHECK(name(text, 50).empty());
  CHECK(name(text, 53).empty());
}

TEST_CASE("cards are named by the number they were formatted with") {
  std::string exfat(512, '\0');
  exfat.replace(3, 8, "EXFAT   ").replace(0x64, 4, "\x4D\x3C\x2B\x1A");
  CHECK(SerialNumber(exfat) == "1A2B-3C4D");
  std::string fat(512, '\0');
  fat.replace(0x52, 8, "FAT32   ").replace(0x43, 4, "\xEF\xBE\xAD\xDE");
  CHECK(SerialNumber(fat) == "DEAD-BEEF");
  std::string ntfs(512, '\0');
  ntfs.replace(3, 8, "NTFS    ").replace(0x48, 8, "\x08\x07\x06\x05\x04\x03\x02\x01");
  CHECK(SerialNumber(ntfs) == "0102030405060708");
  CHECK(SerialNumber(std::string(512, '\0')).empty());
  CHECK(SerialNumber(exfat.substr(0, 200)).empty());
}

TEST_CASE("files that read alike are the same whether or not their inode is known") {
  const FileStamp known{1, 7, 100, 5};
  CHECK(known.SameContent({2, 7, 100, 5}));
  CHECK_FALSE(known.SameContent({1, 8, 100, 5}));
  CHECK(known.SameContent({1, 0, 100, 5}));
  CHECK_FALSE(known.SameContent({1, 0, 101, 5}));
}

}  // namespace
}  // namespace proofline::studio::test
