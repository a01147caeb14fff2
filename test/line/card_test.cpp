// Real memory cards, plugged in and pulled out.
#include "lib/rpc/channel.h"
#include "test/catch.h"
#include "test/line/mounts.h"
#include "test/line/shoot.h"

namespace proofline::test {
namespace {

using std::chrono::seconds;

// Photos are told apart by what they show: names on cards come again.
std::map<std::string, std::string> ByDigest(const Line& line, const std::string& session) {
  std::map<std::string, std::string> names;
  for (const v1::Photo& photo : AllVisible(line, session)) {
    names[photo.original_digest()] = photo.name();
  }
  return names;
}

struct CardReader {
  CardReader() {
    StartVips("test_shares");
    std::ofstream(line.config(Part::kStudio), std::ios::app)
        << "\n[scan]\npoll_interval = \"500ms\"\n[files]\ngrace = \"1s\"\n";
    fs::create_directories(slot());
    // What is left on the mount point while no card is in it.
    std::ofstream(slot() / ".DS_Store") << "stray";
    fs::create_directories(slot() / "DCIM");
    PutPicture(slot() / "stray.jpg", 99);
    line.Start(Part::kHost);
    line.EnrolDevice();
  }
  fs::path slot() const { return line.watched(); }
  fs::path folder() const { return slot() / "DCIM/100CANON"; }
  void Shoot(int first_shade) {
    for (int i = 1; i <= 3; ++i) {
      PutPicture(folder() / ("IMG_000" + std::to_string(i) + ".JPG"), first_shade + i);
    }
  }
  void SignIn() { session = line.SignInWithGalleries(LocalGalleries(line)); }
  bool Stays(const std::map<std::string, std::string>& photos) {
    return !WaitUntil([&] { return ByDigest(line, session) != photos; }, seconds(5));
  }

  Line line;
  std::string session;
};

// Whether this machine can have cards of a kind; says why not.
bool CanMount(Card::Kind kind) {
  const std::string why = kind == Card::Kind::kFat32
                              ? CannotMount({"fusefat", "mkfs.fat"})
                              : CannotMount({"mount.exfat-fuse", "mkfs.exfat", "losetup"});
  if (!why.empty()) WARN(why << ": not tested");
  return why.empty();
}

bool IsPluggedIn(Card& card) {
  if (card.Plug()) return true;
  WARN("this machine cannot plug such a card in: not tested");
  return false;
}

}  // namespace

TEST_CASE("a card keeps its photos' identity, and another card is another card") {
  if (!CanMount(Card::Kind::kExfat)) return;
  CardReader reader;
  Line& line = reader.line;
  Card first(Card::Kind::kExfat, line.folder() / "first.img", reader.slot());
  Card second(Card::Kind::kExfat, line.folder() / "second.img", reader.slot());
  if (!IsPluggedIn(first)) return;
  reader.Shoot(0);
  line.Start(Part::kStudio);
  line.WaitForPhotos(3);
  reader.SignIn();
  const auto of_first = ByDigest(line, reader.session);
  INFO(line.StudioStatus().ShortDebugString() << line.Log(Part::kStudio));
  REQUIRE(of_first.size() == 3);
  const std::int64_t sent = line.StudioStatus().sent_bytes();

  // The mount point holds files of its own; that is neither a deletion nor a change.
  first.Unplug();
  CHECK(WaitUntil(
      [&] {
        return line.StudioStatus().folders(0).message().find("is not there") != std::string::npos;
      },
      seconds(20)));
  // The stray picture is a photo like any other.
  REQUIRE(WaitUntil([&] { return line.StudioStatus().published() == 4; }, seconds(30)));
  CHECK(reader.Stays(of_first));
  REQUIRE(first.Plug());
  CHECK(WaitUntil(
      [&] {
        return line.StudioStatus().folders(0).message().empty() ||
               line.StudioStatus().folders(0).message().find("with 1 of") != std::string::npos;
      },
      seconds(20)));
  CHECK(reader.Stays(of_first));
  const std::int64_t sent_then = line.StudioStatus().sent_bytes();
  CHECK(sent_then - sent < 60'000);  // the stray picture

  // The photographer's second card, with the same names.
  first.Unplug();
  REQUIRE(second.Plug());
  reader.Shoot(50);
  REQUIRE(WaitUntil([&] { return ByDigest(line, reader.session).size() == 6; }, seconds(60)));
  auto both = ByDigest(line, reader.session);
  for (const auto& [digest, name] : of_first) CHECK(both[digest] == name);
  CHECK(reader.Stays(both));

  // The first one again: known by its content, not sent again.
  const std::int64_t sent_both = line.StudioStatus().sent_bytes();
  second.Unplug();
  REQUIRE(first.Plug());
  CHECK(reader.Stays(both));
  line.WaitForPhotos(0);
  CHECK(line.StudioStatus().sent_bytes() - sent_both < 5'000);

  // What is deleted on a card that is there goes.
  fs::remove(reader.folder() / "IMG_0002.JPG");
  REQUIRE(WaitUntil([&] { return ByDigest(line, reader.session).size() == 5; }, seconds(60)));
  CHECK(line.StudioStatus().failed() == 0);
}

TEST_CASE("a card that is pulled out while it is read fails no photo") {
  if (!CanMount(Card::Kind::kExfat)) return;
  CardReader reader;
  Line& line = reader.line;
  Card card(Card::Kind::kExfat, line.folder() / "card.img", reader.slot());
  if (!IsPluggedIn(card)) return;
  for (int i = 10; i < 30; ++i) {
    PutPicture(reader.folder() / ("IMG_00" + std::to_string(i) + ".JPG"), i, 1500, 1000);
  }
  line.Start(Part::kStudio);
  for (int round = 0; round < 3; ++round) {
    const std::int64_t done = line.StudioStatus().published() + line.StudioStatus().rendered();
    WaitUntil(
        [&] {
          const auto status = line.StudioStatus();
          return status.published() + status.rendered() > done + 2;
        },
        seconds(20));
    card.Unplug();
    CHECK(line.StudioStatus().failed() == 0);
    REQUIRE(card.Plug());
  }
  line.WaitForPhotos(20);
  CHECK(line.StudioStatus().failed() == 0);
}

TEST_CASE("a card in FAT32 without a name for its volume outlasts being pulled out as well") {
  if (!CanMount(Card::Kind::kFat32)) return;
  CardReader reader;
  Line& line = reader.line;
  Card card(Card::Kind::kFat32, line.folder() / "card.img", reader.slot());
  REQUIRE(card.Plug());
  reader.Shoot(70);
  line.Start(Part::kStudio);
  line.WaitForPhotos(3);
  reader.SignIn();
  const auto photos = ByDigest(line, reader.session);
  REQUIRE(photos.size() == 3);
  card.Unplug();
  CHECK(reader.Stays(photos));
  REQUIRE(card.Plug());
  CHECK(reader.Stays(photos));
  CHECK(line.StudioStatus().failed() == 0);
}

TEST_CASE("a file whose name changes to the other case on a card stays one photo") {
  const Card::Kind kind = GENERATE(Card::Kind::kFat32, Card::Kind::kExfat);
  const bool fat = kind == Card::Kind::kFat32;
  if (!CanMount(fat ? Card::Kind::kFat32 : Card::Kind::kExfat)) return;
  CardReader reader;
  Line& line = reader.line;
  Card card(kind, line.folder() / "card.img", reader.slot());
  if (!IsPluggedIn(card)) return;
  reader.Shoot(70);
  line.Start(Part::kStudio);
  line.WaitForPhotos(3);
  reader.SignIn();
  const auto photos = ByDigest(line, reader.session);
  REQUIRE(photos.size() == 3);
  // Some file systems still answer to the old name, and not with the old time.
  fs::rename(reader.folder() / "IMG_0001.JPG", reader.folder() / "other.jpg");
  fs::rename(reader.folder() / "other.jpg", reader.folder() / "img_0001.jpg");
  // With so short a grace time a photo may be taken back until it is found under its new name.
  const auto names = [&] {
    std::multiset<std::string> seen;
    for (const v1::Photo& photo : AllVisible(line, reader.session)) seen.insert(photo.file_name());
    return seen;
  };
  const std::multiset<std::string> renamed{"IMG_0002.JPG", "IMG_0003.JPG", "img_0001.jpg"};
  INFO(line.StudioStatus().ShortDebugString() << line.Log(Part::kStudio));
  CHECK(WaitUntil([&] { return names() == renamed; }, seconds(30)));
  CHECK(reader.Stays(photos));
  CHECK(names() == renamed);
  CHECK(line.StudioStatus().published() == 3);
  CHECK(line.StudioStatus().failed() == 0);
}

}  // namespace proofline::test
