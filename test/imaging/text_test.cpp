#include "lib/imaging/text.h"

#include "test/catch.h"

namespace proofline::imaging {
namespace {

using std::string_view_literals::operator""sv;

TEST_CASE("text of every origin becomes clean UTF-8") {
  CHECK(CleanText("Zo\xC3\xAB", 100) == "Zo\xC3\xAB");
  CHECK(CleanText("Zo\xEB", 100) == "Zo\xC3\xAB");
  CHECK(CleanText("\x80 5", 100) == "\xE2\x82\xAC 5");
  CHECK(CleanText("padded  \0garbage"sv, 100) == "padded");
  CHECK(CleanText("a\x01\x1B[31mb\x7F", 100) == "a[31mb");
  CHECK(CleanText("two\nlines", 100) == "two\nlines");
  CHECK(CleanLine("two\nlines \t more", 100) == "two lines more");
  CHECK(CleanText("", 10).empty());
}

TEST_CASE("text is cut between characters") {
  CHECK(CleanText("\xC3\xAB\xC3\xAB\xC3\xAB", 5) == "\xC3\xAB\xC3\xAB");
  CHECK(CleanText("abc", 0).empty());
}

TEST_CASE("only well-formed UTF-8 is valid") {
  CHECK(IsValidUtf8("\xF0\x9F\x93\xB7"));
  CHECK_FALSE(IsValidUtf8("\xC0\xAF"));
  CHECK_FALSE(IsValidUtf8("\xED\xA0\x80"));
  CHECK_FALSE(IsValidUtf8("\xF4\x90\x80\x80"));
  CHECK_FALSE(IsValidUtf8("\xE2\x82"));
  CHECK_FALSE(IsValidUtf8("\xFF"));
}

TEST_CASE("any bytes become valid text") {
  std::string bytes;
  for (int i = 1; i < 256; ++i) bytes += static_cast<char>(i);
  CHECK(IsValidUtf8(CleanText(bytes, 1000)));
}

}  // namespace
}  // namespace proofline::imaging
