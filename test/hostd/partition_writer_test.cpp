#include "hostd/partition_writer.h"

#include <atomic>
#include <future>
#include <thread>

#include "test/catch.h"
#include "test/temp_dir.h"

namespace proofline::host {
namespace {

constexpr std::string_view kCf = "records";

kv::Database OpenDatabase(const std::filesystem::path& path) {
  kv::Database::Options options;
  options.cache_bytes = std::uint64_t{8} << 20;
  options.column_families = {{.name = std::string(kCf), .blob_files = false}};
  auto database = kv::Database::Open(path, options);
  REQUIRE(database.ok());
  return *std::move(database);
}

// Adds one to a number kept as text.
PartitionWriter::Change AddOne(std::string key) {
  return [key = std::move(key)](Transaction& tx) {
    const auto value = tx.Get(kCf, key);
    if (!value.ok()) return value.status();
    tx.Put(kCf, key, std::to_string(std::stoi(value->value_or("0")) + 1));
    return absl::OkStatus();
  };
}

}  // namespace

TEST_CASE("Changes that read before they write never lose one another's work") {
  const proofline::test::TempDir dir;
  kv::Database database = OpenDatabase(dir / "store");
  PartitionWriter writer(database, 2);
  std::vector<std::jthread> threads;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const std::string partition = i % 2 == 0 ? "a" : "b";
      for (int n = 0; n < 100; ++n) {
        if (!writer.Run(partition, AddOne(partition)).ok()) ++failures;
      }
    });
  }
  threads.clear();
  CHECK(failures == 0);
  CHECK(database.Get(kCf, "a").value() == "200");
  CHECK(database.Get(kCf, "b").value() == "200");
}

TEST_CASE("A change that fails leaves nothing and does not disturb its neighbours") {
  const proofline::test::TempDir dir;
  kv::Database database = OpenDatabase(dir / "store");
  PartitionWriter writer(database, 1);
  // All wait behind the first one, so they become one group.
  std::promise<void> go;
  std::vector<std::future<absl::Status>> outcomes;
  const auto submit = [&](PartitionWriter::Change change) {
    auto answer = std::make_shared<std::promise<absl::Status>>();
    outcomes.push_back(answer->get_future());
    writer.Submit("a", std::move(change), [answer](absl::Status s) { answer->set_value(s); });
  };
  submit([&](Transaction& tx) {
    go.get_future().wait();
    tx.Put(kCf, "first", "1");
    return absl::OkStatus();
  });
  submit([](Transaction& tx) {
    tx.Put(kCf, "broken", "1");
    tx.Put(kCf, "first", "2");
    return absl::AlreadyExistsError("no");
  });
  submit([](Transaction& tx) {
    // Sees the first, not the second.
    const auto first = tx.Get(kCf, "first");
    tx.Put(kCf, "third", first->value_or("nothing"));
    tx.Delete(kCf, "first");
    return absl::OkStatus();
  });
  submit([](Transaction& tx) {
    tx.Put(kCf, "gone", tx.Get(kCf, "first")->has_value() ? "no" : "yes");
    return absl::OkStatus();
  });
  go.set_value();
  CHECK(outcomes[0].get().ok());
  CHECK(absl::IsAlreadyExists(outcomes[1].get()));
  CHECK(outcomes[2].get().ok());
  CHECK(outcomes[3].get().ok());
  CHECK(database.Get(kCf, "third").value() == "1");
  CHECK(database.Get(kCf, "gone").value() == "yes");
  CHECK(absl::IsNotFound(database.Get(kCf, "broken").status()));
  CHECK(absl::IsNotFound(database.Get(kCf, "first").status()));
}

TEST_CASE("Stopping runs what was submitted and refuses what comes later") {
  const proofline::test::TempDir dir;
  kv::Database database = OpenDatabase(dir / "store");
  PartitionWriter writer(database, 2);
  std::atomic<int> done = 0;
  for (int i = 0; i < 50; ++i) {
    writer.Submit("a", AddOne("n"), [&](const absl::Status& status) { done += status.ok(); });
  }
  writer.Stop();
  CHECK(done == 50);
  CHECK(database.Get(kCf, "n").value() == "50");
  CHECK(absl::IsUnavailable(writer.Run("a", AddOne("n"))));
}

}  // namespace proofline::host
