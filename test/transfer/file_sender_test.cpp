#include "lib/transfer/file_sender.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lib/base/file.h"
#include "test/catch.h"
#include "test/temp_dir.h"
#include "test/transfer/bytes.h"

namespace proofline::transfer {
namespace {

struct Original {
  explicit Original(std::size_t size) : bytes(RandomBytes(size)), path(dir / "original.jpg") {
    REQUIRE(base::WriteFileDurably(path, bytes, 0444).ok());
    size_bytes = static_cast<std::int64_t>(size);
  }
  test::TempDir dir;
  std::string bytes;
  std::filesystem::path path;
  std::int64_t size_bytes = 0;
};

}  // namespace

TEST_CASE("a file is sent in pieces and never further than the window") {
  const Original original(1000);
  auto sender = FileSender::Open(original.path, 1000, 300);
  REQUIRE(sender.ok());
  std::string got;
  while (!sender->all_acknowledged()) {
    const auto chunk = sender->Next(128);
    REQUIRE(chunk.ok());
    if (!chunk->has_value()) {
      CHECK((sender->in_flight_bytes() == 300 || sender->all_sent()));
      REQUIRE(sender->Acknowledge(static_cast<std::int64_t>(got.size())).ok());
      continue;
    }
    CHECK((*chunk)->offset == static_cast<std::int64_t>(got.size()));
    CHECK((*chunk)->bytes.size() <= 128);
    got += (*chunk)->bytes;
    CHECK(sender->in_flight_bytes() <= 300);
  }
  CHECK(got == original.bytes);
  CHECK(sender->CheckUnchanged().ok());
  CHECK_FALSE(sender->Next(1)->has_value());
}

TEST_CASE("a receiver that wants to go on elsewhere gets it") {
  const Original original(1000);
  auto sender = FileSender::Open(original.path, 1000, 10'000);
  REQUIRE(sender->Rewind(700).ok());
  CHECK(sender->acknowledged_bytes() == 700);
  CHECK(sender->Next(1000)->value().bytes == original.bytes.substr(700));
  REQUIRE(sender->Rewind(0).ok());
  CHECK(sender->Next(1000)->value().bytes == original.bytes);
  CHECK(absl::IsInvalidArgument(sender->Rewind(1001)));
  CHECK(absl::IsInvalidArgument(sender->Rewind(-1)));
  REQUIRE(sender->Rewind(1000).ok());
  CHECK(sender->all_acknowledged());
}

TEST_CASE("acknowledgements never go back, nor beyond what was sent") {
  const Original original(1000);
  auto sender = FileSender::Open(original.path, 1000, 500);
  REQUIRE(sender->Next(400)->has_value());
  CHECK(absl::IsInvalidArgument(sender->Acknowledge(401)));
  CHECK(sender->Acknowledge(300).ok());
  CHECK(sender->Acknowledge(100).ok());
  CHECK(sender->acknowledged_bytes() == 300);
  sender->SetWindow(0);
  CHECK_FALSE(sender->Next(10)->has_value());
  CHECK(sender->Acknowledge(400).ok());
  CHECK(sender->Next(10)->value().bytes.size() == 1);
}

TEST_CASE("a file that is not as recorded is not sent") {
  const Original original(1000);
  const auto other = FileSender::Open(original.path, 999, 500);
  CHECK(absl::IsFailedPrecondition(other.status()));
  CHECK(absl::IsNotFound(FileSender::Open(original.dir / "none", 1, 500).status()));
  CHECK(absl::IsFailedPrecondition(FileSender::Open(original.dir.path(), 1, 500).status()));
  CHECK(absl::IsFailedPrecondition(
      FileSender::Open(base::UniqueFd(::open("/dev/null", O_RDONLY)), "null", 0, 500).status()));
}

TEST_CASE("a file that changes while it is sent stops the sending") {
  const Original original(1000);
  auto sender = FileSender::Open(original.path, 1000, 10'000);
  REQUIRE(sender->Next(400)->has_value());
  SECTION("it grows") { std::ofstream(original.path, std::ios::app) << "more"; }
  SECTION("it is cut") { REQUIRE(::truncate(original.path.c_str(), 500) == 0); }
  SECTION("it is written again with the same size") {
    const struct timespec times[2] = {{1, 0}, {1, 7}};
    REQUIRE(::utimensat(AT_FDCWD, original.path.c_str(), times, 0) == 0);
  }
  const auto next = sender->Next(600);
  REQUIRE(absl::IsFailedPrecondition(next.status()));
  CHECK(std::string(next.status().message()).find("changed while it was being sent") !=
        std::string::npos);
  CHECK(absl::IsFailedPrecondition(sender->CheckUnchanged()));
  CHECK(sender->sent_bytes() == 400);
}

TEST_CASE("another file in its place does not disturb the one that is open") {
  const Original original(1000);
  auto sender = FileSender::Open(original.path, 1000, 10'000);
  REQUIRE(base::WriteFileDurably(original.path, "something else").ok());
  CHECK(sender->Next(1000)->value().bytes == original.bytes);
}

TEST_CASE("an empty file is all sent from the beginning") {
  const Original original(0);
  auto sender = FileSender::Open(original.path, 0, 100);
  REQUIRE(sender.ok());
  CHECK(sender->all_acknowledged());
  CHECK_FALSE(sender->Next(10)->has_value());
}

}  // namespace proofline::transfer
