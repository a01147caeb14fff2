#include "daemon/folder_watcher.h"

#include <sys/inotify.h>

#include <atomic>
#include <map>
#include <set>

#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

namespace fs = std::filesystem;

// Remembers what it heard.
class Listener : public FolderListener {
 public:
  void OnFolderListed(const std::string&, const std::string& folder,
                      const std::vector<ListedFile>& files, const std::stop_token&) override {
    const std::lock_guard lock(mutex_);
    ++listings_[folder];
    for (const ListedFile& file : files) seen_.insert(JoinPath(folder, file.name));
  }
  void OnFolderGone(const std::string&, const std::string& folder,
                    const std::stop_token&) override {
    const std::lock_guard lock(mutex_);
    gone_.insert(folder);
  }
  void OnRootListed(const std::string& root, const std::stop_token&) override {
    const std::lock_guard lock(mutex_);
    ++rounds_[root];
  }
  bool OnFileEvent(const std::string&, const std::string& path) override {
    std::unique_lock lock(mutex_);
    held_up_.wait(lock, [this] { return !hold_up_; });
    if (refuse_) return false;
    events_.insert(path);
    seen_.insert(path);
    return true;
  }

  bool Saw(const std::string& path) const { return Holds(seen_, path); }
  bool HeardOf(const std::string& path) const { return Holds(events_, path); }
  bool LostFolder(const std::string& path) const { return Holds(gone_, path); }
  int rounds(const std::string& root) const { return Number(rounds_, root); }
  int listings(const std::string& folder) const { return Number(listings_, folder); }
  void RefuseEvents() {
    const std::lock_guard lock(mutex_);
    refuse_ = true;
  }
  // The thread that takes events stands still until it is let go.
  void HoldUp(bool hold_up) {
    {
      const std::lock_guard lock(mutex_);
      hold_up_ = hold_up;
    }
    held_up_.notify_all();
  }
  std::size_t seen() const {
    const std::lock_guard lock(mutex_);
    return seen_.size();
  }
  void Forget() {
    const std::lock_guard lock(mutex_);
    seen_.clear();
    events_.clear();
  }

 private:
  bool Holds(const std::set<std::string>& set, const std::string& path) const {
    const std::lock_guard lock(mutex_);
    return set.contains(path);
  }
  int Number(const std::map<std::string, int>& map, const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = map.find(key);
    return found == map.end() ? 0 : found->second;
  }

  mutable std::mutex mutex_;
  std::set<std::string> seen_, events_, gone_;
  std::map<std::string, int> rounds_, listings_;
  bool refuse_ = false;
  bool hold_up_ = false;
  std::condition_variable held_up_;
};

struct Watched {
  Watched() : root((folder / "root").string()) { fs::create_directory(root); }
  std::string path(const std::string& name) const { return root + "/" + name; }
  void Start(const std::vector<std::string>& roots = {}) {
    options.roots = roots.empty() ? std::vector<std::string>{root} : roots;
    options.root_retry = std::chrono::milliseconds(20);
    watcher.emplace(options, listener);
    REQUIRE(watcher->Start().ok());
    REQUIRE(Eventually([&] { return listener.rounds(root) > 0; }));
  }

  proofline::test::TempDir folder;
  const std::string root;
  Listener listener;
  FolderWatcher::Options options;
  std::optional<FolderWatcher> watcher;
};

TEST_CASE("the first listing finds everything that may be an original") {
  Watched w;
  WriteFile(w.path("a.jpg"), "x");
  WriteFile(w.path("deep/er/b.jpg"), "x");
  WriteFile(w.path("empty.jpg"), "");
  WriteFile(w.path(".hidden/c.jpg"), "x");
  WriteFile(w.path("d.jpg.part"), "x");
  w.Start();
  CHECK(w.listener.Saw(w.path("a.jpg")));
  CHECK(w.listener.Saw(w.path("deep/er/b.jpg")));
  CHECK_FALSE(w.listener.Saw(w.path("empty.jpg")));
  CHECK_FALSE(w.listener.Saw(w.path(".hidden/c.jpg")));
  CHECK_FALSE(w.listener.Saw(w.path("d.jpg.part")));
}

TEST_CASE("files in folders made a moment before are found at any depth") {
  Watched w;
  w.Start();
  for (int i = 0; i < 20; ++i) {
    std::string folder = "burst" + std::to_string(i);
    for (int depth = 0; depth < 8; ++depth) {
      folder += "/d";
      WriteFile(w.path(folder + "/f.jpg"), "x");
    }
  }
  for (int i = 0; i < 20; ++i) {
    std::string folder = "burst" + std::to_string(i);
    for (int depth = 0; depth < 8; ++depth) {
      folder += "/d";
      const std::string path = w.path(folder + "/f.jpg");
      CHECK(Eventually([&] { return w.listener.Saw(path); }));
    }
  }
}

TEST_CASE("writing, renaming and deleting a file are heard of") {
  Watched w;
  WriteFile(w.path("sub/a.jpg"), "x");
  w.Start();
  WriteFile(w.path("sub/new.jpg"), "x");
  CHECK(Eventually([&] { return w.listener.HeardOf(w.path("sub/new.jpg")); }));
  fs::rename(w.path("sub/a.jpg"), w.path("sub/b.jpg"));
  CHECK(Eventually([&] { return w.listener.HeardOf(w.path("sub/a.jpg")); }));
  CHECK(Eventually([&] { return w.listener.HeardOf(w.path("sub/b.jpg")); }));
  w.listener.Forget();
  fs::remove(w.path("sub/b.jpg"));
  CHECK(Eventually([&] { return w.listener.HeardOf(w.path("sub/b.jpg")); }));
}

TEST_CASE("a folder moved in is listed, moved within is lost and found, moved out is lost") {
  Watched w;
  w.Start();
  WriteFile(w.folder / "outside/in/a.jpg", "x");
  fs::rename(w.folder / "outside", w.path("inside"));
  CHECK(Eventually([&] { return w.listener.Saw(w.path("inside/in/a.jpg")); }));

  fs::rename(w.path("inside"), w.path("renamed"));
  CHECK(Eventually([&] { return w.listener.LostFolder(w.path("inside")); }));
  CHECK(Eventually([&] { return w.listener.Saw(w.path("renamed/in/a.jpg")); }));
  // Its events come under its new name.
  CHECK(Eventually([&] { return w.listener.listings(w.path("renamed/in")) > 0; }));
  WriteFile(w.path("renamed/in/b.jpg"), "x");
  CHECK(Eventually([&] { return w.listener.HeardOf(w.path("renamed/in/b.jpg")); }));
  CHECK_FALSE(w.listener.HeardOf(w.path("inside/in/b.jpg")));

  fs::rename(w.path("renamed"), w.folder / "outside");
  CHECK(Eventually([&] { return w.listener.LostFolder(w.path("renamed")); }));
}

TEST_CASE("a rescan lists everything again") {
  Watched w;
  WriteFile(w.path("sub/a.jpg"), "x");
  w.Start();
  w.listener.Forget();
  const int rounds = w.listener.rounds(w.root);
  w.watcher->Rescan();
  CHECK(Eventually([&] { return w.listener.rounds(w.root) > rounds; }));
  CHECK(w.listener.Saw(w.path("sub/a.jpg")));
}

TEST_CASE("an event there was no room for has its folder listed") {
  Watched w;
  fs::create_directory(w.path("sub"));
  w.Start();
  w.listener.RefuseEvents();
  WriteFile(w.path("sub/a.jpg"), "x");
  CHECK(Eventually([&] { return w.listener.Saw(w.path("sub/a.jpg")); }));
  CHECK_FALSE(w.listener.HeardOf(w.path("sub/a.jpg")));
}

TEST_CASE("symbolic links lead nowhere, neither out nor round in circles") {
  Watched w;
  WriteFile(w.folder / "secret/a.jpg", "x");
  WriteFile(w.path("sub/real.jpg"), "x");
  fs::create_directory_symlink(w.folder / "secret", w.path("out"));
  fs::create_directory_symlink(w.root, w.path("sub/loop"));
  fs::create_symlink(w.folder / "secret/a.jpg", w.path("link.jpg"));
  w.Start();
  CHECK(w.listener.Saw(w.path("sub/real.jpg")));
  CHECK_FALSE(w.listener.Saw(w.path("out/a.jpg")));
  CHECK_FALSE(w.listener.Saw(w.path("link.jpg")));
  CHECK_FALSE(w.listener.Saw(w.path("sub/loop/sub/real.jpg")));
}

TEST_CASE("a watched folder may itself be a symbolic link") {
  Watched w;
  fs::create_directory_symlink(w.root, w.folder / "link");
  const std::string root = (w.folder / "link").string();
  WriteFile(w.path("a.jpg"), "x");
  FolderWatcher watcher({.roots = {root}}, w.listener);
  REQUIRE(watcher.Start().ok());
  CHECK(Eventually([&] { return w.listener.Saw(root + "/a.jpg"); }));
  WriteFile(w.path("b.jpg"), "x");
  CHECK(Eventually([&] { return w.listener.HeardOf(root + "/b.jpg"); }));
}

TEST_CASE("names that are not UTF-8 are names like others") {
  Watched w;
  WriteFile(w.path("caf\xE9/\xFF.jpg"), "x");
  w.Start();
  CHECK(w.listener.Saw(w.path("caf\xE9/\xFF.jpg")));
  WriteFile(w.path("caf\xE9/\xFE.jpg"), "x");
  CHECK(Eventually([&] { return w.listener.HeardOf(w.path("caf\xE9/\xFE.jpg")); }));
}

TEST_CASE("a missing folder is told of, and watched as soon as it appears") {
  Watched w;
  const std::string later = (w.folder / "later").string();
  w.Start({w.root, later});
  REQUIRE(w.watcher->roots().size() == 2);
  CHECK(w.watcher->roots()[0].message.empty());
  CHECK(w.watcher->roots()[1].message.find("not there") != std::string::npos);
  WriteFile(later + "/a.jpg", "x");
  CHECK(Eventually([&] { return w.listener.Saw(later + "/a.jpg"); }));
  CHECK(w.watcher->roots()[1].message.empty());
  CHECK(Eventually([&] { return w.listener.listings(later) > 0; }));
  WriteFile(later + "/b.jpg", "x");
  CHECK(Eventually([&] { return w.listener.HeardOf(later + "/b.jpg"); }));
}

TEST_CASE("a watched folder that disappears loses nothing and is found again") {
  Watched w;
  WriteFile(w.path("sub/a.jpg"), "x");
  w.Start();
  fs::rename(w.root, w.folder / "away");
  CHECK(Eventually([&] { return !w.watcher->roots()[0].message.empty(); }));
  CHECK_FALSE(w.listener.LostFolder(w.root));
  w.listener.Forget();
  fs::rename(w.folder / "away", w.root);
  CHECK(Eventually([&] { return w.listener.Saw(w.path("sub/a.jpg")); }));
  CHECK(w.watcher->roots()[0].message.empty());
}

TEST_CASE("more events than the kernel's queue holds have everything listed again") {
  Watched w;
  fs::create_directory(w.path("sub"));
  w.Start();
  int limit = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
  REQUIRE(limit > 0);
  if (limit > 200'000) return;
  w.listener.HoldUp(true);
  const int rounds = w.listener.rounds(w.root);
  // Every link is one event; files that are written are at least two.
  WriteFile(w.path("sub/0.jpg"), "x");
  const int files = limit + 1000;
  for (int i = 1; i < files; ++i) {
    fs::create_hard_link(w.path("sub/0.jpg"), w.path("sub/" + std::to_string(i) + ".jpg"));
  }
  w.listener.HoldUp(false);
  CHECK(Eventually([&] { return w.listener.rounds(w.root) > rounds; }));
  CHECK(w.listener.seen() >= static_cast<std::size_t>(files));
}

TEST_CASE("where nothing reports events, folders are polled for all that happens") {
  Watched w;
  WriteFile(w.path("sub/a.jpg"), "x");
  w.options.poll_interval = std::chrono::milliseconds(20);
  w.options.poll[w.root] = PollMode::kAlways;
  w.Start();
  CHECK(w.watcher->roots()[0].polled);
  CHECK(w.watcher->roots()[0].message.empty());
  CHECK(w.watcher->roots()[0].scanned.has_value());
  WriteFile(w.path("sub/b.jpg"), "x");
  CHECK(Eventually([&] { return w.listener.Saw(w.path("sub/b.jpg")); }));
  WriteFile(w.path("sub/new/deep/er/c.jpg"), "x");
  CHECK(Eventually([&] { return w.listener.Saw(w.path("sub/new/deep/er/c.jpg")); }));
  CHECK_FALSE(w.listener.HeardOf(w.path("sub/b.jpg")));
  // Rewritten in place: the folder is the same, and is listed now and then all the same.
  const int listings = w.listener.listings(w.path("sub"));
  CHECK(Eventually([&] { return w.listener.listings(w.path("sub")) > listings; }));
  fs::remove_all(w.path("sub/new"));
  CHECK(Eventually([&] { return w.listener.LostFolder(w.path("sub/new")); }));
  fs::rename(w.root, w.folder / "away");
  CHECK(Eventually([&] { return !w.watcher->roots()[0].message.empty(); }));
  CHECK_FALSE(w.listener.LostFolder(w.root));
  WriteFile((w.folder / "away/sub/d.jpg").string(), "x");
  fs::rename(w.folder / "away", w.root);
  CHECK(Eventually([&] { return w.listener.Saw(w.path("sub/d.jpg")); }));
  CHECK(w.watcher->roots()[0].message.empty());
}

TEST_CASE("without enough watches the watcher says so and polls the rest") {
  Watched w;
  for (const char* name : {"a/1.jpg", "b/1.jpg", "c/1.jpg"}) WriteFile(w.path(name), "x");
  std::atomic<int> left = 2;
  w.options.poll_interval = std::chrono::milliseconds(20);
  w.options.add_watch = [&](int fd, const char* path, std::uint32_t mask) {
    if (left.fetch_sub(1) > 0) return ::inotify_add_watch(fd, path, mask);
    errno = ENOSPC;
    return -1;
  };
  w.Start();
  CHECK(w.watcher->roots()[0].polled);
  CHECK(w.watcher->roots()[0].message.find("max_user_watches") != std::string::npos);
  for (const char* name : {"a/2.jpg", "b/2.jpg", "c/2.jpg", "d/e/2.jpg"}) {
    WriteFile(w.path(name), "x");
    CHECK(Eventually([&] { return w.listener.Saw(w.path(name)); }));
  }
  // With watches again, the next round through the folders sets things right.
  left = 1000;
  const int rounds = w.listener.rounds(w.root);
  w.watcher->Rescan();
  CHECK(Eventually([&] { return w.listener.rounds(w.root) > rounds; }));
  CHECK(Eventually([&] { return w.watcher->roots()[0].message.empty(); }));
  CHECK_FALSE(w.watcher->roots()[0].polled);
}

TEST_CASE("what the rules ignore is neither listed nor heard of, nor looked into") {
  Watched w;
  w.options.rules = FileRules({"Exports/", "*.png"});
  WriteFile(w.path("a.jpg"), "x");
  WriteFile(w.path("Catalog Previews.lrdata/p.jpg"), "x");
  WriteFile(w.path("w/Exports/e.jpg"), "x");
  WriteFile(w.path("notes.txt"), "x");
  WriteFile(w.path("b.png"), "x");
  w.Start();
  WriteFile(w.path("w/Exports/f.jpg"), "x");
  WriteFile(w.path("notes2.txt"), "x");
  WriteFile(w.path("exports/g.jpg"), "x");
  WriteFile(w.path("last.jpg"), "x");
  CHECK(Eventually([&] { return w.listener.Saw(w.path("last.jpg")); }));
  CHECK(w.listener.seen() == 2);
  CHECK(w.listener.listings(w.path("w/Exports")) == 0);
}

TEST_CASE("a tree of many folders is watched as a whole") {
  Watched w;
  for (int i = 0; i < 2000; ++i) {
    WriteFile(w.path(std::to_string(i % 20) + "/" + std::to_string(i) + "/f.jpg"), "x");
  }
  w.Start();
  CHECK(w.listener.seen() == 2000);
  w.listener.Forget();
  for (int i = 0; i < 2000; i += 97) {
    const std::string path = w.path(std::to_string(i % 20) + "/" + std::to_string(i) + "/g.jpg");
    WriteFile(path, "x");
    CHECK(Eventually([&] { return w.listener.HeardOf(path); }));
  }
}

TEST_CASE("a root that does not answer is told of and holds up no other") {
  // What the watcher's threads use goes after it.
  FolderCalls calls(std::chrono::milliseconds(20));
  std::mutex mutex;
  std::condition_variable_any answers;
  bool answer = false;
  Watched w;
  const std::string share = (w.folder / "share").string();
  WriteFile(share + "/a.jpg", "x");
  WriteFile(w.path("a.jpg"), "x");
  w.options.calls = &calls;
  w.options.list = [&](const FileRules& rules, const std::string& root, const std::string& folder,
                       const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    answers.wait(lock, [&] { return answer || root != share; });
    lock.unlock();
    return ListFolder(rules, root, folder, stop);
  };
  w.Start({share, w.root});
  CHECK(Eventually([&] {
    return w.watcher->roots()[0].message.find("does not answer when it is asked for " + share) !=
           std::string::npos;
  }));
  CHECK(calls.AnyHanging().find(share) != std::string::npos);
  CHECK_FALSE(w.watcher->roots()[0].scanned.has_value());
  CHECK(w.watcher->roots()[1].message.empty());
  WriteFile(w.path("b.jpg"), "x");
  CHECK(Eventually([&] { return w.listener.HeardOf(w.path("b.jpg")); }));
  const int rounds = w.listener.rounds(w.root);
  w.watcher->Rescan();
  CHECK(Eventually([&] { return w.listener.rounds(w.root) > rounds; }));
  {
    const std::lock_guard lock(mutex);
    answer = true;
  }
  answers.notify_all();
  CHECK(Eventually([&] { return w.listener.Saw(share + "/a.jpg"); }));
  CHECK(w.watcher->roots()[0].message.empty());
}

TEST_CASE("without any of its folders the watcher says so and does not start") {
  proofline::test::TempDir folder;
  Listener listener;
  FolderWatcher watcher({.roots = {(folder / "none").string()}}, listener);
  const absl::Status status = watcher.Start();
  CHECK(absl::IsNotFound(status));
  CHECK(status.message().find((folder / "none").string()) != std::string::npos);
}

}  // namespace
}  // namespace proofline::studio::test
