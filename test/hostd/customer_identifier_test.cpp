#include "hostd/customer_identifier.h"

#include <sys/stat.h>

#include <set>

#include "lib/base/file.h"
#include "test/catch.h"
#include "test/temp_dir.h"

namespace proofline::host {

TEST_CASE("A new identifier is four groups of four that read back as themselves") {
  std::set<std::string> seen;
  for (int i = 0; i < 1'000; ++i) {
    const std::string identifier = NewCustomerIdentifier();
    REQUIRE(identifier.size() == 19);
    CHECK(identifier[4] == '-');
    CHECK(identifier.find_first_of("ILOU") == std::string::npos);
    const auto normal = NormaliseIdentifier(identifier);
    REQUIRE(normal.has_value());
    CHECK(normal->size() == 16);
    seen.insert(*normal);
  }
  CHECK(seen.size() == 1'000);
}

TEST_CASE("However an identifier is typed, it is the same one") {
  const auto expected = NormaliseIdentifier("7K3M-09QX-T4ZD-5W1A");
  REQUIRE(expected.has_value());
  for (const char* typed : {"7k3m-09qx-t4zd-5w1a", "7K3M09QXT4ZD5W1A", " 7k3m 09qx t4zd 5w1a ",
                            "7K3M-O9QX-T4ZD-5WIA", "7k3m-o9qx-t4zd-5wla", "7K3M.09QX/T4ZD_5W1A"}) {
    CHECK(NormaliseIdentifier(typed) == expected);
  }
  CHECK(NormaliseIdentifier("7K3M-09QX-T4ZD-5W1B") != expected);
}

TEST_CASE("Too short, too long and foreign letters are no identifier") {
  CHECK_FALSE(NormaliseIdentifier("").has_value());
  CHECK_FALSE(NormaliseIdentifier("ABC-1234").has_value());
  CHECK(NormaliseIdentifier("ABCD-1234").has_value());
  CHECK(NormaliseIdentifier(std::string(64, 'A')).has_value());
  CHECK_FALSE(NormaliseIdentifier(std::string(65, 'A')).has_value());
  CHECK_FALSE(NormaliseIdentifier("ABCD\xC3\x84"
                                  "1234")
                  .has_value());
}

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
