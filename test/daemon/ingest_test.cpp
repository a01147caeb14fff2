#include "daemon/ingest.h"

#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;
namespace fs = std::filesystem;

// The way from a folder to the catalog, with a short quiet time.
class Line {
 public:
  Line() { Start(); }
  ~Line() { Stop(); }

  void Start(std::size_t capacity = 1000) {
    ingest_.emplace(
        SettleQueue::Options{std::chrono::milliseconds(30), std::chrono::seconds(5), capacity},
        studio.catalog());
    FolderWatcher::Options options;
    options.roots = {studio.root()};
    options.root_retry = std::chrono::milliseconds(20);
    watcher_.emplace(options, *ingest_);
    REQUIRE(watcher_->Start().ok());
    ingest_->Start();
  }
  void Stop() {
    if (watcher_) watcher_->Stop();
    if (ingest_) ingest_->Stop();
  }
  FolderWatcher& watcher() { return *watcher_; }
  Ingest& ingest() { return *ingest_; }

  bool Known(const std::string& name) {
    const auto file = studio.catalog().FindFile(studio.path(name));
    return file.has_value() && !file->gone;
  }

  Studio studio;

 private:
  std::optional<Ingest> ingest_;
  std::optional<FolderWatcher> watcher_;
};

TEST_CASE("files that come while the daemon runs and while it does not end in the catalog") {
  Line line;
  WriteFile(line.studio.path("a/1.jpg"), "one");
  CHECK(Eventually([&] { return line.Known("a/1.jpg"); }));
  line.Stop();
  WriteFile(line.studio.path("a/2.jpg"), "two");
  fs::remove(line.studio.path("a/1.jpg"));
  WriteFile(line.studio.path("b/3.jpg"), "three");
  line.Start();
  CHECK(Eventually([&] { return line.Known("a/2.jpg") && line.Known("b/3.jpg"); }));
  CHECK(Eventually([&] { return line.studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 1; }));
}

TEST_CASE("a folder deleted while the daemon does not run leaves missing photos") {
  Line line;
  WriteFile(line.studio.path("a/b/1.jpg"), "one");
  WriteFile(line.studio.path("c.jpg"), "c");
  CHECK(Eventually([&] { return line.Known("a/b/1.jpg") && line.Known("c.jpg"); }));
  line.Stop();
  fs::remove_all(line.studio.path("a"));
  line.Start();
  CHECK(Eventually([&] { return line.studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 1; }));
  CHECK(line.Known("c.jpg"));
}

TEST_CASE("a renamed folder takes its photos along") {
  Line line;
  for (int i = 0; i < 20; ++i) {
    WriteFile(line.studio.path("before/" + std::to_string(i) + ".jpg"), std::to_string(i));
  }
  CHECK(Eventually([&] { return line.studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 20; }));
  const std::string id = line.studio.At("before/7.jpg").id();
  fs::rename(line.studio.path("before"), line.studio.path("after"));
  CHECK(Eventually([&] {
    for (int i = 0; i < 20; ++i) {
      if (!line.Known("after/" + std::to_string(i) + ".jpg")) return false;
    }
    return line.ingest().settling() == 0;
  }));
  CHECK(line.studio.At("after/7.jpg").id() == id);
  CHECK(line.studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 20);
  CHECK(line.studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 0);
}

TEST_CASE("a watched folder that goes away as a whole deletes nothing") {
  Line line;
  WriteFile(line.studio.path("a/1.jpg"), "one");
  CHECK(Eventually([&] { return line.Known("a/1.jpg"); }));
  fs::rename(line.studio.root(), line.studio.folder() / "away");
  CHECK(Eventually([&] { return !line.watcher().roots()[0].message.empty(); }));
  line.watcher().Rescan();
  fs::rename(line.studio.folder() / "away", line.studio.root());
  WriteFile(line.studio.path("a/2.jpg"), "two");
  CHECK(Eventually([&] { return line.Known("a/2.jpg") && line.ingest().settling() == 0; }));
  CHECK(line.Known("a/1.jpg"));
  CHECK(line.studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 0);
}

TEST_CASE("more files than the settle queue holds all come through") {
  Line line;
  line.Stop();
  for (int i = 0; i < 60; ++i) {
    WriteFile(line.studio.path("many/" + std::to_string(i) + ".jpg"), std::to_string(i));
  }
  line.Start(/*capacity=*/7);
  for (int i = 60; i < 100; ++i) {
    WriteFile(line.studio.path("more/" + std::to_string(i) + ".jpg"), std::to_string(i));
  }
  CHECK(Eventually([&] { return line.studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 100; }));
}

TEST_CASE("an unchanged folder costs nothing at the next start") {
  Line line;
  WriteFile(line.studio.path("a/1.jpg"), "one");
  CHECK(Eventually([&] { return line.Known("a/1.jpg"); }));
  line.Stop();
  const std::int64_t revision = line.studio.At("a/1.jpg").revision();
  const std::uint64_t ticket = line.studio.At("a/1.jpg").ticket();
  line.Start();
  WriteFile(line.studio.path("a/2.jpg"), "two");
  CHECK(Eventually([&] { return line.Known("a/2.jpg"); }));
  CHECK(line.studio.At("a/1.jpg").revision() == revision);
  CHECK(line.studio.At("a/1.jpg").ticket() == ticket);
}

}  // namespace
}  // namespace proofline::studio::test
