#include "daemon/volume.h"

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

TEST_CASE("a file is only gone while its volume is there") {
  proofline::test::TempDir folder;
  const std::string root = (folder / "root").string();
  CHECK(IsVolumeAway(root, root + "/a.jpg", 1, false));
  fs::create_directory(root);
  const std::uint64_t device = *DeviceOf(root);
  // An empty folder on another volume is where the right one is normally mounted.
  CHECK(IsVolumeAway(root, root + "/a.jpg", device + 1, false));
  CHECK_FALSE(IsVolumeAway(root, root + "/a.jpg", device, false));
  WriteFile(root + "/b.jpg", "b");
  // The volume has another number since it was mounted anew.
  CHECK_FALSE(IsVolumeAway(root, root + "/a.jpg", device + 1, false));
  // What was mounted further down is not.
  CHECK(IsVolumeAway(root, root + "/card/a.jpg", device + 1, true));
  fs::create_directory(root + "/card");
  CHECK(IsVolumeAway(root, root + "/card/a.jpg", device + 1, true));
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
