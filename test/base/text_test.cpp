#include "lib/base/text.h"

#include <cstdint>
#include <limits>

#include "test/catch.h"

using namespace proofline::base;

TEST_CASE("Concat takes text of every kind, paths and whole numbers") {
  const std::string text = "a";
  const std::string_view view = "b";
  const absl::string_view other = "c";
  const std::filesystem::path path = "/d/e f";
  CHECK(Concat(text, view, other, path, "g", -1, std::size_t{2}) == "abc/d/e fg-12");
  CHECK(Concat(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(Concat(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(Concat().empty());
}

TEST_CASE("views go to abseil and back with every byte") {
  const std::string_view text("a\0b", 3);
  CHECK(ToStd(ToAbsl(text)) == text);
}
