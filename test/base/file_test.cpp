#include "lib/base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>

#include "lib/base/text.h"
#include "test/catch.h"
#include "test/temp_dir.h"

using namespace proofline::base;
using proofline::test::TempDir;
namespace fs = std::filesystem;

namespace {

std::size_t FilesIn(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

mode_t ModeOf(const fs::path& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 0777;
}

// Runs `body` in a child process; returns its exit code, or -1 if it died.
template <typename Body>
int InChild(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("errno values become codes and sentences for people") {
  CHECK(ErrnoStatus(ENOENT, "cannot open /a/b").message() ==
        "cannot open /a/b: no such file or folder");
  CHECK(absl::IsNotFound(ErrnoStatus(ENOENT, "x")));
  CHECK(absl::IsPermissionDenied(ErrnoStatus(EACCES, "x")));
  CHECK(absl::IsPermissionDenied(ErrnoStatus(EROFS, "x")));
  CHECK(absl::IsResourceExhausted(ErrnoStatus(ENOSPC, "x")));
  CHECK(absl::IsAlreadyExists(ErrnoStatus(EEXIST, "x")));
  CHECK(absl::IsDataLoss(ErrnoStatus(EIO, "x")));
  CHECK(absl::IsInternal(ErrnoStatus(ENOLCK, "x")));
  CHECK(ErrnoStatus(ENOLCK, "cannot lock x").message() == "cannot lock x: No locks available");
}

TEST_CASE("what is written is read back, with any bytes in it") {
  TempDir dir;
  const std::string bytes("a\0\xFF\n", 4);
  REQUIRE(WriteFileDurably(dir / "f", bytes).ok());
  CHECK(*ReadFile(dir / "f", 4) == bytes);
  REQUIRE(WriteFileDurably(dir / "f", "").ok());
  CHECK(ReadFile(dir / "f", 0)->empty());
  CHECK(FilesIn(dir.path()) == 1);
}

TEST_CASE("a written file has the mode asked for, whatever the umask") {
  TempDir dir;
  const mode_t old = ::umask(0077);
  REQUIRE(WriteFileDurably(dir / "public", "x").ok());
  REQUIRE(WriteFileDurably(dir / "secret", "x", 0600).ok());
  ::umask(old);
  CHECK(ModeOf(dir / "public") == 0644);
  CHECK(ModeOf(dir / "secret") == 0600);
}

TEST_CASE("reading stops at the limit, even where the file says it is empty") {
  TempDir dir;
  REQUIRE(WriteFileDurably(dir / "f", "12345").ok());
  CHECK(absl::IsResourceExhausted(ReadFile(dir / "f", 4).status()));
  CHECK_FALSE(ReadFile("/proc/self/status", 1 << 20)->empty());
  CHECK(absl::IsResourceExhausted(ReadFile("/proc/self/status", 10).status()));
}

TEST_CASE("what is no ordinary file is refused without blocking") {
  TempDir dir;
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  CHECK(absl::IsFailedPrecondition(OpenForReading(dir / "pipe").status()));
  CHECK(absl::IsFailedPrecondition(OpenForReading("/dev/zero").status()));
  const absl::Status folder = OpenForReading(dir.path()).status();
  CHECK(absl::IsFailedPrecondition(folder));
  CHECK(folder.message() == Concat("cannot open ", dir.path(), ": it is a folder"));
  const absl::Status missing = ReadFile(dir / "none", 1).status();
  CHECK(absl::IsNotFound(missing));
  CHECK(missing.message() == Concat("cannot open ", dir / "none", ": no such file or folder"));
}

TEST_CASE("a write that fails leaves the old content and no temporary file") {
  TempDir dir;
  REQUIRE(WriteFileDurably(dir / "f", "old").ok());

  // A limit on file sizes stands in for the full disk.
  const int result = InChild([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &small);
    return absl::IsResourceExhausted(WriteFileDurably(dir / "f", std::string(100'000, 'n'))) ? 7
                                                                                             : 1;
  });
  CHECK(result == 7);
  CHECK(*ReadFile(dir / "f", 100) == "old");
  CHECK(FilesIn(dir.path()) == 1);

  fs::create_directory(dir / "folder");
  CHECK_FALSE(WriteFileDurably(dir / "folder", "x").ok());
  CHECK(FilesIn(dir.path()) == 2);
  CHECK(absl::IsNotFound(WriteFileDurably(dir / "none" / "f", "x")));
}

TEST_CASE("a writer killed at any time leaves the old or the new content, whole") {
  TempDir dir;
  const std::string one(200'000, '1');
  const std::string two(200'000, '2');
  REQUIRE(WriteFileDurably(dir / "f", one).ok());
  for (int round = 0; round < 20; ++round) {
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      for (int i = 0;; ++i) {
        if (!WriteFileDurably(dir / "f", i % 2 == 0 ? two : one).ok()) ::_exit(1);
        if (::write(ready[1], "x", 1) != 1) ::_exit(1);
      }
    }
    char byte = 0;
    for (int i = 0; i <= round % 3; ++i) REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::usleep(static_cast<useconds_t>(round * 137));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
    const std::string content = *ReadFile(dir / "f", 1 << 20);
    REQUIRE((content == one || content == two));
  }
}

TEST_CASE("the longest file name there is can be written") {
  TempDir dir;
  CHECK(WriteFileDurably(dir / std::string(255, 'n'), "x").ok());
  CHECK(absl::IsInvalidArgument(WriteFileDurably(dir / std::string(256, 'n'), "x")));
  CHECK(FilesIn(dir.path()) == 1);
}

TEST_CASE("a rename replaces what is there, and says what it could not do") {
  TempDir dir;
  REQUIRE(MakeDirectories(dir / "a").ok());
  REQUIRE(WriteFileDurably(dir / "a" / "f", "new").ok());
  REQUIRE(WriteFileDurably(dir / "g", "old").ok());
  REQUIRE(RenameDurably(dir / "a" / "f", dir / "g").ok());
  CHECK(*ReadFile(dir / "g", 10) == "new");
  CHECK(FilesIn(dir / "a") == 0);
  CHECK(absl::IsNotFound(RenameDurably(dir / "a" / "f", dir / "g")));
}

TEST_CASE("folders are made with everything above them") {
  TempDir dir;
  CHECK(MakeDirectories(dir / "a" / "b" / "c").ok());
  CHECK(MakeDirectories(dir / "a" / "b" / "c").ok());
  CHECK(MakeDirectories(dir / "a" / "b" / "d/").ok());
  CHECK(fs::is_directory(dir / "a" / "b" / "d"));
  CHECK(MakeDirectories(dir / "s", 0700).ok());
  CHECK(ModeOf(dir / "s") == 0700);
}

TEST_CASE("a folder cannot be made where something else stands") {
  TempDir dir;
  REQUIRE(WriteFileDurably(dir / "f", "x").ok());
  CHECK(absl::IsFailedPrecondition(MakeDirectories(dir / "f")));
  CHECK(absl::IsFailedPrecondition(MakeDirectories(dir / "f" / "g")));
  fs::create_symlink(dir / "nowhere", dir / "dangling");
  CHECK(absl::IsFailedPrecondition(MakeDirectories(dir / "dangling")));
}

TEST_CASE("a secret comes without the newline an editor leaves") {
  TempDir dir;
  REQUIRE(WriteFileDurably(dir / "s", "top secret\r\n\n", 0600).ok());
  CHECK(*ReadSecretFile(dir / "s") == "top secret");
  REQUIRE(WriteFileDurably(dir / "s", "\n", 0600).ok());
  CHECK(absl::IsFailedPrecondition(ReadSecretFile(dir / "s").status()));
  CHECK(absl::IsNotFound(ReadSecretFile(dir / "none").status()));
  REQUIRE(WriteFileDurably(dir / "s", std::string(70'000, 's'), 0600).ok());
  CHECK(absl::IsResourceExhausted(ReadSecretFile(dir / "s").status()));
}

TEST_CASE("a folder has one holder at a time, and the second hears who the first is") {
  TempDir dir;
  {
    const auto lock = DirectoryLock::Acquire(dir.path(), "proofline-studiod");
    REQUIRE(lock.ok());
    const absl::Status second = DirectoryLock::Acquire(dir.path(), "proofline-studiod").status();
    CHECK(absl::IsFailedPrecondition(second));
    CHECK(second.message() ==
          Concat("another proofline-studiod is already running on this folder: ", dir.path(),
                 " (pid ", ::getpid(), "); stop it first, or choose another folder"));
  }
  CHECK(DirectoryLock::Acquire(dir.path(), "proofline-studiod").ok());
  CHECK(absl::IsNotFound(DirectoryLock::Acquire(dir / "none", "x").status()));
}

TEST_CASE("the lock of a killed process is free") {
  TempDir dir;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = DirectoryLock::Acquire(dir.path(), "x");
    if (!lock.ok() || ::write(ready[1], "x", 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK_FALSE(DirectoryLock::Acquire(dir.path(), "x").ok());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  CHECK(DirectoryLock::Acquire(dir.path(), "x").ok());
}

TEST_CASE("a descriptor is closed once, by its last owner") {
  const int raw = ::open("/dev/null", O_RDONLY);
  REQUIRE(raw >= 0);
  {
    UniqueFd first(raw);
    UniqueFd second(std::move(first));
    CHECK_FALSE(first.valid());
    first = std::move(second);
    CHECK(first.get() == raw);
    UniqueFd& same = first;
    first = std::move(same);
    CHECK(first.get() == raw);
  }
  CHECK(::fcntl(raw, F_GETFD) == -1);
}
