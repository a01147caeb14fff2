#include "lib/kv/committer.h"

#include <atomic>
#include <cstdint>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "lib/kv/key.h"
#include "test/catch.h"
#include "test/kv/child.h"
#include "test/temp_dir.h"

using namespace proofline::kv;
using proofline::test::StoreChild;
using proofline::test::TempDir;

namespace {

Database MustOpen(const std::filesystem::path& path) {
  auto database =
      Database::Open(path, {.cache_bytes = 8 << 20, .column_families = {{.name = "records"}}});
  if (!database.ok()) FAIL(database.status().ToString());
  return *std::move(database);
}

Batch PutOf(std::string_view key, std::string value) {
  Batch batch;
  batch.Put("records", key, std::move(value));
  return batch;
}

// Holds the committer's thread inside a callback until it is opened.
class Gate {
 public:
  Committer::Callback Callback() {
    return [this](const absl::Status&) {
      reached_.set_value();
      opened_.get_future().wait();
    };
  }
  void WaitUntilReached() { reached_.get_future().wait(); }
  void Open() { opened_.set_value(); }

 private:
  std::promise<void> reached_;
  std::promise<void> opened_;
};

}  // namespace

TEST_CASE("a commit that has returned can be read and survives reopening") {
  TempDir dir;
  {
    Database database = MustOpen(dir.path());
    Committer committer(database);
    REQUIRE(committer.Commit(PutOf("a", "1")).ok());
    CHECK(*database.Get("records", "a") == "1");
    CHECK(committer.Commit(Batch()).ok());
  }
  CHECK(*MustOpen(dir.path()).Get("records", "a") == "1");
}

TEST_CASE("batches waiting together become one write, applied in the order of submission") {
  TempDir dir;
  Database database = MustOpen(dir.path());
  Gate gate;
  std::vector<int> done;
  {
    Committer committer(database);
    committer.Submit(PutOf("first", "1"), gate.Callback());
    gate.WaitUntilReached();
    for (int i = 0; i < 100; ++i) {
      committer.Submit(PutOf("same", std::to_string(i)), [&done, i](const absl::Status& status) {
        if (status.ok()) done.push_back(i);
      });
    }
    CHECK(committer.writes() == 1);
    gate.Open();
    committer.Stop();
    CHECK(committer.writes() == 2);
  }
  REQUIRE(done.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(done[static_cast<std::size_t>(i)] == i);
  CHECK(*database.Get("records", "same") == "99");
}

TEST_CASE("one write takes no more bytes than allowed, but always one batch") {
  TempDir dir;
  Database database = MustOpen(dir.path());
  Gate gate;
  Committer committer(database, {.max_write_bytes = 1000});
  committer.Submit(PutOf("first", "1"), gate.Callback());
  gate.WaitUntilReached();
  const auto nothing = [](const absl::Status&) {};
  for (int i = 0; i < 4; ++i) committer.Submit(PutOf("k", std::string(499, 'x')), nothing);
  committer.Submit(PutOf("k", std::string(5000, 'x')), nothing);
  gate.Open();
  committer.Stop();
  CHECK(committer.writes() == 1 + 2 + 1);
}

TEST_CASE("many threads: each one's batches in its order, all there, callbacks in order too") {
  constexpr int kThreads = 8;
  constexpr int kEach = 200;
  TempDir dir;
  std::vector<int> next(kThreads, 0);
  bool in_order = true;
  std::uint64_t writes = 0;
  {
    Database database = MustOpen(dir.path());
    Committer committer(database, {.max_batches = 16});
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
          for (int i = 0; i < kEach; ++i) {
            const auto key = KeyBuilder()
                                 .Number(static_cast<std::uint64_t>(t))
                                 .Number(static_cast<std::uint64_t>(i))
                                 .Take();
            Batch batch = PutOf(key, "x");
            batch.Put("records", "last" + std::to_string(t), std::to_string(i));
            // Only the committer's thread calls back, so `next` needs no lock.
            committer.Submit(std::move(batch), [&, t, i](const absl::Status& status) {
              int& expected = next[static_cast<std::size_t>(t)];
              in_order = in_order && status.ok() && expected == i;
              expected = i + 1;
            });
          }
        });
      }
    }
    committer.Stop();
    writes = committer.writes();
  }
  CHECK(in_order);
  CHECK(writes <= kThreads * kEach);
  const Database database = MustOpen(dir.path());
  for (int t = 0; t < kThreads; ++t) {
    CHECK(next[static_cast<std::size_t>(t)] == kEach);
    CHECK(*database.Get("records", "last" + std::to_string(t)) == std::to_string(kEach - 1));
    std::size_t count = 0;
    REQUIRE(database
                .Scan("records", KeyBuilder().Number(static_cast<std::uint64_t>(t)).Take(), "",
                      [&](std::string_view, std::string_view) { return ++count > 0; })
                .ok());
    CHECK(count == kEach);
  }
}

TEST_CASE("a full committer refuses a try untouched, and a stop ends waiting for room") {
  TempDir dir;
  Database database = MustOpen(dir.path());
  Gate gate;
  Committer committer(database, {.max_batches = 1});
  committer.Submit(PutOf("first", "1"), gate.Callback());
  gate.WaitUntilReached();
  std::atomic<int> called{0};
  Committer::Callback count = [&](const absl::Status& status) { called += status.ok() ? 1 : 100; };
  Batch batch = PutOf("second", "1");
  REQUIRE(committer.TrySubmit(std::move(batch), Committer::Callback(count)));
  batch = PutOf("third", "1");
  CHECK_FALSE(committer.TrySubmit(std::move(batch), std::move(count)));
  CHECK(batch.size() == 1);
  CHECK(count != nullptr);

  std::stop_source stop;
  std::promise<absl::Status> answer;
  {
    std::jthread submitter([&] {
      committer.Submit(
          PutOf("fourth", "1"), [&](const absl::Status& s) { answer.set_value(s); },
          stop.get_token());
    });
    stop.request_stop();
  }
  CHECK(absl::IsCancelled(answer.get_future().get()));
  gate.Open();
  committer.Stop();
  CHECK(called == 1);
  CHECK(database.Get("records", "second").ok());
  CHECK(absl::IsNotFound(database.Get("records", "third").status()));
  CHECK(absl::IsNotFound(database.Get("records", "fourth").status()));
}

TEST_CASE("a stopped committer takes nothing more and says so") {
  TempDir dir;
  Database database = MustOpen(dir.path());
  Committer committer(database);
  committer.Stop();
  committer.Stop();
  CHECK(absl::IsCancelled(committer.Commit(PutOf("a", "1"))));
  CHECK_FALSE(committer.TrySubmit(PutOf("a", "1"), [](const absl::Status&) {}));
  CHECK(absl::IsNotFound(database.Get("records", "a").status()));
}

TEST_CASE("what waits when the committer goes is written first") {
  TempDir dir;
  Database database = MustOpen(dir.path());
  int called = 0;
  {
    Committer committer(database);
    for (int i = 0; i < 50; ++i) {
      committer.Submit(PutOf(std::to_string(i), "1"),
                       [&](const absl::Status& status) { called += status.ok() ? 1 : 100; });
    }
  }
  CHECK(called == 50);
}

TEST_CASE("a batch larger than the limit is taken when nothing else waits") {
  TempDir dir;
  Database database = MustOpen(dir.path());
  Committer committer(database, {.max_bytes = 10});
  CHECK(committer.Commit(PutOf("large", std::string(1000, 'x'))).ok());
}

TEST_CASE("everything a committer has acknowledged is there after kill -9") {
  TempDir dir;
  StoreChild child("submit", dir.path());
  std::uint64_t last = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto number = child.Next();
    REQUIRE(number.has_value());
    REQUIRE(*number == static_cast<std::uint64_t>(i));
    last = *number;
  }
  child.Kill();
  while (const auto number = child.Next()) last = *number;

  const auto database =
      Database::Open(dir.path(), {.column_families = {{.name = "records"}, {.name = "pictures"}}});
  REQUIRE(database.ok());
  for (std::uint64_t i = 0; i <= last; ++i) {
    REQUIRE(database->Get("records", KeyBuilder().Number(i).Take()).ok());
  }
}
