#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

#include "lib/base/file.h"
#include "lib/transfer/file_receiver.h"
#include "test/catch.h"
#include "test/temp_dir.h"
#include "test/transfer/bytes.h"

namespace proofline::transfer {
namespace {

constexpr std::int64_t kSize = 300'000;

// Environment of the child: where to receive, which bytes, and whom to tell.
constexpr const char* kFolder = "PROOFLINE_TEST_FOLDER";
constexpr const char* kSeed = "PROOFLINE_TEST_SEED";
constexpr const char* kTold = "PROOFLINE_TEST_TOLD";

// Receives, and tells through the pipe what was committed after each step, so that the parent has
// a record of its own. Returns the exit code.
int Receive(const std::filesystem::path& folder, const std::string& bytes, int told) {
  FileReceiver::Options options;
  options.sync_bytes = 20'000;
  auto receiver = FileReceiver::Open(folder, base::Sha256Of(bytes), kSize, options);
  if (!receiver.ok()) return 2;
  while (receiver->written_bytes() < kSize) {
    const std::int64_t at = receiver->written_bytes();
    if (!receiver->Write(at, std::string_view(bytes).substr(static_cast<std::size_t>(at), 7000))
             .ok()) {
      return 3;
    }
    const std::int64_t committed = receiver->committed_bytes();
    if (::write(told, &committed, sizeof(committed)) != sizeof(committed)) return 4;
  }
  return receiver->Finish().ok() ? 0 : 5;
}

struct Result {
  std::int64_t committed = 0;  // the last one the child told
  bool killed = false;
  int code = -1;
};

// This program once more, as the case "[child]", which dies at `kill_point`.
Result RunChild(const std::filesystem::path& folder, unsigned seed, const std::string& kill_point) {
  int ends[2] = {-1, -1};
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const std::string told = std::to_string(ends[1]);
  const std::string seed_text = std::to_string(seed);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::setenv("PROOFLINE_KILL_POINT", kill_point.c_str(), 1);
    ::setenv(kFolder, folder.c_str(), 1);
    ::setenv(kSeed, seed_text.c_str(), 1);
    ::setenv(kTold, told.c_str(), 1);
    ::fcntl(ends[1], F_SETFD, 0);
    ::execl("/proc/self/exe", "test_transfer", "[child]", static_cast<char*>(nullptr));
    ::_exit(6);
  }
  ::close(ends[1]);
  Result result;
  std::int64_t committed = 0;
  while (::read(ends[0], &committed, sizeof(committed)) == sizeof(committed)) {
    result.committed = committed;
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  result.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
  return result;
}

}  // namespace

TEST_CASE("the process that is killed", "[.][child]") {
  const char* seed = std::getenv(kSeed);
  if (seed == nullptr) return;
  const std::string bytes = RandomBytes(kSize, static_cast<unsigned>(std::stoul(seed)));
  ::_exit(Receive(std::getenv(kFolder), bytes, std::stoi(std::getenv(kTold))));
}

TEST_CASE("a receiver killed again and again goes on where it had committed") {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    const test::TempDir dir;
    const std::string bytes = RandomBytes(kSize, seed);
    std::minstd_rand random(seed);
    std::int64_t committed = 0;
    int kills = 0;
    while (true) {
      const std::string point =
          (random() % 2 == 0 ? "transfer.receive.written:" : "transfer.receive.synced:") +
          std::to_string(1 + random() % 12);
      const Result result = RunChild(dir.path(), seed, point);
      committed = std::max(committed, result.committed);
      if (!result.killed) {
        REQUIRE(result.code == 0);
        break;
      }
      ++kills;
      auto receiver = FileReceiver::Open(dir.path(), base::Sha256Of(bytes), kSize);
      REQUIRE(receiver.ok());
      CHECK(receiver->committed_bytes() >= committed);
      REQUIRE(kills < 1000);
    }
    CHECK(kills > 0);
    CHECK(base::ReadFile(dir / base::Sha256Of(bytes).hex(), kSize).value() == bytes);
  }
}

TEST_CASE("a receiver killed around its last steps leaves a whole file or a part to finish") {
  constexpr unsigned seed = 9;
  const std::string bytes = RandomBytes(kSize, seed);
  const base::Digest digest = base::Sha256Of(bytes);
  for (const char* point : {"transfer.receive.verified", "transfer.receive.renamed"}) {
    INFO(point);
    const test::TempDir dir;
    const Result result = RunChild(dir.path(), seed, point);
    CHECK(result.killed);
    CHECK(result.committed == kSize);
    auto receiver = FileReceiver::Open(dir.path(), digest, kSize);
    REQUIRE(receiver.ok());
    CHECK(receiver->committed_bytes() == kSize);
    CHECK(receiver->Finish().ok());
    CHECK(base::ReadFile(FileReceiver::FilePath(dir.path(), digest), kSize).value() == bytes);
    CHECK_FALSE(std::filesystem::exists(FileReceiver::PartPath(dir.path(), digest)));
  }
}

}  // namespace proofline::transfer
