#include "lib/kv/key.h"

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "test/catch.h"

using namespace proofline::kv;

namespace {

constexpr int kRounds = 20'000;

// Short texts of few different bytes, the awkward ones above all, so that many share beginnings.
std::string RandomText(std::mt19937& random) {
  static constexpr char kBytes[] = {'\x00', '\x01', '\x02', 'a',   'b',
                                    '\x7F', '\x80', '\xFE', '\xFF'};
  std::string text(random() % 5, '\0');
  for (char& c : text) c = kBytes[random() % sizeof(kBytes)];
  return text;
}

std::uint64_t RandomNumber(std::mt19937& random) {
  switch (random() % 4) {
    case 0:
      return random() % 3;
    case 1:
      return 255 + random() % 3;
    case 2:
      return std::numeric_limits<std::uint64_t>::max() - random() % 3;
    default:
      return std::uint64_t{random()} << 32 | random();
  }
}

using Parts = std::tuple<std::string, std::uint64_t, std::string>;

Parts RandomParts(std::mt19937& random) {
  std::string first = RandomText(random);
  const std::uint64_t number = RandomNumber(random);
  return {std::move(first), number, RandomText(random)};
}

std::string KeyOf(const Parts& parts) {
  return KeyBuilder()
      .Text(std::get<0>(parts))
      .Number(std::get<1>(parts))
      .Text(std::get<2>(parts))
      .Take();
}

}  // namespace

TEST_CASE("keys order as their parts do, whatever bytes are in them") {
  std::mt19937 random(20);
  for (int i = 0; i < kRounds; ++i) {
    const Parts left = RandomParts(random);
    const Parts right = RandomParts(random);
    // std::string compares as unsigned bytes, and so does RocksDB.
    REQUIRE((KeyOf(left) < KeyOf(right)) == (left < right));
    REQUIRE((KeyOf(left) == KeyOf(right)) == (left == right));
  }
}

TEST_CASE("a key gives back the parts it was built from") {
  std::mt19937 random(21);
  for (int i = 0; i < kRounds; ++i) {
    const Parts parts = RandomParts(random);
    const std::string key = KeyOf(parts);
    KeyReader reader(key);
    std::string first = reader.Text();
    const std::uint64_t number = reader.Number();
    const Parts read{std::move(first), number, reader.Text()};
    REQUIRE(reader.ok());
    REQUIRE(reader.AtEnd());
    REQUIRE(reader.Finish().ok());
    REQUIRE(read == parts);
  }
}

TEST_CASE("the keys below one text are exactly those between its prefix and the prefix's end") {
  std::mt19937 random(22);
  for (int i = 0; i < kRounds; ++i) {
    const Parts parts = RandomParts(random);
    const std::string text = RandomText(random);
    const std::string key = KeyOf(parts);
    const std::string prefix = KeyBuilder().Text(text).Take();
    const std::string end = PrefixEnd(prefix);
    REQUIRE(key.starts_with(prefix) == (std::get<0>(parts) == text));
    REQUIRE((prefix <= key && key < end) == key.starts_with(prefix));
  }
}

TEST_CASE("a cut key is noticed wherever it is cut, and so is a longer one") {
  std::mt19937 random(23);
  for (int i = 0; i < kRounds / 10; ++i) {
    const std::string key = KeyOf(RandomParts(random));
    for (std::size_t size = 0; size <= key.size() + 1; ++size) {
      const std::string other = size > key.size() ? key + "x" : key.substr(0, size);
      KeyReader reader(other);
      (void)reader.Text();
      (void)reader.Number();
      (void)reader.Text();
      REQUIRE(reader.Finish().ok() == (other == key));
    }
  }
}

TEST_CASE("after the first missing part every part reads as nothing") {
  KeyReader reader("abc");
  CHECK(reader.Number() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.Text().empty());
  CHECK(absl::IsDataLoss(reader.Finish()));
  KeyReader bad(std::string_view("a\0\x02z\0\x01", 6));
  CHECK(bad.Text().empty());
  CHECK(bad.Text().empty());
  CHECK_FALSE(bad.ok());
}

TEST_CASE("the form on disk is the documented one") {
  CHECK(KeyBuilder().Text(std::string_view("a\0", 2)).Number(258).Take() ==
        std::string("a\0\xFF\0\x01\0\0\0\0\0\0\x01\x02", 13));
}

TEST_CASE("the end of a prefix is the next key that does not begin with it") {
  CHECK(PrefixEnd("a") == "b");
  CHECK(PrefixEnd("a\xFF") == "b");
  CHECK(PrefixEnd("a\x7F") == "a\x80");
  CHECK(PrefixEnd(std::string_view("\0", 1)) == "\x01");
  CHECK(PrefixEnd("\xFF\xFF").empty());
  CHECK(PrefixEnd("").empty());
}

TEST_CASE("a builder that was taken from starts anew") {
  KeyBuilder builder;
  builder.Text("a");
  const std::string key = builder.str();
  CHECK(builder.Take() == key);
  CHECK(builder.str().empty());
}
