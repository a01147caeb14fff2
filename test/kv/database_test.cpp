#include "lib/kv/database.h"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/kv/key.h"
#include "test/catch.h"
#include "test/kv/child.h"
#include "test/temp_dir.h"

using namespace proofline::kv;
using proofline::base::Concat;
using proofline::test::StoreChild;
using proofline::test::TempDir;
namespace fs = std::filesystem;

namespace {

Database::Options TwoFamilies() {
  return {.cache_bytes = 8 << 20,
          .column_families = {{.name = "records"}, {.name = "pictures", .blob_files = true}}};
}

Database MustOpen(const fs::path& path) {
  auto database = Database::Open(path, TwoFamilies());
  if (!database.ok()) FAIL(database.status().ToString());
  return *std::move(database);
}

absl::Status Put(Database& database, std::string_view cf, std::string_view key, std::string value) {
  Batch batch;
  batch.Put(cf, key, std::move(value));
  return database.Commit(std::move(batch));
}

std::vector<std::string> KeysOf(const Database& database, std::string_view prefix,
                                std::string_view start_after = {}, std::size_t limit = 1000) {
  std::vector<std::string> keys;
  REQUIRE(database
              .Scan("records", prefix, start_after,
                    [&](std::string_view key, std::string_view) {
                      keys.emplace_back(key);
                      return keys.size() < limit;
                    })
              .ok());
  return keys;
}

// The first file of a store whose name begins and ends so.
fs::path FileOf(const fs::path& store, const std::string& begin, const std::string& end) {
  for (const auto& entry : fs::directory_iterator(store)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(begin) && name.ends_with(end)) return entry.path();
  }
  FAIL("the store has no file " + begin + "*" + end);
  return {};
}

void Overwrite(const fs::path& file, std::streamoff at, const std::string& bytes) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(at);
  stream << bytes;
  REQUIRE(stream.good());
}

}  // namespace

TEST_CASE("a batch is applied whole and in order, over all column families") {
  TempDir dir;
  Database database = MustOpen(dir / "new" / "store");
  CHECK(database.path() == dir / "new" / "store");
  Batch batch;
  CHECK(batch.empty());
  batch.Put("records", "a", "1");
  batch.Put("records", "b", "1");
  batch.Delete("records", "a");
  batch.Put("records", "b", "2");
  batch.Put("pictures", "a", std::string(100'000, 'p'));
  CHECK(batch.size() == 5);
  CHECK(batch.bytes() == 100'008);
  REQUIRE(database.Commit(std::move(batch)).ok());
  CHECK(absl::IsNotFound(database.Get("records", "a").status()));
  CHECK(*database.Get("records", "b") == "2");
  CHECK(*database.Get("pictures", "a") == std::string(100'000, 'p'));
  CHECK(database.Commit(Batch()).ok());
}

TEST_CASE("a range is deleted without its end, and an empty or wrong one not at all") {
  TempDir dir;
  Database database = MustOpen(dir.path());
  Batch batch;
  for (const char* key : {"a", "b", "c", "d"}) batch.Put("records", key, "x");
  batch.DeleteRange("records", "b", "d");
  batch.DeleteRange("records", "a", "a");
  batch.DeleteRange("records", "d", "a");
  REQUIRE(database.Commit(std::move(batch)).ok());
  CHECK(KeysOf(database, "") == std::vector<std::string>{"a", "d"});
}

TEST_CASE("batches append in order and leave the other empty") {
  TempDir dir;
  Database database = MustOpen(dir.path());
  Batch first;
  Batch second;
  first.Put("records", "a", "1");
  second.Put("records", "a", "2");
  first.Append(std::move(second));
  CHECK(second.empty());
  CHECK(second.bytes() == 0);
  CHECK(first.size() == 2);
  CHECK(first.bytes() == 4);
  REQUIRE(database.Commit(std::move(first)).ok());
  CHECK(*database.Get("records", "a") == "2");
}

TEST_CASE("a scan stays in its prefix and goes on after any key, there or gone") {
  TempDir dir;
  Database database = MustOpen(dir.path());
  Batch batch;
  std::vector<std::string> expected;
  for (const char* text : {"a", "aa", "b"}) {
    for (std::uint64_t number = 0; number < 5; ++number) {
      const std::string key = KeyBuilder().Text(text).Number(number * 100).Take();
      batch.Put("records", key, "x");
      if (std::string_view(text) == "a") expected.push_back(key);
    }
  }
  batch.Put("records", "\xFF\xFF", "last");
  REQUIRE(database.Commit(std::move(batch)).ok());

  const std::string prefix = KeyBuilder().Text("a").Take();
  CHECK(KeysOf(database, prefix) == expected);
  CHECK(KeysOf(database, "").size() == 16);
  CHECK(KeysOf(database, "\xFF") == std::vector<std::string>{"\xFF\xFF"});
  CHECK(KeysOf(database, "none").empty());

  std::vector<std::string> paged;
  while (true) {
    const auto page = KeysOf(database, prefix, paged.empty() ? "" : paged.back(), 2);
    if (page.empty()) break;
    paged.insert(paged.end(), page.begin(), page.end());
  }
  CHECK(paged == expected);

  CHECK(KeysOf(database, prefix, KeyBuilder().Text("a").Number(150).Take()) ==
        std::vector<std::string>(expected.begin() + 2, expected.end()));
  CHECK(KeysOf(database, prefix, "A") == expected);
  CHECK(KeysOf(database, prefix, "z").empty());
}

TEST_CASE("a cursor walks both ways and sees the store as it was") {
  TempDir dir;
  Database database = MustOpen(dir.path());
  REQUIRE(Put(database, "records", "a", "0").ok());
  for (const char* key : {"k1", "k3", "k5"}) REQUIRE(Put(database, "records", key, key).ok());
  REQUIRE(Put(database, "records", "z", "0").ok());
  const auto cursor = database.NewCursor("records", "k");
  REQUIRE(Put(database, "records", "k4", "later").ok());

  CHECK_FALSE(cursor->Valid());
  cursor->SeekToLast();
  REQUIRE(cursor->Valid());
  CHECK(cursor->key() == "k5");
  cursor->Prev();
  CHECK(cursor->key() == "k3");
  CHECK(cursor->value() == "k3");
  cursor->Seek("k2");
  CHECK(cursor->key() == "k3");
  cursor->Seek("a");
  CHECK(cursor->key() == "k1");
  cursor->Prev();
  CHECK_FALSE(cursor->Valid());
  cursor->Seek("k6");
  CHECK_FALSE(cursor->Valid());
  CHECK(cursor->status().ok());
}

TEST_CASE("what was committed is there after kill -9, without any closing") {
  TempDir dir;
  StoreChild child("commit", dir / "s");
  std::uint64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    const auto number = child.Next();
    REQUIRE(number.has_value());
    last = *number;
  }
  child.Kill();
  while (const auto number = child.Next()) last = *number;

  const Database database = MustOpen(dir / "s");
  for (std::uint64_t i = 0; i <= last; ++i) {
    const std::string key = KeyBuilder().Number(i).Take();
    REQUIRE(database.Get("records", key).ok());
    REQUIRE(*database.Get("pictures", key) == std::string(2000, 'p'));
  }
  const std::string after = KeyBuilder().Number(last + 2).Take();
  CHECK(absl::IsNotFound(database.Get("records", after).status()));
}

TEST_CASE("a store keeps its content over closing, and column families may be added") {
  TempDir dir;
  {
    Database database = MustOpen(dir.path());
    REQUIRE(Put(database, "records", "a", "1").ok());
    Database moved = std::move(database);
    REQUIRE(Put(moved, "pictures", "a", std::string(5000, 'p')).ok());
  }
  Database::Options options = TwoFamilies();
  options.column_families.push_back({.name = "added"});
  auto database = Database::Open(dir.path(), options);
  REQUIRE(database.ok());
  CHECK(*database->Get("records", "a") == "1");
  CHECK(*database->Get("pictures", "a") == std::string(5000, 'p'));
  CHECK(Put(*database, "added", "a", "1").ok());
}

TEST_CASE("a store that this process has open already is refused") {
  TempDir dir;
  const Database database = MustOpen(dir.path());
  const absl::Status status = Database::Open(dir.path(), TwoFamilies()).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(std::string(status.message()).find("has it open") != std::string::npos);
}

TEST_CASE("a store held by another process is refused with what to do") {
  TempDir dir;
  StoreChild child("hold", dir.path());
  REQUIRE(child.Next().has_value());
  const absl::Status refused = Database::Open(dir.path(), TwoFamilies()).status();
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK(refused.message() == Concat("cannot open the store ", dir.path(),
                                    ": another process has it open; stop that one, or choose "
                                    "another folder"));
  child.Kill();
  CHECK(Database::Open(dir.path(), TwoFamilies()).ok());
}

TEST_CASE("a file where the store should be is refused and stays") {
  TempDir dir;
  REQUIRE(proofline::base::WriteFileDurably(dir / "f", "mine").ok());
  for (const fs::path& path : {dir / "f", dir / "f" / "store"}) {
    const absl::Status status = Database::Open(path, TwoFamilies()).status();
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(std::string(status.message()).starts_with(Concat("cannot open the store ", path, ": ")));
  }
  CHECK(*proofline::base::ReadFile(dir / "f", 100) == "mine");
}

TEST_CASE("a store of another user is refused as such") {
  TempDir dir;
  { MustOpen(dir / "s"); }
  fs::permissions(dir / "s", fs::perms::owner_read | fs::perms::owner_exec);
  fs::permissions(dir.path(), fs::perms::all);
  const pid_t child = ::fork();
  if (child == 0) {
    // Permissions do not bind root, so give that up first.
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(1);
    const absl::Status status = Database::Open(dir / "s", TwoFamilies()).status();
    const absl::Status above = Database::Open(dir / "s" / "inner", TwoFamilies()).status();
    ::_exit(absl::IsPermissionDenied(status) && absl::IsPermissionDenied(above) ? 7 : 2);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  fs::permissions(dir / "s", fs::perms::owner_all);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 7));
}

TEST_CASE("a damaged store is refused, told from other troubles, and left as it is") {
  TempDir dir;
  {
    Database database = MustOpen(dir / "s");
    REQUIRE(Put(database, "records", "a", "1").ok());
  }
  const auto damaged = [&] {
    const absl::Status status = Database::Open(dir / "s", TwoFamilies()).status();
    CHECK(absl::IsDataLoss(status));
    const std::string message(status.message());
    INFO(message);
    CHECK(message.starts_with(Concat("cannot open the store ", dir / "s", ": it is damaged")));
    CHECK(message.ends_with("move the folder away and restore a backup in its place"));
  };
  SECTION("the manifest is overwritten") {
    Overwrite(FileOf(dir / "s", "MANIFEST-", ""), 0, std::string(64, '\xAA'));
    damaged();
  }
  SECTION("CURRENT names nothing") {
    Overwrite(dir / "s" / "CURRENT", 0, "MANIFEST-999999\n");
    damaged();
  }
  SECTION("CURRENT is empty") {
    fs::resize_file(dir / "s" / "CURRENT", 0);
    damaged();
  }
  SECTION("CURRENT is gone") {
    const auto before = std::distance(fs::directory_iterator(dir / "s"), fs::directory_iterator());
    fs::remove(dir / "s" / "CURRENT");
    damaged();
    CHECK(std::distance(fs::directory_iterator(dir / "s"), fs::directory_iterator()) == before - 1);
  }
}

TEST_CASE("a store with a column family nobody knows is one of a newer version") {
  TempDir dir;
  { MustOpen(dir.path()); }
  const absl::Status status =
      Database::Open(dir.path(), {.column_families = {{.name = "records"}}}).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(std::string(status.message()).find("newer version") != std::string::npos);
}

TEST_CASE("a disk that refuses a commit is told, and nothing acknowledged is lost") {
  TempDir dir;
  CHECK(StoreChild("refusing-disk", dir / "s").Wait() == 7);
  Database database = MustOpen(dir / "s");
  CHECK(*database.Get("records", "before") == "1");
  CHECK(Put(database, "records", "after", "1").ok());
}

TEST_CASE("a full disk fails commits with a sentence, and they go on once there is room") {
  constexpr int kCannotMount = 77;
  TempDir dir;
  const int result = StoreChild("full-disk", dir.path()).Wait();
  if (result == kCannotMount) {
    WARN("not tested: this machine does not let us mount a small file system");
  } else {
    CHECK(result == 7);
  }
}

TEST_CASE("large values go to blob files, small ones do not") {
  TempDir dir;
  {
    Database database = MustOpen(dir.path());
    REQUIRE(Put(database, "pictures", "small", std::string(1000, 's')).ok());
    REQUIRE(Put(database, "records", "large", std::string(100'000, 'l')).ok());
  }
  // Opening replays the log into tables, as every start after a crash does.
  { MustOpen(dir.path()); }
  for (const auto& entry : fs::directory_iterator(dir.path())) {
    CHECK(entry.path().extension() != ".blob");
  }
  {
    Database database = MustOpen(dir.path());
    REQUIRE(Put(database, "pictures", "large", std::string(100'000, 'l')).ok());
  }
  { MustOpen(dir.path()); }
  CHECK(fs::file_size(FileOf(dir.path(), "", ".blob")) > 100'000);
  const Database database = MustOpen(dir.path());
  CHECK(*database.Get("pictures", "large") == std::string(100'000, 'l'));
  CHECK(*database.Get("pictures", "small") == std::string(1000, 's'));
}

TEST_CASE("a copy holds what the store held at that moment, blobs included, and can be opened") {
  TempDir dir;
  Database database = MustOpen(dir / "store");
  REQUIRE(Put(database, "records", "before", "1").ok());
  REQUIRE(Put(database, "pictures", "large", std::string(100'000, 'l')).ok());
  REQUIRE(database.CopyTo(dir / "copy").ok());
  REQUIRE(Put(database, "records", "after", "2").ok());
  CHECK(absl::IsAlreadyExists(database.CopyTo(dir / "copy")));

  const Database copy = MustOpen(dir / "copy");
  CHECK(*copy.Get("records", "before") == "1");
  CHECK(*copy.Get("pictures", "large") == std::string(100'000, 'l'));
  CHECK(absl::IsNotFound(copy.Get("records", "after").status()));
  CHECK(*database.Get("records", "after") == "2");
}
