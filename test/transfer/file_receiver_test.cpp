#include "lib/transfer/file_receiver.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/file.h"
#include "lib/transfer/disk_calls.h"
#include "lib/transfer/file_sender.h"
#include "test/catch.h"
#include "test/temp_dir.h"
#include "test/transfer/bytes.h"

namespace proofline::transfer {
namespace {

constexpr std::uint64_t kAll = 64 << 20;

struct Delivery {
  explicit Delivery(std::size_t size, unsigned seed = 1)
      : bytes(RandomBytes(size, seed)), digest(base::Sha256Of(bytes)) {}

  std::int64_t size() const { return static_cast<std::int64_t>(bytes.size()); }
  absl::StatusOr<FileReceiver> Open(const FileReceiver::Options& options = {}) const {
    return FileReceiver::Open(dir.path(), digest, size(), options);
  }
  // From where the receiver is to the end, or to `end`.
  absl::Status Send(FileReceiver& receiver, std::int64_t end = INT64_MAX) const {
    for (std::int64_t at = receiver.written_bytes(); at < std::min(end, size());) {
      const auto piece = static_cast<std::size_t>(
          std::min<std::int64_t>({std::int64_t{1000}, size() - at, end - at}));
      absl::Status status =
          receiver.Write(at, std::string_view(bytes).substr(static_cast<std::size_t>(at), piece));
      if (!status.ok()) return status;
      at += static_cast<std::int64_t>(piece);
    }
    return absl::OkStatus();
  }
  std::filesystem::path file() const { return FileReceiver::FilePath(dir.path(), digest); }
  std::filesystem::path part() const { return FileReceiver::PartPath(dir.path(), digest); }
  bool Arrived() const {
    const auto content = base::ReadFile(file(), kAll);
    return content.ok() && *content == bytes && !std::filesystem::exists(part());
  }

  test::TempDir dir;
  std::string bytes;
  base::Digest digest;
};

}  // namespace

TEST_CASE("a file arrives whole under its digest") {
  const Delivery delivery(100'000);
  auto receiver = delivery.Open();
  REQUIRE(receiver.ok());
  CHECK(receiver->committed_bytes() == 0);
  REQUIRE(delivery.Send(*receiver).ok());
  CHECK(receiver->committed_bytes() == delivery.size());
  CHECK_FALSE(std::filesystem::exists(delivery.file()));
  REQUIRE(receiver->Finish().ok());
  CHECK(receiver->complete());
  CHECK(receiver->Finish().ok());
  CHECK(delivery.Arrived());

  auto again = delivery.Open();
  REQUIRE(again.ok());
  CHECK(again->complete());
  CHECK(again->committed_bytes() == delivery.size());
  CHECK(again->Finish().ok());
  CHECK(delivery.Arrived());
}

TEST_CASE("an empty file arrives too") {
  const Delivery delivery(0);
  auto receiver = delivery.Open();
  REQUIRE(receiver.ok());
  REQUIRE(receiver->Finish().ok());
  CHECK(delivery.Arrived());
}

TEST_CASE("breaks at random offsets lose nothing and send nothing twice that was committed") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const Delivery delivery(60'000 + seed * 777, seed);
    const std::filesystem::path original = delivery.dir / "original";
    REQUIRE(base::WriteFileDurably(original, delivery.bytes).ok());
    std::minstd_rand random(seed);
    FileReceiver::Options options;
    options.sync_bytes = 10'000;
    std::int64_t committed = 0;
    int breaks = 0;
    for (bool whole = false; !whole;) {
      auto receiver = delivery.Open(options);
      REQUIRE(receiver.ok());
      CHECK(receiver->committed_bytes() >= committed);
      auto sender = FileSender::Open(original, delivery.size(), 20'000);
      REQUIRE(sender->Rewind(receiver->committed_bytes()).ok());
      auto left = static_cast<int>(random() % 12);
      while (!sender->all_acknowledged() && left-- > 0) {
        const auto chunk = sender->Next(1 + random() % 5000);
        REQUIRE(chunk.ok());
        if (chunk->has_value()) {
          REQUIRE(receiver->Write((*chunk)->offset, (*chunk)->bytes).ok());
        }
        REQUIRE(sender->Acknowledge(receiver->committed_bytes()).ok());
      }
      committed = receiver->committed_bytes();
      whole = sender->all_acknowledged();
      if (whole) REQUIRE(receiver->Finish().ok());
      ++breaks;
    }
    CHECK(breaks > 1);
    CHECK(delivery.Arrived());
  }
}

TEST_CASE("bytes at a wrong offset change nothing and answer where to go on") {
  const Delivery delivery(10'000);
  auto receiver = delivery.Open();
  REQUIRE(delivery.Send(*receiver, 4000).ok());
  CHECK(receiver->committed_bytes() == 0);
  for (const std::int64_t offset :
       {std::int64_t{0}, std::int64_t{3999}, std::int64_t{4001}, std::int64_t{-1}, INT64_MAX}) {
    INFO(offset);
    CHECK(absl::IsOutOfRange(receiver->Write(offset, "xxxx")));
    CHECK(receiver->committed_bytes() == 4000);
    CHECK(receiver->written_bytes() == 4000);
  }
  REQUIRE(delivery.Send(*receiver).ok());
  CHECK(receiver->Finish().ok());
  CHECK(delivery.Arrived());
}

TEST_CASE("more bytes than announced are refused, and fewer do not finish") {
  const Delivery delivery(1000);
  auto receiver = delivery.Open();
  REQUIRE(delivery.Send(*receiver, 999).ok());
  CHECK(absl::IsFailedPrecondition(receiver->Finish()));
  CHECK(absl::IsInvalidArgument(receiver->Write(999, "xx")));
  REQUIRE(delivery.Send(*receiver).ok());
  CHECK(receiver->Finish().ok());
  CHECK(absl::IsInvalidArgument(receiver->Write(1000, "x")));
  CHECK(delivery.Arrived());
}

TEST_CASE("bytes of another digest are thrown away, and the file can come anew") {
  const Delivery delivery(5000);
  {
    auto receiver = delivery.Open();
    std::string wrong = delivery.bytes;
    wrong[2500] = static_cast<char>(wrong[2500] ^ 1);
    REQUIRE(receiver->Write(0, wrong).ok());
    CHECK(absl::IsDataLoss(receiver->Finish()));
    CHECK(absl::IsDataLoss(receiver->Finish()));
    CHECK(absl::IsDataLoss(receiver->Write(5000, "")));
    CHECK_FALSE(std::filesystem::exists(delivery.part()));
    CHECK_FALSE(std::filesystem::exists(delivery.file()));
  }
  auto receiver = delivery.Open();
  CHECK(receiver->committed_bytes() == 0);
  REQUIRE(delivery.Send(*receiver).ok());
  CHECK(receiver->Finish().ok());
  CHECK(delivery.Arrived());
}

TEST_CASE("a part that was damaged between two receivers is found at the end") {
  const Delivery delivery(5000);
  {
    auto receiver = delivery.Open();
    REQUIRE(delivery.Send(*receiver, 3000).ok());
  }
  std::string part = base::ReadFile(delivery.part(), kAll).value();
  part[100] = static_cast<char>(part[100] ^ 1);
  REQUIRE(base::WriteFileDurably(delivery.part(), part).ok());
  auto receiver = delivery.Open();
  CHECK(receiver->committed_bytes() == 3000);
  REQUIRE(delivery.Send(*receiver).ok());
  CHECK(absl::IsDataLoss(receiver->Finish()));
  CHECK(delivery.Open()->committed_bytes() == 0);
}

TEST_CASE("a part longer than the file begins anew") {
  const Delivery delivery(1000);
  REQUIRE(base::WriteFileDurably(delivery.part(), std::string(2000, 'x')).ok());
  auto receiver = delivery.Open();
  CHECK(receiver->committed_bytes() == 0);
  REQUIRE(delivery.Send(*receiver).ok());
  CHECK(receiver->Finish().ok());
}

TEST_CASE("two receivers of one file are refused, of two files are not") {
  const Delivery delivery(1000);
  const base::Digest other = base::Sha256Of("other");
  auto first = delivery.Open();
  REQUIRE(first.ok());
  const auto second = delivery.Open();
  CHECK(absl::IsAborted(second.status()));
  CHECK(absl::IsAborted(FileReceiver::RemovePart(delivery.dir.path(), delivery.digest)));
  CHECK(FileReceiver::Open(delivery.dir.path(), other, 5).ok());
  FileReceiver moved = *std::move(first);
  CHECK(absl::IsAborted(delivery.Open().status()));
  moved = *FileReceiver::Open(delivery.dir.path(), other, 5);
  CHECK(delivery.Open().ok());
}

TEST_CASE("many threads that want the same file: one at a time has it, and it arrives once") {
  const Delivery delivery(50'000);
  std::atomic<int> finished = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (true) {
        auto receiver = delivery.Open();
        if (absl::IsAborted(receiver.status())) {
          std::this_thread::yield();
          continue;
        }
        if (!receiver.ok()) break;
        if (delivery.Send(*receiver).ok() && receiver->Finish().ok()) ++finished;
        break;
      }
    });
  }
  threads.clear();
  CHECK(finished == 4);
  CHECK(delivery.Arrived());
}

TEST_CASE("what is no longer wanted is removed, what is complete is not") {
  const Delivery delivery(1000);
  {
    auto begun = delivery.Open();
    REQUIRE(delivery.Send(*begun, 500).ok());
  }
  CHECK(std::filesystem::exists(delivery.part()));
  CHECK(FileReceiver::RemovePart(delivery.dir.path(), delivery.digest).ok());
  CHECK_FALSE(std::filesystem::exists(delivery.part()));
  CHECK(FileReceiver::RemovePart(delivery.dir.path(), delivery.digest).ok());
  auto receiver = delivery.Open();
  REQUIRE(delivery.Send(*receiver).ok());
  REQUIRE(receiver->Finish().ok());
  CHECK(FileReceiver::RemovePart(delivery.dir.path(), delivery.digest).ok());
  CHECK(delivery.Arrived());
}

TEST_CASE("sizes and folders that cannot be are refused") {
  const Delivery delivery(1000);
  CHECK(absl::IsInvalidArgument(
      FileReceiver::Open(delivery.dir.path(), delivery.digest, -1).status()));
  CHECK(absl::IsNotFound(FileReceiver::Open(delivery.dir / "none", delivery.digest, 1).status()));
  auto receiver = delivery.Open();
  REQUIRE(delivery.Send(*receiver).ok());
  REQUIRE(receiver->Finish().ok());
  CHECK(absl::IsInvalidArgument(
      FileReceiver::Open(delivery.dir.path(), delivery.digest, 999).status()));
  const base::Digest link = base::Sha256Of("link");
  std::filesystem::create_symlink("/etc/passwd", FileReceiver::PartPath(delivery.dir.path(), link));
  CHECK_FALSE(FileReceiver::Open(delivery.dir.path(), link, 10).ok());
}

TEST_CASE("a disk without room refuses before the first byte") {
  const Delivery delivery(100'000);
  FaultyDiskCalls disk;
  FileReceiver::Options options;
  options.disk = &disk;
  options.reserve_bytes = 1000;
  disk.free_bytes = 100'999;
  const auto refused = delivery.Open(options);
  CHECK(absl::IsResourceExhausted(refused.status()));
  CHECK_FALSE(std::filesystem::exists(delivery.part()));
  disk.free_bytes = 101'000;
  auto receiver = delivery.Open(options);
  REQUIRE(receiver.ok());
  REQUIRE(delivery.Send(*receiver, 60'000).ok());
  receiver = absl::UnknownError("closed");
  // Only the rest needs room.
  disk.free_bytes = 41'000;
  CHECK(delivery.Open(options).ok());
  disk.free_bytes = 40'999;
  CHECK(absl::IsResourceExhausted(delivery.Open(options).status()));
}

TEST_CASE("a disk that fills up loses nothing that was committed") {
  const Delivery delivery(100'000);
  FaultyDiskCalls disk;
  disk.writable_bytes = 54'321;
  disk.write_error = ENOSPC;
  FileReceiver::Options options;
  options.disk = &disk;
  options.sync_bytes = 20'000;
  std::int64_t committed = 0;
  {
    auto receiver = delivery.Open(options);
    const absl::Status full = delivery.Send(*receiver);
    CHECK(absl::IsResourceExhausted(full));
    committed = receiver->committed_bytes();
    CHECK(committed == 40'000);
    CHECK(receiver->Write(receiver->written_bytes(), "x") == full);
    CHECK(receiver->Sync() == full);
    CHECK(receiver->Finish() == full);
  }
  disk.writable_bytes = UINT64_MAX;
  auto receiver = delivery.Open(options);
  REQUIRE(receiver.ok());
  CHECK(receiver->committed_bytes() >= committed);
  REQUIRE(delivery.Send(*receiver).ok());
  CHECK(receiver->Finish().ok());
  CHECK(delivery.Arrived());
}

TEST_CASE("a sync that fails commits nothing, and the bytes come again") {
  const Delivery delivery(100'000);
  FaultyDiskCalls disk;
  FileReceiver::Options options;
  options.disk = &disk;
  {
    auto receiver = delivery.Open(options);
    REQUIRE(delivery.Send(*receiver, 30'000).ok());
    REQUIRE(receiver->Sync().ok());
    REQUIRE(delivery.Send(*receiver, 70'000).ok());
    disk.sync_error = EIO;
    CHECK(absl::IsDataLoss(receiver->Sync()));
    CHECK(receiver->committed_bytes() == 30'000);
    CHECK_FALSE(delivery.Send(*receiver).ok());
  }
  CHECK_FALSE(delivery.Open(options).ok());
  disk.sync_error = 0;
  auto receiver = delivery.Open(options);
  CHECK(receiver->committed_bytes() == 30'000);
  REQUIRE(delivery.Send(*receiver).ok());
  CHECK(receiver->Finish().ok());
  CHECK(delivery.Arrived());
}

TEST_CASE("a file system that is really full is no different") {
  const test::TempDir dir;
  if (::mount("tmpfs", dir.path().c_str(), "tmpfs", 0, "size=256k") != 0) {
    WARN("this user may not mount a small file system; the case is covered by injected faults");
    return;
  }
  const std::string bytes = RandomBytes(200'000);
  const base::Digest digest = base::Sha256Of(bytes);
  {
    auto receiver = FileReceiver::Open(dir.path(), digest, 200'000);
    CHECK(receiver.ok());
    CHECK(receiver->Write(0, std::string_view(bytes).substr(0, 50'000)).ok());
    CHECK(receiver->Sync().ok());
    // Another program takes the rest.
    CHECK(base::WriteFileDurably(dir / "other", std::string(150'000, 'x')).ok());
    CHECK(
        absl::IsResourceExhausted(receiver->Write(50'000, std::string_view(bytes).substr(50'000))));
    CHECK(receiver->committed_bytes() == 50'000);
  }
  CHECK(absl::IsResourceExhausted(FileReceiver::Open(dir.path(), digest, 200'000).status()));
  std::filesystem::remove(dir / "other");
  {
    auto receiver = FileReceiver::Open(dir.path(), digest, 200'000);
    CHECK(receiver.ok());
    const auto at = static_cast<std::size_t>(receiver->committed_bytes());
    CHECK(at >= 50'000);
    CHECK(receiver->Write(receiver->committed_bytes(), std::string_view(bytes).substr(at)).ok());
    CHECK(receiver->Finish().ok());
  }
  CHECK(base::ReadFile(dir / digest.hex(), kAll).value() == bytes);
  CHECK(::umount(dir.path().c_str()) == 0);
}

TEST_CASE("a limit on file sizes is a full disk to the sender") {
  const Delivery delivery(100'000);
  struct rlimit old = {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small = {50'000, old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  absl::Status status;
  {
    auto receiver = delivery.Open();
    status = delivery.Send(*receiver);
  }
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  CHECK(absl::IsResourceExhausted(status));
  auto receiver = delivery.Open();
  CHECK(receiver->committed_bytes() == 50'000);
  REQUIRE(delivery.Send(*receiver).ok());
  CHECK(receiver->Finish().ok());
  CHECK(delivery.Arrived());
}

}  // namespace proofline::transfer
