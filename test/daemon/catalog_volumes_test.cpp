// Volumes that come and go under one path: cards with the names that cameras give.
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;
namespace fs = std::filesystem;

constexpr std::uint64_t kFirst = 11;
constexpr std::uint64_t kSecond = 22;

// What is at a path on the card with this volume, as the settle queue would let it go. Cards have
// no inode numbers.
SettledPath On(Studio& studio, const std::string& name, std::uint64_t volume) {
  SettledPath settled = studio.Settled(name);
  settled.reading.stamp.volume = volume;
  settled.reading.stamp.inode = 0;
  return settled;
}

void Plug(Studio& studio, const std::string& name, const std::string& content, std::uint64_t volume,
          int age = 0) {
  WriteFile(studio.path(name), content);
  fs::last_write_time(studio.path(name),
                      fs::file_time_type::clock::now() - std::chrono::hours(1 + age));
  REQUIRE(studio.catalog().RecordSettled({On(studio, name, volume)}).ok());
}

constexpr char kName[] = "DCIM/100CANON/IMG_0001.JPG";

TEST_CASE("another card with the same names has other photos, and the first is known again") {
  Studio studio;
  Plug(studio, kName, "of the first card", kFirst);
  studio.RenderAll();
  studio.AcknowledgeAll();
  const record::Photo first = studio.At(kName);
  Plug(studio, kName, "of the second", kSecond, 1);
  studio.RenderAll();
  const record::Photo second = studio.At(kName);
  CHECK(second.id() != first.id());
  const record::Photo away = *studio.catalog().GetPhoto(first.id());
  CHECK(away.digest() == first.digest());
  CHECK(away.state() == pb::LOCAL_PHOTO_STATE_PUBLISHED);
  CHECK(away.places(0).volume() == kFirst);

  // An order for it waits for the card.
  const absl::StatusOr<OriginalPlaces> places = studio.catalog().FindOriginal(
      first.id(), *base::Digest::FromBytes(first.digest()), first.original_size_bytes());
  REQUIRE(places.ok());
  CHECK(places->files.empty());
  REQUIRE(places->displaced.size() == 1);
  CHECK(places->displaced[0].stamp.volume == kFirst);

  Plug(studio, kName, "of the first card", kFirst, 2);
  studio.RenderAll();
  CHECK(studio.At(kName).id() == first.id());
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 1);
}

TEST_CASE("a volume under another name is the same where its files are the same") {
  Studio studio;
  Plug(studio, kName, "content", kFirst);
  studio.RenderAll();
  studio.AcknowledgeAll();
  const record::Photo before = studio.At(kName);
  const std::optional<KnownFile> known = studio.catalog().FindFile(studio.path(kName));
  REQUIRE(known.has_value());
  SettledPath again = On(studio, kName, kSecond);
  CHECK_FALSE(known->IsAsRecorded(again.reading.stamp));
  REQUIRE(studio.catalog().RecordSettled({again}).ok());
  CHECK(studio.At(kName).id() == before.id());
  CHECK(studio.At(kName).places(0).volume() == kSecond);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 1);
  again.reading.stamp.volume = 0;
  CHECK(studio.catalog().FindFile(studio.path(kName))->IsAsRecorded(again.reading.stamp));
}

TEST_CASE("a card that was formatted brings new photos under old names, a folder changed ones") {
  const bool card = GENERATE(true, false);
  const std::string name = card ? kName : "wedding/IMG_0001.JPG";
  Studio studio;
  Plug(studio, name, "before", kFirst);
  studio.RenderAll();
  studio.AcknowledgeAll();
  const std::string id = studio.At(name).id();
  Plug(studio, name, "another picture", kFirst, 1);
  CHECK((studio.At(name).id() != id) == card);
}

TEST_CASE("what lies where is asked without holding up anybody else") {
  proofline::test::TempDir folder;
  base::FakeClock clock;
  std::unique_ptr<Catalog> catalog;
  int asked = 0;
  Catalog::Options options;
  options.path = folder / "catalog";
  options.device = {"demo", "desk"};
  options.look = [&](const std::string& root, const std::string& path) {
    CHECK(root == (folder / "photos").string());
    // From another thread, as the control service would.
    std::jthread([&] { CHECK(catalog->counts().in(pb::LOCAL_PHOTO_STATE_WAITING) == 1); });
    ++asked;
    return ReadPath(path);
  };
  absl::StatusOr<std::unique_ptr<Catalog>> opened = Catalog::Open(options, clock);
  REQUIRE(opened.ok());
  catalog = *std::move(opened);
  const auto settled = [&](const std::string& name) {
    const std::string root = (folder / "photos").string();
    return SettledPath{.root = root, .path = root + name, .reading = ReadPath(root + name)};
  };
  WriteFile((folder / "photos/a.jpg").string(), "a");
  REQUIRE(catalog->RecordSettled({settled("/a.jpg")}).ok());
  CHECK(asked == 0);
  const std::string id = catalog->GetPhotoAt((folder / "photos/a.jpg").string())->id();
  fs::rename(folder / "photos/a.jpg", folder / "photos/b.jpg");
  REQUIRE(catalog->RecordSettled({settled("/b.jpg")}).ok());
  CHECK(asked == 1);
  CHECK(catalog->GetPhotoAt((folder / "photos/b.jpg").string())->id() == id);
}

}  // namespace
}  // namespace proofline::studio::test
