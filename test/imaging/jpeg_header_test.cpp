#include "lib/imaging/jpeg_header.h"

#include <random>

#include "lib/base/digest.h"
#include "test/catch.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

void CheckSplitsBack(const std::string& jpeg) {
  const absl::StatusOr<SplitJpeg> split = SplitJpegHeader(jpeg);
  if (split.ok()) CHECK(JoinJpeg(split->header, split->body) == jpeg);
}

TEST_CASE("a baseline JPEG splits into a header and a body that join again") {
  const std::string jpeg = test::SceneJpeg(200, 100);
  const absl::StatusOr<SplitJpeg> split = SplitJpegHeader(jpeg);
  REQUIRE(split.ok());
  CHECK(split->header.size() > 500);
  CHECK(split->header.size() < 1000);
  CHECK(split->body.size() + split->header.size() == jpeg.size());
  CHECK(JoinJpeg(split->header, split->body) == jpeg);
}

TEST_CASE("two pictures of one size and quality have the same header") {
  const std::string a = test::Encoded(test::Scene(200, 100), ".jpg[Q=80,strip]");
  const std::string b = test::Encoded(test::Scene(200, 100).invert(), ".jpg[Q=80,strip]");
  const auto split_a = SplitJpegHeader(a);
  const auto split_b = SplitJpegHeader(b);
  REQUIRE(split_a.ok());
  REQUIRE(split_b.ok());
  CHECK(base::Sha256Of(split_a->header) == base::Sha256Of(split_b->header));
  CHECK(split_a->body != split_b->body);
}

TEST_CASE("what is not a baseline JPEG is not split") {
  const vips::VImage scene = test::Scene(64, 64);
  CHECK_FALSE(SplitJpegHeader("").ok());
  CHECK_FALSE(SplitJpegHeader("\xFF\xD8").ok());
  CHECK_FALSE(SplitJpegHeader(test::Encoded(scene, ".png")).ok());
  CHECK_FALSE(SplitJpegHeader(test::Encoded(scene, ".jpg[interlace=true]")).ok());
}

TEST_CASE("a JPEG cut at any byte is split right or refused") {
  const std::string jpeg = test::SceneJpeg(64, 48);
  const std::size_t header = SplitJpegHeader(jpeg)->header.size();
  for (std::size_t size = 0; size < jpeg.size(); ++size) {
    const std::string cut = jpeg.substr(0, size);
    const absl::StatusOr<SplitJpeg> split = SplitJpegHeader(cut);
    REQUIRE(split.ok() == (size >= header));
    CheckSplitsBack(cut);
  }
}

TEST_CASE("random damage never breaks the splitting") {
  const std::string jpeg = test::SceneJpeg(64, 48);
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = jpeg.substr(0, 2 + random() % 700);
    for (int i = 0; i < 8; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
    CheckSplitsBack(damaged);
    HasEndOfImage(damaged);
  }
}

TEST_CASE("a JPEG without its end is known to be cut") {
  const std::string jpeg = test::SceneJpeg(64, 48);
  CHECK(HasEndOfImage(jpeg));
  CHECK(HasEndOfImage(test::Encoded(test::Scene(64, 64), ".jpg[interlace=true]")));
  CHECK_FALSE(HasEndOfImage(jpeg.substr(0, jpeg.size() - 2)));
  CHECK_FALSE(HasEndOfImage(jpeg.substr(0, 100)));
  CHECK_FALSE(HasEndOfImage(""));
}

}  // namespace
}  // namespace proofline::imaging
