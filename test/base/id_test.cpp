#include "lib/base/id.h"

#include <chrono>
#include <set>
#include <string>

#include "lib/base/backoff.h"
#include "lib/base/digest.h"
#include "test/catch.h"

using namespace proofline::base;

TEST_CASE("new ids are valid, 26 characters, and all different") {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = NewId();
    REQUIRE(id.size() == 26);
    REQUIRE(IsValidId(id));
    REQUIRE(id.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz") == std::string::npos);
    REQUIRE(seen.insert(id).second);
  }
}

TEST_CASE("an id made in a later millisecond sorts later") {
  const std::string before = NewId();
  const auto start = std::chrono::system_clock::now();
  while (std::chrono::system_clock::now() - start < std::chrono::milliseconds(2)) {
    WaitFor({}, std::chrono::milliseconds(1));
  }
  CHECK(before < NewId());
}

TEST_CASE("only lower-case letters, digits and inner dashes make an id") {
  CHECK(IsValidId("a"));
  CHECK(IsValidId("7"));
  CHECK(IsValidId("smith-and-sons"));
  CHECK(IsValidId(std::string(63, 'a')));
  CHECK_FALSE(IsValidId(""));
  CHECK_FALSE(IsValidId(std::string(64, 'a')));
  for (const char* bad : {"-a", "a-", "-", "A", "a b", "a/b", "..", "a_b", "\xC3\xA4", "a.b"}) {
    INFO(bad);
    CHECK_FALSE(IsValidId(bad));
  }
  CHECK_FALSE(IsValidId(std::string_view("a\0b", 3)));
}

TEST_CASE("secrets are 43 characters of base64url and never the same") {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string secret = NewSecret();
    REQUIRE(secret.size() == 43);
    REQUIRE(secret.find_first_not_of(
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
            std::string::npos);
    REQUIRE(seen.insert(secret).second);
  }
}

TEST_CASE("a slug is readable and carries the digest of the exact text") {
  const auto slug = [](std::string_view text) { return Slug(text); };
  const auto hash = [](std::string_view text) { return Sha256Of(text).hex().substr(0, 8); };
  CHECK(slug("Smith & Sons, 2024") == "smith-sons-2024-" + hash("Smith & Sons, 2024"));
  CHECK(slug("M\xC3\xBCller") == "muller-" + hash("M\xC3\xBCller"));
  CHECK(slug("Mu\xCC\x88ller") == "muller-" + hash("Mu\xCC\x88ller"));
  CHECK(slug("M\xC3\xBCller") != slug("Mu\xCC\x88ller"));
  CHECK(slug("Smith") != slug("smith"));
  CHECK(slug("\xE5\xA9\x9A\xE7\xA4\xBC") == hash("\xE5\xA9\x9A\xE7\xA4\xBC"));
}

TEST_CASE("every text has a slug that is a valid id") {
  for (const std::string& text :
       {std::string(), std::string("-"), std::string("..."), std::string("../../etc"),
        std::string("a\0b", 3), std::string(5000, 'w'), std::string(5000, '-'),
        std::string("\xFF\xFE\xC3"), std::string("end "), std::string(53, 'a') + "-b",
        std::string(54, 'a') + "-b"}) {
    INFO(text.substr(0, 80));
    CHECK(IsValidId(Slug(text)));
    CHECK(Slug(text) == Slug(text));
  }
}
