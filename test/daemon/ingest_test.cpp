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

  void Start(std::size_t capacity = 1000, const FileRules& rules = FileRules()) {
    ingest_.emplace(SettleQueue::Options{std::chrono::milliseconds(30), longest, capacity},
                    studio.catalog(), base::RealClock(), rules);
    FolderWatcher::Options options;
    options.rules = rules;
    options.poll_interval = std::chrono::milliseconds(20);
    options.poll[studio.root()] = poll;
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

  // Waits until nothing settles any more.
  void Rest() {
    const auto before = watcher_->roots()[0].scanned;
    watcher_->Rescan();
    REQUIRE(Eventually([&] { return watcher_->roots()[0].scanned != before; }));
    REQUIRE(Eventually([&] { return ingest_->settling() == 0; }));
  }

  Studio studio;
  PollMode poll = PollMode::kAuto;
  std::chrono::seconds longest{5};

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

std::int64_t Photos(Line& line) {
  return static_cast<std::int64_t>(
      line.studio.catalog().ListPhotos("", pb::LOCAL_PHOTO_STATE_UNSPECIFIED, "", 1000)->size());
}

TEST_CASE("the content of files with unknown names decides, once") {
  Line line;
  WriteFile(line.studio.path("scan"), "\x89PNG\r\n\x1a\n and so on");
  WriteFile(line.studio.path("README"), "just text");
  WriteFile(line.studio.path("x.unknown"), "text too");
  WriteFile(line.studio.path("broken.jpg"), "no picture, whatever it is called");
  WriteFile(line.studio.path("notes.txt"), "never looked at");
  CHECK(Eventually([&] {
    return line.Known("scan") && line.Known("README") && line.Known("x.unknown") &&
           line.Known("broken.jpg");
  }));
  CHECK(Photos(line) == 2);
  CHECK_FALSE(line.studio.catalog().FindFile(line.studio.path("notes.txt")).has_value());
  line.Stop();
  // Were it opened again, it would be a picture by now.
  const auto time = fs::last_write_time(line.studio.path("README"));
  std::fstream(line.studio.path("README"), std::ios::in | std::ios::out) << "\xFF\xD8\xFF.";
  fs::last_write_time(line.studio.path("README"), time);
  line.Start();
  line.Rest();
  CHECK(Photos(line) == 2);
  WriteFile(line.studio.path("x.unknown"), "\xFF\xD8\xFF\xE0 a JPEG by now");
  CHECK(Eventually([&] { return Photos(line) == 3; }));
}

TEST_CASE("photos that the configuration comes to ignore count as gone, and come back with it") {
  Line line;
  WriteFile(line.studio.path("w/Exports/1.jpg"), "one");
  WriteFile(line.studio.path("w/2.png"), "two");
  WriteFile(line.studio.path("w/3.jpg"), "three");
  CHECK(Eventually([&] { return line.studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 3; }));
  line.Stop();
  line.Start(1000, FileRules({"Exports/"}, {{line.studio.root(), {"*.png"}}}));
  CHECK(Eventually([&] { return line.studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 2; }));
  line.Rest();
  CHECK(line.Known("w/3.jpg"));
  line.Stop();
  line.Start();
  CHECK(Eventually([&] { return line.studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 3; }));
}

TEST_CASE("pairs, sidecars and renamed folders come through the whole way") {
  Line line;
  for (const char* name : {"a/1.CR2", "a/1.JPG", "a/1.xmp", "a/2.jpg", "a/2.jpg.xmp"}) {
    WriteFile(line.studio.path(name), name);
  }
  CHECK(Eventually([&] {
    return line.Known("a/1.CR2") && line.Known("a/2.jpg.xmp") && line.ingest().settling() == 0;
  }));
  line.Rest();
  CHECK(Photos(line) == 2);
  line.studio.RenderAll();
  line.studio.AcknowledgeAll();
  const std::string id = line.studio.At("a/1.JPG").id();
  fs::rename(line.studio.path("a"), line.studio.path("b"));
  CHECK(Eventually([&] { return line.Known("b/1.CR2") && line.Known("b/2.jpg"); }));
  line.Rest();
  CHECK(line.studio.At("b/1.CR2").id() == id);
  CHECK(line.studio.At("b/1.CR2").sidecar().path() == line.studio.path("b/1.xmp"));
  CHECK(Photos(line) == 2);
  CHECK(line.studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0);
  CHECK(line.studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 0);
}

TEST_CASE("a share that reports nothing is followed all the same") {
  Line line;
  line.Stop();
  line.poll = PollMode::kAlways;
  line.Start();
  WriteFile(line.studio.path("a/1.jpg"), "one");
  CHECK(Eventually([&] { return line.Known("a/1.jpg"); }));
  const std::string id = line.studio.At("a/1.jpg").id();
  fs::rename(line.studio.path("a"), line.studio.path("b"));
  CHECK(Eventually([&] { return line.Known("b/1.jpg"); }));
  CHECK(line.studio.At("b/1.jpg").id() == id);
  fs::remove(line.studio.path("b/1.jpg"));
  CHECK(Eventually([&] { return line.studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 1; }));
}

TEST_CASE("a file that grows is one photo, recorded when it has come to rest") {
  Line line;
  {
    std::ofstream file(line.studio.path("big.jpg"), std::ios::binary);
    for (int i = 0; i < 40; ++i) {
      file << std::string(1000, 'x') << std::flush;
      // Shorter than the quiet time.
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable().wait_for(lock, std::chrono::milliseconds(5));
    }
  }
  CHECK(Eventually([&] { return line.Known("big.jpg"); }));
  line.Rest();
  CHECK(line.studio.At("big.jpg").places(0).size_bytes() == 40'000);
  CHECK(Photos(line) == 1);
}

TEST_CASE("a JPEG that has its end is whole, whatever zeros are in it and behind it") {
  Line line;
  line.Stop();
  line.longest = std::chrono::hours(1);
  line.Start();
  const std::string begin = std::string("\xFF\xD8\xFF\xE0") + std::string(1000, 'x');
  const std::string padded = begin + "\xFF\xD9" + std::string(50'000, '\0');
  // Not written as such: a gap that the file system knows of.
  constexpr std::streamoff kGap = 1 << 20;
  const auto with_gap = [&](const std::string& name, const std::string& end) {
    std::ofstream file(line.studio.path(name), std::ios::binary);
    file << begin;
    file.seekp(kGap, std::ios::cur);
    file << end;
  };
  WriteFile(line.studio.path("padded.jpg"), padded);
  with_gap("sparse.jpg", "x\xFF\xD9");
  WriteFile(line.studio.path("unfilled.jpg"), begin + std::string(50'000, '\0'));
  CHECK(Eventually([&] { return line.Known("padded.jpg") && line.Known("sparse.jpg"); }));
  CHECK_FALSE(line.Known("unfilled.jpg"));
  WriteFile(line.studio.path("unfilled.jpg"), begin + "\xFF\xD9");
  CHECK(Eventually([&] { return line.Known("unfilled.jpg"); }));
}

TEST_CASE("a RAW file waits for the picture beside it while that is being written") {
  Line line;
  WriteFile(line.studio.path("1.CR2"), "the RAW file, which is whole");
  {
    std::ofstream file(line.studio.path("1.JPG"), std::ios::binary);
    for (int i = 0; i < 40; ++i) {
      file << std::string(1000, 'x') << std::flush;
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable().wait_for(lock, std::chrono::milliseconds(5));
    }
  }
  CHECK(Eventually([&] { return line.Known("1.CR2") && line.Known("1.JPG"); }));
  line.Rest();
  CHECK(Photos(line) == 1);
  // It never had another original.
  CHECK(line.studio.At("1.CR2").revision() == 1);
  CHECK(line.studio.At("1.CR2").places(0).path() == line.studio.path("1.JPG"));
}

TEST_CASE("names of any bytes come through to the catalog and out of it") {
  Line line;
  const std::string folder = "caf\xE9 \xFF\x01";
  WriteFile(line.studio.path(folder + "/\xFE\n.jpg"), "one");
  WriteFile(line.studio.path(folder + "/\xFE\n.CR2"), "two");
  CHECK(Eventually(
      [&] { return line.Known(folder + "/\xFE\n.jpg") && line.Known(folder + "/\xFE\n.CR2"); }));
  line.Rest();
  CHECK(Photos(line) == 1);
  line.studio.RenderAll();
  const std::vector<PendingPublish> pending = line.studio.Pending();
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].photo.file_name() == "\xEF\xBF\xBD\xEF\xBF\xBD.jpg");
  CHECK_FALSE(pending[0].photo.SerializeAsString().empty());
}

TEST_CASE("twenty thousand files are met, known, and nothing the next time") {
  Line line;
  line.Stop();
  for (int i = 0; i < 20'000; ++i) {
    WriteFile(line.studio.path(std::to_string(i / 200) + "/" + std::to_string(i) + ".jpg"),
              std::to_string(i));
  }
  line.Start(/*capacity=*/2000);
  CHECK(Eventually([&] { return line.studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 20'000; }));
  line.Stop();
  line.studio.Open();
  CHECK(line.studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 20'000);
  const auto changes = line.studio.catalog().changes().current();
  line.Start();
  line.Rest();
  CHECK(line.studio.catalog().changes().current() == changes);
}

}  // namespace
}  // namespace proofline::studio::test
