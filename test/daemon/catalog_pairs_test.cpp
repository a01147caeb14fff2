// What belongs together: pairs, sidecars, files that trade places.
#include <algorithm>
#include <array>
#include <atomic>

#include "lib/base/text.h"
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;
namespace fs = std::filesystem;

std::int64_t Photos(Studio& studio) {
  return static_cast<std::int64_t>(
      studio.catalog().ListPhotos("", pb::LOCAL_PHOTO_STATE_UNSPECIFIED, "", 1000)->size());
}

std::string Numbered(int number) {
  std::string name = "IMG_";
  name += std::to_string(number);
  name += ".jpg";
  return name;
}

// Photos that are not missing.
std::int64_t Present(Studio& studio) {
  return Photos(studio) - studio.Count(pb::LOCAL_PHOTO_STATE_MISSING);
}

TEST_CASE("a RAW file and the JPEG beside it are one photo, whichever comes first") {
  Studio studio;
  const bool raw_first = GENERATE(true, false);
  const bool rendered_between = GENERATE(true, false);
  studio.Add(raw_first ? "a/IMG_1.CR2" : "a/IMG_1.JPG", "first");
  const std::string id = studio.At(raw_first ? "a/IMG_1.CR2" : "a/IMG_1.JPG").id();
  if (rendered_between) {
    studio.RenderAll();
    studio.AcknowledgeAll();
  }
  studio.Add(raw_first ? "a/IMG_1.JPG" : "a/IMG_1.CR2", "second");
  CHECK(Photos(studio) == 1);
  const record::Photo photo = studio.At("a/IMG_1.JPG");
  CHECK(photo.id() == id);
  REQUIRE(photo.places_size() == 1);
  CHECK(photo.places(0).path() == studio.path("a/IMG_1.JPG"));
  REQUIRE(photo.companions_size() == 1);
  CHECK(photo.companions(0).path() == studio.path("a/IMG_1.CR2"));
  CHECK(studio.At("a/IMG_1.CR2").id() == id);
  // Nothing is rendered for the RAW file; the JPEG is, if it has come later.
  CHECK((studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 1) == (raw_first || !rendered_between));
  studio.RenderAll();
  CHECK(studio.At("a/IMG_1.JPG").digest() ==
        base::Sha256Of(raw_first ? "second" : "first").bytes());
  // At the next start both are as recorded.
  int known = 0;
  REQUIRE(studio.catalog()
              .KnownFilesIn(studio.path("a"),
                            [&](const KnownFile& file) {
                              const Reading now =
                                  ReadPath(studio.path("a/" + std::string(file.name)));
                              known += file.IsAsRecorded(now.stamp) ? 1 : 0;
                            })
              .ok());
  CHECK(known == 2);
}

TEST_CASE("both halves of a pair in one batch are one photo") {
  Studio studio;
  for (const char* name : {"IMG_1.jpg", "IMG_1.nef", "IMG_2.NEF", "IMG_2.HEIC"}) {
    WriteFile(studio.path(name), name);
  }
  studio.Record({"IMG_1.nef", "IMG_1.jpg", "IMG_2.HEIC", "IMG_2.NEF"});
  CHECK(Photos(studio) == 2);
  CHECK(studio.At("IMG_2.NEF").places(0).path() == studio.path("IMG_2.HEIC"));
}

TEST_CASE("only the same name in the same folder makes a pair, and only with RAW") {
  Studio studio;
  for (const char* name : {"IMG_1.jpg", "sub/IMG_1.CR2", "IMG_10.CR2", "IMG_1.tif", "IMG_1.png",
                           "img_1.CR3", "IMG_1.a.CR2"}) {
    studio.Add(name, name);
  }
  CHECK(Photos(studio) == 7);
}

TEST_CASE("the configuration can make the RAW file the original of a pair") {
  Studio studio;
  studio.raw_is_original = true;
  studio.Open();
  studio.Add("IMG_1.JPG", "jpeg");
  studio.RenderAll();
  const std::string id = studio.At("IMG_1.JPG").id();
  studio.Add("IMG_1.CR2", "raw");
  CHECK(Photos(studio) == 1);
  CHECK(studio.At("IMG_1.CR2").places(0).path() == studio.path("IMG_1.CR2"));
  CHECK(studio.At("IMG_1.CR2").id() == id);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 1);
}

TEST_CASE("a pair that loses a half stays the photo") {
  Studio studio;
  studio.Add("IMG_1.JPG", "jpeg");
  studio.Add("IMG_1.CR2", "raw");
  studio.RenderAll();
  const std::string id = studio.At("IMG_1.JPG").id();
  SECTION("the RAW file") {
    fs::remove(studio.path("IMG_1.CR2"));
    studio.Record({"IMG_1.CR2"});
    CHECK(studio.At("IMG_1.JPG").companions(0).gone());
    CHECK(studio.catalog().FindFile(studio.path("IMG_1.CR2"))->gone);
    CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0);
  }
  SECTION("the JPEG: the RAW file is the original from then on") {
    fs::remove(studio.path("IMG_1.JPG"));
    studio.Record({"IMG_1.JPG"});
    CHECK(studio.At("IMG_1.CR2").id() == id);
    CHECK(studio.At("IMG_1.CR2").places(0).path() == studio.path("IMG_1.CR2"));
    CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 1);
    CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 0);
    // And back again.
    studio.RenderAll();
    studio.Add("IMG_1.JPG", "jpeg");
    CHECK(Photos(studio) == 1);
    CHECK(studio.At("IMG_1.JPG").id() == id);
  }
  SECTION("both") {
    fs::remove(studio.path("IMG_1.JPG"));
    fs::remove(studio.path("IMG_1.CR2"));
    studio.Record({"IMG_1.CR2", "IMG_1.JPG"});
    CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 1);
    CHECK(Photos(studio) == 1);
  }
}

TEST_CASE("a pair is renamed and moved as one, in whatever order it is heard of") {
  Studio studio;
  studio.Add("a/IMG_1.JPG", "jpeg");
  studio.Add("a/IMG_1.CR2", "raw");
  studio.RenderAll();
  studio.AcknowledgeAll();
  const std::string id = studio.At("a/IMG_1.JPG").id();
  fs::create_directory(studio.path("b"));
  fs::rename(studio.path("a/IMG_1.JPG"), studio.path("b/bride.JPG"));
  fs::rename(studio.path("a/IMG_1.CR2"), studio.path("b/bride.CR2"));
  std::vector<std::string> names = {"a/IMG_1.CR2", "a/IMG_1.JPG", "b/bride.CR2", "b/bride.JPG"};
  bool one_by_one = false;
  SECTION("together") {}
  SECTION("one by one") {
    one_by_one = true;
    const int turn = GENERATE(range(0, 24));
    for (int i = 0; i < turn; ++i) std::next_permutation(names.begin(), names.end());
  }
  if (one_by_one) {
    for (const std::string& name : names) studio.Record({name});
  } else {
    studio.Record(names);
  }
  CHECK(Photos(studio) == 1);
  const record::Photo photo = studio.At("b/bride.JPG");
  CHECK(photo.id() == id);
  CHECK(photo.places(0).path() == studio.path("b/bride.JPG"));
  REQUIRE(photo.companions_size() == 1);
  CHECK(photo.companions(0).path() == studio.path("b/bride.CR2"));
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0);
}

TEST_CASE("a pair that is parted becomes two photos") {
  Studio studio;
  studio.Add("IMG_1.JPG", "jpeg");
  studio.Add("IMG_1.CR2", "raw");
  const std::string id = studio.At("IMG_1.JPG").id();
  const bool raw_moves = GENERATE(true, false);
  const std::string from = raw_moves ? "IMG_1.CR2" : "IMG_1.JPG";
  const std::string to = raw_moves ? "other.CR2" : "other.JPG";
  fs::rename(studio.path(from), studio.path(to));
  studio.Record({from, to});
  CHECK(Photos(studio) == 2);
  CHECK(studio.At(raw_moves ? "IMG_1.JPG" : to).id() == id);
  CHECK(studio.At(raw_moves ? to : "IMG_1.CR2").id() != id);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 0);
}

TEST_CASE("copies of a pair are one photo with its places") {
  Studio studio;
  studio.Add("a/IMG_1.JPG", "jpeg");
  studio.Add("a/IMG_1.CR2", "raw");
  studio.RenderAll();
  studio.Add("backup/IMG_1.CR2", "raw");
  studio.Add("backup/IMG_1.JPG", "jpeg");
  studio.RenderAll();
  CHECK(Photos(studio) == 1);
  CHECK(studio.At("backup/IMG_1.CR2").id() == studio.At("a/IMG_1.JPG").id());
  CHECK(studio.At("a/IMG_1.JPG").companions_size() == 2);
}

TEST_CASE("a sidecar has its photo read again, and nothing is sent that is at the host") {
  Studio studio;
  const std::string sidecar = GENERATE(as<std::string>{}, "IMG_1.xmp", "IMG_1.CR2.XMP");
  studio.Add("IMG_1.CR2", "raw");
  studio.Add("IMG_2.CR2", "other");
  studio.RenderAll();
  studio.AcknowledgeAll();
  studio.Add(sidecar, "rating 3");
  CHECK(Photos(studio) == 2);
  REQUIRE(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 1);
  std::optional<RenderTask> task = studio.Take();
  REQUIRE(task.has_value());
  CHECK(task->path == studio.path("IMG_1.CR2"));
  CHECK(task->sidecar_path == studio.path(sidecar));
  CHECK_FALSE(task->maybe_known);
  imaging::Renditions made = FakeRenditions("raw");
  made.facts.rating = 3;
  REQUIRE(studio.catalog().FinishRendered(*task, made, true).ok());
  const std::vector<PendingPublish> pending = studio.Pending();
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].contents.empty());
  CHECK(pending[0].photo.metadata().rating() == 3);
  studio.AcknowledgeAll();
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 2);
  // As it was: nothing. Changed or gone: once more.
  studio.Record({sidecar});
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0);
  if (GENERATE(true, false)) {
    studio.Add(sidecar, "rating 4 now");
  } else {
    fs::remove(studio.path(sidecar));
    studio.Record({sidecar});
    CHECK_FALSE(studio.At("IMG_1.CR2").has_sidecar());
  }
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 1);
}

TEST_CASE("a sidecar that is there first, or moves along, is found") {
  Studio studio;
  studio.Add("IMG_1.xmp", "rating 3");
  studio.Add("IMG_1.JPG", "jpeg");
  CHECK(studio.At("IMG_1.JPG").sidecar().path() == studio.path("IMG_1.xmp"));
  studio.RenderAll();
  fs::create_directory(studio.path("b"));
  fs::rename(studio.path("IMG_1.JPG"), studio.path("b/IMG_1.JPG"));
  fs::rename(studio.path("IMG_1.xmp"), studio.path("b/IMG_1.xmp"));
  studio.Record({"IMG_1.JPG", "IMG_1.xmp", "b/IMG_1.JPG", "b/IMG_1.xmp"});
  CHECK(studio.At("b/IMG_1.JPG").sidecar().path() == studio.path("b/IMG_1.xmp"));
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0);
  // A sidecar of a folder's only photo does not reach others.
  studio.Add("b/IMG_11.JPG", "another");
  CHECK_FALSE(studio.At("b/IMG_11.JPG").has_sidecar());
}

TEST_CASE("files that are renumbered keep their photos") {
  Studio studio;
  std::vector<std::string> ids;
  for (int i = 1; i <= 5; ++i) {
    studio.Add(Numbered(i), "picture " + std::to_string(i));
    ids.push_back(studio.At(Numbered(i)).id());
  }
  studio.RenderAll();
  studio.AcknowledgeAll();
  std::vector<std::string> names = {"IMG_1.jpg"};
  for (int i = 5; i >= 1; --i) {
    const std::string to = Numbered(i + 1);
    fs::rename(studio.path(Numbered(i)), studio.path(to));
    names.push_back(to);
  }
  SECTION("heard of in the order of the changes") {}
  SECTION("heard of from the other end") { std::reverse(names.begin(), names.end()); }
  studio.Record(names);
  for (int i = 1; i <= 5; ++i) {
    CHECK(studio.At(Numbered(i + 1)).id() == ids[i - 1]);
  }
  CHECK(Photos(studio) == 5);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0);
}

TEST_CASE("two files that trade names keep their photos, even when heard of one after the other") {
  Studio studio;
  studio.Add("a.jpg", "first");
  studio.Add("b.jpg", "second one");
  studio.RenderAll();
  const std::string a = studio.At("a.jpg").id();
  const std::string b = studio.At("b.jpg").id();
  fs::rename(studio.path("a.jpg"), studio.path("swap"));
  fs::rename(studio.path("b.jpg"), studio.path("a.jpg"));
  fs::rename(studio.path("swap"), studio.path("b.jpg"));
  const FileStamp later = ReadPath(studio.path("b.jpg")).stamp;
  REQUIRE(studio.catalog()
              .RecordSettled({studio.Settled("a.jpg")},
                             [&](const FileStamp& stamp) { return stamp.SameContent(later); })
              .ok());
  studio.Record({"b.jpg"});
  CHECK(studio.At("a.jpg").id() == b);
  CHECK(studio.At("b.jpg").id() == a);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0);
  CHECK(Present(studio) == 2);
}

TEST_CASE("an editor that writes a new file over the old one makes a new revision of the photo") {
  Studio studio;
  studio.Add("a.jpg", "before");
  studio.RenderAll();
  const std::string id = studio.At("a.jpg").id();
  const bool rename_over = GENERATE(true, false);
  WriteFile(studio.path("a.new"), "after, and longer");
  if (!rename_over) {
    fs::remove(studio.path("a.jpg"));
    studio.Record({"a.jpg"});
  }
  fs::rename(studio.path("a.new"), studio.path("a.jpg"));
  studio.Record({"a.jpg"});
  CHECK(studio.At("a.jpg").id() == id);
  CHECK(Photos(studio) == 1);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 1);
  studio.RenderAll();
  CHECK(studio.At("a.jpg").digest() == base::Sha256Of("after, and longer").bytes());
}

TEST_CASE("what is no picture is remembered as such, and forgotten when it is gone") {
  Studio studio;
  WriteFile(studio.path("notes"), "just text");
  SettledPath settled = studio.Settled("notes");
  settled.kind = FileKind::kIgnored;
  REQUIRE(studio.catalog().RecordSettled({settled}).ok());
  CHECK(Photos(studio) == 0);
  const auto known = studio.catalog().FindFile(studio.path("notes"));
  REQUIRE(known.has_value());
  CHECK_FALSE(known->is_photo);
  CHECK(known->IsAsRecorded(settled.reading.stamp));
  CHECK(absl::IsNotFound(studio.catalog().GetPhotoAt(studio.path("notes")).status()));
  // A picture by now.
  studio.Add("notes", "a picture, says the content");
  CHECK(Photos(studio) == 1);
  fs::remove(studio.path("notes"));
  studio.Record({"notes"});
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 1);
}

TEST_CASE("copies made while the first is being rendered are not rendered themselves") {
  Studio studio;
  studio.Add("a.jpg", "same");
  std::optional<RenderTask> first = studio.Take();
  REQUIRE(first.has_value());
  CHECK_FALSE(first->maybe_known);
  std::vector<RenderTask> copies;
  for (const char* name : {"b.jpg", "c.jpg"}) {
    studio.Add(name, "same");
    copies.push_back(*studio.Take());
    CHECK(copies.back().maybe_known);
  }
  std::vector<std::jthread> threads;
  std::array<bool, 2> known{};
  for (std::size_t i = 0; i < copies.size(); ++i) {
    threads.emplace_back([&, i] {
      known[i] = studio.catalog().FinishIfKnown(copies[i], base::Sha256Of("same")).value_or(false);
    });
  }
  REQUIRE(studio.catalog().FinishRendered(*first, FakeRenditions("same"), true).ok());
  threads.clear();
  CHECK(known[0]);
  CHECK(known[1]);
  CHECK(Photos(studio) == 1);
  CHECK(studio.At("c.jpg").places_size() == 3);
  CHECK(studio.Pending().size() == 1);
}

TEST_CASE("waiting for a copy that is being rendered ends when it fails, and on stop") {
  Studio studio;
  studio.Add("a.jpg", "same");
  std::optional<RenderTask> first = studio.Take();
  studio.Add("b.jpg", "same");
  std::optional<RenderTask> second = studio.Take();
  {
    std::stop_source stop;
    stop.request_stop();
    CHECK(absl::IsCancelled(studio.catalog()
                                .FinishIfKnown(*second, base::Sha256Of("same"), stop.get_token())
                                .status()));
  }
  absl::StatusOr<bool> known = true;
  std::jthread waiting(
      [&] { known = studio.catalog().FinishIfKnown(*second, base::Sha256Of("same")); });
  REQUIRE(studio.catalog().FinishFailed(*first, "broken", false).ok());
  waiting.join();
  REQUIRE(known.ok());
  CHECK_FALSE(*known);
}

TEST_CASE(
    "a thousand files of a hundred contents, met by several renderers, are a hundred photos") {
  Studio studio;
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) {
    names.push_back(std::to_string(i % 7) + "/" + std::to_string(i) + ".jpg");
    WriteFile(studio.path(names.back()), "content " + std::to_string(100 + i % 100));
  }
  studio.Record(names);
  std::atomic<int> rendered = 0;
  {
    std::stop_source stop;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        while (std::optional<RenderTask> task = studio.catalog().TakeWaiting(stop.get_token())) {
          std::ifstream file(task->path, std::ios::binary);
          const std::string content((std::istreambuf_iterator<char>(file)), {});
          if (task->maybe_known &&
              studio.catalog().FinishIfKnown(*task, base::Sha256Of(content)).value_or(false)) {
            continue;
          }
          ++rendered;
          if (!studio.catalog().FinishRendered(*task, FakeRenditions(content), true).ok()) return;
        }
      });
    }
    Eventually([&] { return studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0; });
    stop.request_stop();
  }
  CHECK(rendered == 100);
  CHECK(Photos(studio) == 100);
  CHECK(studio.Pending().size() == 100);
  CHECK(studio.At("0/0.jpg").places_size() == 10);
}

}  // namespace
}  // namespace proofline::studio::test
