#include "lib/base/digest.h"

#include <sys/stat.h>

#include <string>

#include "lib/base/file.h"
#include "test/catch.h"
#include "test/temp_dir.h"

using namespace proofline::base;
using proofline::test::TempDir;

namespace {
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
}

TEST_CASE("SHA-256 of known texts is the known one, in one piece or many") {
  CHECK(Sha256Of("abc").hex() == kAbc);
  CHECK(Sha256Of("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 sha;
  for (const char c : std::string_view("abc")) sha.Update(std::string_view(&c, 1));
  CHECK(sha.Finish().hex() == kAbc);
}

TEST_CASE("a digest survives both of its text forms") {
  const Digest digest = Sha256Of("abc");
  CHECK(*Digest::FromHex(kAbc) == digest);
  CHECK(*Digest::FromHex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD") ==
        digest);
  CHECK(*Digest::FromBytes(digest.bytes()) == digest);
  CHECK_FALSE(digest.is_zero());
  CHECK(Digest().is_zero());
  CHECK(Digest() < digest);
}

TEST_CASE("what is no digest is refused") {
  CHECK(absl::IsInvalidArgument(Digest::FromHex("").status()));
  CHECK(absl::IsInvalidArgument(Digest::FromHex(std::string(63, 'a')).status()));
  CHECK(absl::IsInvalidArgument(Digest::FromHex(std::string(65, 'a')).status()));
  CHECK(absl::IsInvalidArgument(Digest::FromHex(std::string(63, 'a') + "g").status()));
  CHECK(absl::IsInvalidArgument(Digest::FromBytes(std::string(31, 'a')).status()));
}

TEST_CASE("a file has the digest of its bytes, whatever its size") {
  TempDir dir;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1} << 20, (std::size_t{1} << 20) + 1}) {
    const std::string bytes(size, 'x');
    REQUIRE(WriteFileDurably(dir / "f", bytes).ok());
    CHECK(*Sha256OfFile(dir / "f") == Sha256Of(bytes));
  }
}

TEST_CASE("hashing a file that is missing, no file, or no longer wanted says so") {
  TempDir dir;
  CHECK(absl::IsNotFound(Sha256OfFile(dir / "none").status()));
  CHECK(absl::IsFailedPrecondition(Sha256OfFile(dir.path()).status()));
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  CHECK(absl::IsFailedPrecondition(Sha256OfFile(dir / "pipe").status()));
  REQUIRE(WriteFileDurably(dir / "f", "bytes").ok());
  std::stop_source stop;
  stop.request_stop();
  CHECK(absl::IsCancelled(Sha256OfFile(dir / "f", stop.get_token()).status()));
}
