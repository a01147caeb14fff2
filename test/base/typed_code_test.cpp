#include "lib/base/typed_code.h"

#include <set>

#include "test/catch.h"

namespace proofline::base {

TEST_CASE("a new code is four groups of four that read back as themselves") {
  std::set<std::string> seen;
  for (int i = 0; i < 1'000; ++i) {
    const std::string code = NewTypedCode();
    REQUIRE(code.size() == 19);
    CHECK(code[4] == '-');
    CHECK(code.find_first_of("ILOU") == std::string::npos);
    const auto normal = NormaliseTypedCode(code);
    REQUIRE(normal.has_value());
    CHECK(normal->size() == 16);
    seen.insert(*normal);
  }
  CHECK(seen.size() == 1'000);
}

TEST_CASE("however a code is typed, it is the same one") {
  const auto expected = NormaliseTypedCode("7K3M-09QX-T4ZD-5W1A");
  REQUIRE(expected.has_value());
  for (const char* typed : {"7k3m-09qx-t4zd-5w1a", "7K3M09QXT4ZD5W1A", " 7k3m 09qx t4zd 5w1a ",
                            "7K3M-O9QX-T4ZD-5WIA", "7k3m-o9qx-t4zd-5wla", "7K3M.09QX/T4ZD_5W1A"}) {
    CHECK(NormaliseTypedCode(typed) == expected);
  }
  CHECK(NormaliseTypedCode("7K3M-09QX-T4ZD-5W1B") != expected);
}

TEST_CASE("too short, too long and foreign letters are no code") {
  CHECK_FALSE(NormaliseTypedCode("").has_value());
  CHECK_FALSE(NormaliseTypedCode("ABC-1234").has_value());
  CHECK(NormaliseTypedCode("ABCD-1234").has_value());
  CHECK(NormaliseTypedCode(std::string(64, 'A')).has_value());
  CHECK_FALSE(NormaliseTypedCode(std::string(65, 'A')).has_value());
  CHECK_FALSE(NormaliseTypedCode("ABCD\xC3\x84"
                                 "1234")
                  .has_value());
}

}  // namespace proofline::base
