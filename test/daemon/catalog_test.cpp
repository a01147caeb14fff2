// What the catalog makes of files.
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/catalog.h"
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;
namespace fs = std::filesystem;

TEST_CASE("a new file becomes a photo that waits, and a catalog opened again knows it") {
  Studio studio;
  studio.Add("wedding/a.jpg", "picture a");
  const record::Photo photo = studio.At("wedding/a.jpg");
  CHECK(photo.state() == pb::LOCAL_PHOTO_STATE_WAITING);
  CHECK(photo.places(0).gallery_title() == "wedding");
  const std::string catalog_id = studio.catalog().catalog_id();

  studio.Open();
  CHECK(studio.catalog().catalog_id() == catalog_id);
  CHECK(studio.At("wedding/a.jpg").id() == photo.id());
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 1);
  CHECK(studio.catalog().counts().original_bytes == 9);
  const std::optional<RenderTask> task = studio.Take();
  REQUIRE(task.has_value());
  CHECK(task->path == studio.path("wedding/a.jpg"));
  CHECK_FALSE(task->maybe_known);
}

TEST_CASE("photos are rendered in the order in which they arrived, each by one renderer") {
  Studio studio;
  for (const char* name : {"c.jpg", "a.jpg", "b.jpg"}) studio.Add(name, name);
  const std::optional<RenderTask> first = studio.Take();
  const std::optional<RenderTask> second = studio.Take();
  CHECK(first->path == studio.path("c.jpg"));
  CHECK(second->path == studio.path("a.jpg"));
  studio.catalog().Release(*first);
  CHECK(studio.Take()->path == studio.path("c.jpg"));
}

TEST_CASE("a catalog of another device is refused with a sentence") {
  Studio studio;
  studio.Close();
  base::FakeClock clock;
  const auto other = Catalog::Open(
      {studio.folder() / "catalog", std::uint64_t{16} << 20, {"demo", "back-office"}}, clock);
  CHECK(absl::IsFailedPrecondition(other.status()));
  CHECK(other.status().message().find("belongs to studios/demo/devices/front-desk") !=
        std::string::npos);
}

TEST_CASE("a renamed file keeps its photo and is published again without renditions") {
  Studio studio;
  studio.Add("wedding/a.jpg", "picture a");
  studio.RenderAll();
  studio.AcknowledgeAll();
  const std::string id = studio.At("wedding/a.jpg").id();
  REQUIRE(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 1);

  fs::create_directories(studio.path("party"));
  fs::rename(studio.path("wedding/a.jpg"), studio.path("party/b.jpg"));
  SECTION("told of together") { studio.Record({"wedding/a.jpg", "party/b.jpg"}); }
  SECTION("the new name first") {
    studio.Record({"party/b.jpg"});
    studio.Record({"wedding/a.jpg"});
  }
  SECTION("the loss first") {
    studio.Record({"wedding/a.jpg"});
    CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 1);
    studio.Record({"party/b.jpg"});
  }
  const record::Photo moved = studio.At("party/b.jpg");
  CHECK(moved.id() == id);
  CHECK(moved.places_size() == 1);
  CHECK(moved.ticket() == 0);
  CHECK_FALSE(studio.catalog().FindFile(studio.path("wedding/a.jpg")).has_value());
  const std::vector<PendingPublish> pending = studio.Pending();
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].contents.empty());
  CHECK(pending[0].photo.file_name() == "b.jpg");
  CHECK(pending[0].gallery_title == "party");
  CHECK(pending[0].photo.name().find("/galleries/" + moved.places(0).gallery() + "/photos/" + id) !=
        std::string::npos);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 0);
}

TEST_CASE("a file copied elsewhere and then deleted keeps its photo by its digest") {
  Studio studio;
  studio.Add("a.jpg", "picture a");
  studio.RenderAll();
  const std::string id = studio.At("a.jpg").id();
  WriteFile(studio.path("other/a.jpg"), "picture a");
  fs::remove(studio.path("a.jpg"));
  studio.Record({"a.jpg", "other/a.jpg"});
  CHECK(studio.At("other/a.jpg").id() != id);
  studio.RenderAll();
  CHECK(studio.At("other/a.jpg").id() == id);
  CHECK(studio.catalog().ListPhotos("", {}, "", 100)->size() == 1);
}

TEST_CASE("two identical files are two places of one photo, rendered once and sent once") {
  Studio studio;
  studio.Add("a.jpg", "same picture");
  studio.RenderAll();
  studio.Add("copy/a.jpg", "same picture");
  const std::optional<RenderTask> task = studio.Take();
  REQUIRE(task.has_value());
  CHECK(task->maybe_known);
  CHECK(studio.catalog().FinishIfKnown(*task, base::Sha256Of("same picture")).value());
  const record::Photo photo = studio.At("a.jpg");
  CHECK(studio.At("copy/a.jpg").id() == photo.id());
  CHECK(photo.places_size() == 2);
  CHECK(studio.Pending().size() == 1);
  CHECK(studio.catalog().counts().original_bytes == 12);

  SECTION("one of them deleted leaves the photo where it is") {
    fs::remove(studio.path("a.jpg"));
    studio.Record({"a.jpg"});
    CHECK(studio.At("copy/a.jpg").id() == photo.id());
    CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 0);
  }
  SECTION("one of them changed becomes a photo of its own") {
    WriteFile(studio.path("copy/a.jpg"), "another picture now");
    studio.Record({"copy/a.jpg"});
    studio.RenderAll();
    CHECK(studio.At("a.jpg").id() == photo.id());
    CHECK(studio.At("a.jpg").places_size() == 1);
    CHECK(studio.At("copy/a.jpg").id() != photo.id());
  }
}

TEST_CASE("two identical files rendered at the same time still become one photo") {
  Studio studio;
  studio.Add("a.jpg", "same picture");
  studio.Add("b.jpg", "same picture");
  const std::optional<RenderTask> first = studio.Take();
  const std::optional<RenderTask> second = studio.Take();
  REQUIRE(studio.catalog().FinishRendered(*first, FakeRenditions("same picture"), true).ok());
  REQUIRE(studio.catalog().FinishRendered(*second, FakeRenditions("same picture"), true).ok());
  CHECK(studio.At("a.jpg").id() == studio.At("b.jpg").id());
  CHECK(studio.Pending().size() == 1);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_RENDERED) == 1);
}

TEST_CASE("a hard link is a second place without any work") {
  Studio studio;
  studio.Add("a.jpg", "picture");
  studio.RenderAll();
  REQUIRE(::link(studio.path("a.jpg").c_str(), studio.path("b.jpg").c_str()) == 0);
  studio.Record({"b.jpg"});
  CHECK(studio.At("b.jpg").id() == studio.At("a.jpg").id());
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0);
}

TEST_CASE("a file saved again is the same photo with another digest, rendered and sent again") {
  Studio studio;
  studio.Add("a.jpg", "first version");
  studio.RenderAll();
  studio.AcknowledgeAll();
  const record::Photo before = studio.At("a.jpg");

  WriteFile(studio.path("new"), "second version, longer");
  fs::rename(studio.path("new"), studio.path("a.jpg"));
  studio.Record({"a.jpg"});
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 1);
  studio.RenderAll();
  const record::Photo after = studio.At("a.jpg");
  CHECK(after.id() == before.id());
  CHECK(after.digest() != before.digest());
  const std::vector<PendingPublish> pending = studio.Pending();
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].contents.size() == 2);
  CHECK(pending[0].sequence > before.published_sequence());
}

TEST_CASE("a file that was only touched is not rendered again") {
  Studio studio;
  studio.Add("a.jpg", "picture");
  studio.RenderAll();
  studio.AcknowledgeAll();
  fs::last_write_time(studio.path("a.jpg"),
                      fs::file_time_type::clock::now() + std::chrono::hours(1));
  studio.Record({"a.jpg"});
  const std::optional<RenderTask> task = studio.Take();
  REQUIRE(task.has_value());
  CHECK(studio.catalog().FinishIfKnown(*task, base::Sha256Of("picture")).value());
  for (const PendingPublish& pending : studio.Pending()) CHECK(pending.contents.empty());
  studio.AcknowledgeAll();
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 1);
}

// A photo at the host whose file has another time from now on, and a copy of it.
void TouchAndCopy(Studio& studio, bool copy_first) {
  studio.Add("a.jpg", "picture");
  studio.RenderAll();
  studio.AcknowledgeAll();
  fs::last_write_time(studio.path("a.jpg"),
                      fs::file_time_type::clock::now() + std::chrono::hours(1));
  WriteFile(studio.path("A.jpg"), "picture");
  studio.Record({copy_first ? "A.jpg" : "a.jpg"});
  studio.Record({copy_first ? "a.jpg" : "A.jpg"});
}

TEST_CASE("a copy of a file that was touched is no other photo, whichever is met first") {
  Studio studio;
  TouchAndCopy(studio, GENERATE(true, false));
  std::vector<RenderTask> taken{*studio.Take(), *studio.Take()};
  const bool at_once = GENERATE(true, false);
  if (!at_once) {
    for (const RenderTask& task : taken) studio.catalog().Release(task);
    studio.RenderAll();
  } else {
    // Each on its own thread, the copy begins.
    if (taken[0].path == studio.path("a.jpg")) std::swap(taken[0], taken[1]);
    const auto finish = [&](const RenderTask& task) {
      if (!studio.catalog().FinishIfKnown(task, base::Sha256Of("picture")).value()) {
        studio.catalog().FinishRendered(task, FakeRenditions("picture"), true).IgnoreError();
      }
    };
    std::jthread copy([&] { finish(taken[0]); });
    finish(taken[1]);
    copy.join();
    studio.RenderAll();
  }
  studio.AcknowledgeAll();
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 1);
  CHECK(studio.At("a.jpg").id() == studio.At("A.jpg").id());
}

TEST_CASE("a copy that is rendered unread waits for the photo it may be of") {
  Studio studio;
  TouchAndCopy(studio, true);
  const std::optional<RenderTask> copy = studio.Take();
  REQUIRE(copy->path == studio.path("A.jpg"));
  REQUIRE(studio.catalog().FinishRendered(*copy, FakeRenditions("picture"), true).ok());
  studio.RenderAll();
  CHECK(studio.At("a.jpg").id() == studio.At("A.jpg").id());
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_RENDERED) == 1);
}

TEST_CASE("a file under the old content of one that was changed and deleted is that photo") {
  Studio studio;
  TouchAndCopy(studio, false);
  const std::string id = studio.At("a.jpg").id();
  fs::remove(studio.path("a.jpg"));
  studio.Record({"a.jpg"});
  studio.RenderAll();
  CHECK(studio.At("A.jpg").id() == id);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 0);
}

TEST_CASE("photos whose files have changed places wait for nobody") {
  Studio studio;
  studio.Add("a.jpg", "one");
  studio.Add("b.jpg", "two");
  studio.RenderAll();
  WriteFile(studio.path("a.jpg"), "two");
  WriteFile(studio.path("b.jpg"), "one");
  for (const char* name : {"a.jpg", "b.jpg"}) {
    fs::last_write_time(studio.path(name),
                        fs::file_time_type::clock::now() + std::chrono::hours(1));
  }
  studio.Record({"a.jpg", "b.jpg"});
  studio.RenderAll();
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_RENDERED) == 2);
}

TEST_CASE("a deleted file leaves a missing photo, and is known when it comes back") {
  Studio studio;
  studio.Add("a.jpg", "picture");
  studio.RenderAll();
  studio.AcknowledgeAll();
  const std::string id = studio.At("a.jpg").id();
  fs::rename(studio.path("a.jpg"), studio.folder() / "elsewhere");
  studio.Record({"a.jpg"});
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 1);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 0);
  CHECK(studio.Pending().empty());

  studio.Open();
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 1);
  fs::rename(studio.folder() / "elsewhere", studio.path("a.jpg"));
  studio.Record({"a.jpg"});
  CHECK(studio.At("a.jpg").id() == id);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 1);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0);
}

TEST_CASE("a photo deleted while it waits leaves the queue, and returns to it with its file") {
  Studio studio;
  studio.Add("a.jpg", "picture");
  fs::rename(studio.path("a.jpg"), studio.folder() / "elsewhere");
  studio.Record({"a.jpg"});
  CHECK_FALSE(studio.Take().has_value());
  fs::rename(studio.folder() / "elsewhere", studio.path("a.jpg"));
  studio.Record({"a.jpg"});
  CHECK(studio.Take().has_value());
}

TEST_CASE("what happens to a photo while it is rendered makes the rendering worthless") {
  Studio studio;
  studio.Add("a.jpg", "first");
  const std::optional<RenderTask> task = studio.Take();
  WriteFile(studio.path("a.jpg"), "second version");
  studio.Record({"a.jpg"});
  REQUIRE(studio.catalog().FinishRendered(*task, FakeRenditions("first"), true).ok());
  CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_WAITING);
  CHECK(studio.Pending().empty());
  CHECK(studio.Take()->stamp.size == 14);
}

TEST_CASE("a photo that moved while it was taken is rendered at its new place") {
  Studio studio;
  studio.Add("a.jpg", "picture");
  const std::optional<RenderTask> task = studio.Take();
  fs::rename(studio.path("a.jpg"), studio.path("b.jpg"));
  studio.Record({"a.jpg", "b.jpg"});
  REQUIRE(studio.catalog().FinishUnsettled(*task).ok());
  const std::optional<RenderTask> again = studio.Take();
  REQUIRE(again.has_value());
  CHECK(again->path == studio.path("b.jpg"));
}

TEST_CASE("a photo put back to settling waits for its file to be told of again") {
  Studio studio;
  studio.Add("a.jpg", "picture");
  REQUIRE(studio.catalog().FinishUnsettled(*studio.Take()).ok());
  CHECK(studio.catalog().FindFile(studio.path("a.jpg"))->look_again);
  studio.Open();
  CHECK(studio.catalog().FindFile(studio.path("a.jpg"))->look_again);
  studio.Record({"a.jpg"});
  CHECK(studio.Take().has_value());
}

TEST_CASE("a failed photo keeps its reason until the file changes or somebody asks") {
  Studio studio;
  studio.Add("a.jpg", "broken");
  REQUIRE(studio.catalog().FinishFailed(*studio.Take(), "it is cut short", false).ok());
  studio.Open();
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_FAILED) == 1);
  CHECK(studio.At("a.jpg").state_message() == "it is cut short");
  CHECK(studio.At("a.jpg").attempts() == 1);
  studio.Record({"a.jpg"});
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_FAILED) == 1);

  SECTION("asked for by name") {
    CHECK(studio.catalog().Retry({studio.At("a.jpg").id()}).value() == 1);
  }
  SECTION("asked for with all") { CHECK(studio.catalog().Retry({}).value() == 1); }
  SECTION("changed") {
    WriteFile(studio.path("a.jpg"), "repaired by now");
    studio.Record({"a.jpg"});
  }
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 1);
  CHECK(studio.At("a.jpg").state_message().empty());
  CHECK(absl::IsNotFound(studio.catalog().Retry({"nobody"}).status()));
}

TEST_CASE("paths that are not UTF-8 are kept byte for byte") {
  Studio studio;
  studio.Add("caf\xE9/\xFF\xFE.jpg", "picture");
  const std::optional<RenderTask> task = studio.Take();
  CHECK(task->path == studio.path("caf\xE9/\xFF\xFE.jpg"));
  REQUIRE(studio.catalog().FinishRendered(*task, FakeRenditions("picture"), true).ok());
  CHECK(studio.Pending()[0].photo.file_name() == "\xEF\xBF\xBD\xEF\xBF\xBD.jpg");
}

TEST_CASE("known files are listed by folder, and folders under a root without their look-alikes") {
  Studio studio;
  for (const char* name : {"a/1.jpg", "a/b/2.jpg", "a/b/c/3.jpg", "ab/4.jpg", "5.jpg"}) {
    studio.Add(name, name);
  }
  std::vector<std::string> names;
  REQUIRE(studio.catalog()
              .KnownFilesIn(studio.path("a"),
                            [&](const KnownFile& file) { names.emplace_back(file.name); })
              .ok());
  CHECK(names == std::vector<std::string>{"1.jpg"});

  std::vector<std::string> paths;
  REQUIRE(studio.catalog()
              .KnownPathsUnder(studio.path("a"),
                               [&](const std::string& path) {
                                 paths.push_back(path.substr(studio.root().size() + 1));
                                 return true;
                               })
              .ok());
  CHECK(paths == std::vector<std::string>{"a/1.jpg", "a/b/2.jpg", "a/b/c/3.jpg"});

  std::vector<std::string> folders;
  REQUIRE(studio.catalog()
              .KnownFoldersUnder(studio.root(),
                                 [&](const std::string& folder) {
                                   folders.push_back(folder.substr(studio.root().size()));
                                   return true;
                                 })
              .ok());
  CHECK(folders == std::vector<std::string>{"", "/a", "/a/b", "/a/b/c", "/ab"});
}

TEST_CASE("galleries count the photos that are in them") {
  Studio studio;
  for (const char* name : {"a/1.jpg", "a/2.jpg", "b/3.jpg"}) studio.Add(name, name);
  const std::vector<LocalGallery> galleries = studio.catalog().ListGalleries("", 10).value();
  REQUIRE(galleries.size() == 2);
  CHECK(galleries[0].record.title() == "a");
  CHECK(galleries[0].photos == 2);
  CHECK(studio.catalog().ListGalleries(galleries[0].id, 10)->size() == 1);
  CHECK(studio.catalog().ListPhotos(galleries[0].id, {}, "", 10)->size() == 2);
  CHECK(studio.catalog().ListPhotos("", pb::LOCAL_PHOTO_STATE_FAILED, "", 10)->empty());
}

TEST_CASE("an original is found by what was ordered, wherever it lies by now") {
  Studio studio;
  studio.Add("a.jpg", "picture");
  studio.RenderAll();
  const std::string id = studio.At("a.jpg").id();
  const base::Digest digest = base::Sha256Of("picture");
  CHECK(studio.catalog().FindOriginal(id, digest, 7)->files.size() == 1);

  SECTION("the same content as another photo serves as well") {
    CHECK(studio.catalog().FindOriginal("another", digest, 7)->files.size() == 1);
  }
  SECTION("other content by now") {
    WriteFile(studio.path("a.jpg"), "not the picture");
    studio.Record({"a.jpg"});
    const absl::StatusOr<OriginalPlaces> places = studio.catalog().FindOriginal(id, digest, 7);
    REQUIRE(places.ok());
    CHECK(places->files.empty());
    CHECK(places->changed);
  }
  SECTION("deleted") {
    fs::remove(studio.path("a.jpg"));
    studio.Record({"a.jpg"});
    CHECK(studio.catalog().FindOriginal(id, digest, 7)->files.empty());
    CHECK_FALSE(studio.catalog().FindOriginal(id, digest, 7)->changed);
  }
  SECTION("never seen") {
    CHECK(absl::IsNotFound(
        studio.catalog().FindOriginal("another", base::Sha256Of("x"), 7).status()));
  }
}

}  // namespace
}  // namespace proofline::studio::test
