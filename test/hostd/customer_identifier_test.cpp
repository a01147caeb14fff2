#include "hostd/customer_identifier.h"

#include <sys/stat.h>

#include "lib/base/file.h"
#include "test/catch.h"
#include "test/temp_dir.h"

namespace proofline::host {

TEST_CASE("The key is made once, kept secret, and decides the hash") {
  const proofline::test::TempDir dir;
  const auto first = IdentifierHasher::Load(dir / "identifier.key", false);
  REQUIRE(first.ok());
  struct stat info {};
  REQUIRE(::stat((dir / "identifier.key").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(info.st_size == 32);
  const auto again = IdentifierHasher::Load(dir / "identifier.key", true);
  REQUIRE(again.ok());
  CHECK(first->Hash("ABCD1234") == again->Hash("ABCD1234"));
  CHECK(first->Hash("ABCD1234") != first->Hash("ABCD1235"));
  CHECK(first->Hash("ABCD1234").size() == 32);
  const auto other = IdentifierHasher::Load(dir / "other.key", false);
  REQUIRE(other.ok());
  CHECK(first->Hash("ABCD1234") != other->Hash("ABCD1234"));
}

TEST_CASE("A damaged key file is refused instead of replaced") {
  const proofline::test::TempDir dir;
  for (const std::string& content : {std::string("short"), std::string(33, 'x')}) {
    REQUIRE(base::WriteFileDurably(dir / "identifier.key", content, 0600).ok());
    const auto loaded = IdentifierHasher::Load(dir / "identifier.key", false);
    CHECK(absl::IsDataLoss(loaded.status()));
    CHECK(base::ReadFile(dir / "identifier.key", 100).value() == content);
  }
}

TEST_CASE("A lost key is not replaced by one that opens nothing") {
  const proofline::test::TempDir dir;
  CHECK(absl::IsDataLoss(IdentifierHasher::Load(dir / "identifier.key", true).status()));
  CHECK_FALSE(std::filesystem::exists(dir / "identifier.key"));
}

}  // namespace proofline::host
