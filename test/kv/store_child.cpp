// The other process of the store tests: `kv_store_child WHAT FOLDER`. See child.h.
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "lib/kv/committer.h"
#include "lib/kv/database.h"
#include "lib/kv/key.h"

namespace {

namespace fs = std::filesystem;
using proofline::kv::Batch;
using proofline::kv::Committer;
using proofline::kv::Database;
using proofline::kv::KeyBuilder;

// Exit codes the tests know.
constexpr int kGood = 7;
constexpr int kCannotMount = 77;

Database::Options TwoFamilies() {
  return {.cache_bytes = 8 << 20,
          .column_families = {{.name = "records"}, {.name = "pictures", .blob_files = true}}};
}

absl::Status Put(Database& database, std::string_view key, std::string value) {
  Batch batch;
  batch.Put("records", key, std::move(value));
  return database.Commit(std::move(batch));
}

bool Tell(std::uint64_t number) {
  return ::write(STDOUT_FILENO, &number, sizeof(number)) == sizeof(number);
}

// Commits numbered records and pictures for ever, telling each one that is durable.
int CommitForEver(Database& database) {
  for (std::uint64_t i = 0;; ++i) {
    const std::string key = KeyBuilder().Number(i).Take();
    Batch batch;
    batch.Put("records", key, "r");
    batch.Put("pictures", key, std::string(2000, 'p'));
    if (!database.Commit(std::move(batch)).ok() || !Tell(i)) return 1;
  }
}

// The same through a committer, records alone.
int SubmitForEver(Database& database) {
  Committer committer(database);
  for (std::uint64_t i = 0;; ++i) {
    Batch batch;
    batch.Put("records", KeyBuilder().Number(i).Take(), "r");
    committer.Submit(std::move(batch), [i](const absl::Status& status) {
      if (!status.ok() || !Tell(i)) ::_exit(1);
    });
  }
}

int Hold() {
  Tell(0);
  while (true) ::pause();
}

// A disk that refuses to write, for another reason than being full.
int MeetRefusingDisk(Database& database) {
  ::signal(SIGXFSZ, SIG_IGN);
  if (!Put(database, "before", "1").ok()) return 1;
  const rlimit small{20'000, 20'000};
  ::setrlimit(RLIMIT_FSIZE, &small);
  // More than RocksDB has set aside for its log.
  if (!absl::IsUnavailable(Put(database, "big", std::string(4'000'000, 'x')))) return 2;
  if (Put(database, "small", "1").ok()) return 3;
  const auto before = database.Get("records", "before");
  return before.ok() && *before == "1" ? kGood : 4;
}

// The store leaves `reserve` bytes free; with none it meets the full disk itself.
int FillAndGoOn(const fs::path& folder, std::uint64_t reserve) {
  Database::Options options = TwoFamilies();
  options.reserve_bytes = reserve;
  {
    auto database = Database::Open(folder, options);
    if (!database.ok() || !Put(*database, "before", "1").ok()) return 1;
    {
      std::ofstream filler(folder / "filler");
      while (filler << std::string(4096, 'f') << std::flush) {
      }
    }
    for (int i = 0; i < 3; ++i) {
      if (!absl::IsResourceExhausted(Put(*database, "big", std::string(4'000'000, 'x')))) return 2;
    }
    if (!database->Get("records", "before").ok()) return 3;
    fs::remove(folder / "filler");
    if (!Put(*database, "after", "1").ok()) return 4;
    if (!Put(*database, "big", std::string(4'000'000, 'x')).ok()) return 5;
  }
  const auto database = Database::Open(folder, options);
  if (!database.ok()) return 6;
  for (const char* key : {"before", "after", "big"}) {
    if (!database->Get("records", key).ok()) return 8;
  }
  return kGood;
}

// A disk that is full for a while: a small file system of this process's own, which goes with it.
int MeetFullDisk(const fs::path& folder) {
  if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return kCannotMount;
  }
  // Unless the tree is private the mount would show outside.
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", folder.c_str(), "tmpfs", 0, "size=40m") != 0) {
    return kCannotMount;
  }
  for (const std::uint64_t reserve : {std::uint64_t{8} << 20, std::uint64_t{0}}) {
    const int result = FillAndGoOn(folder / std::to_string(reserve), reserve);
    if (result != kGood) return result;
  }
  return kGood;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string_view what = argv[1];
  const fs::path folder = argv[2];
  if (what == "full-disk") return MeetFullDisk(folder);
  auto database = Database::Open(folder, TwoFamilies());
  if (!database.ok()) return 1;
  if (what == "commit") return CommitForEver(*database);
  if (what == "submit") return SubmitForEver(*database);
  if (what == "hold") return Hold();
  if (what == "refusing-disk") return MeetRefusingDisk(*database);
  return 2;
}
