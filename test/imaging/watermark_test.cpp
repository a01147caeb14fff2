#include "lib/imaging/watermark.h"

#include <cmath>
#include <limits>

#include "lib/imaging/render.h"
#include "lib/imaging/worker_pool.h"
#include "test/catch.h"
#include "test/imaging/test_pictures.h"
#include "test/temp_dir.h"

namespace proofline::imaging {
namespace {

using vips::VImage;
using Position = Watermark::Position;

// Plain grey, so that every trace of a mark is seen.
std::string GreyJpeg(int width, int height) {
  test::StartLibvips();
  const VImage grey = (VImage::black(width, height, VImage::option()->set("bands", 3)) + 128)
                          .cast(VIPS_FORMAT_UCHAR)
                          .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
  return test::Encoded(grey, ".jpg[Q=98]");
}

// A red square with a transparent hole of half its width.
std::string SquarePng() {
  test::StartLibvips();
  const std::vector<double> red = {255, 0, 0, 255};
  VImage square = VImage::black(200, 200).new_from_image(red).cast(VIPS_FORMAT_UCHAR).copy_memory();
  square.draw_rect({0, 0, 0, 0}, 50, 50, 100, 100, VImage::option()->set("fill", true));
  return test::Encoded(
      square.copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB)), ".png");
}

RenditionRequest RequestOf(const Watermark& watermark) {
  return {.specs = {{.kind = "thumbnail", .long_edge_px = 150, .quality = 95},
                    {.kind = "proof", .long_edge_px = 600, .quality = 95, .watermarked = true}},
          .edit = {},
          .watermark = watermark};
}

VImage Proof(const std::string& original, const Watermark& watermark) {
  const absl::StatusOr<Renditions> made = MakeRenditions(original, RequestOf(watermark), {});
  INFO(made.status().ToString());
  REQUIRE(made.ok());
  return test::Decoded(made->renditions[1].jpeg);
}

// Where a picture is not the plain grey.
struct Box {
  int left, top, width, height;
};
Box Traces(const VImage& picture) {
  const VImage changed = (picture.extract_band(1) - 128).abs() > 12;
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
  left = changed.find_trim(
      &top, &width, &height,
      VImage::option()->set("background", std::vector<double>{0.0})->set("threshold", 10));
  return {left, top, width, height};
}

TEST_CASE("a text is written on the renditions that are to have it, and on no other") {
  const absl::StatusOr<Renditions> made = MakeRenditions(
      GreyJpeg(1200, 800), RequestOf({.text = "© Studio", .opacity = 1, .size = 0.5}), {});
  INFO(made.status().ToString());
  REQUIRE(made.ok());
  CHECK(Traces(test::Decoded(made->renditions[0].jpeg)).width == 0);
  const VImage proof = test::Decoded(made->renditions[1].jpeg);
  CHECK(proof.width() == 600);
  const Box box = Traces(proof);
  // Half of 400 pixels, in the middle.
  CHECK(std::abs(box.width - 200) <= 8);
  CHECK(std::abs(box.left + box.width / 2 - 300) <= 4);
  CHECK(std::abs(box.top + box.height / 2 - 200) <= 4);
  // White letters with something dark around them.
  CHECK(proof.max() > 240);
  CHECK(proof.min() < 100);
}

TEST_CASE("a mark stands where it is asked to stand") {
  const std::string original = GreyJpeg(600, 400);
  const struct {
    Position position;
    int left, top;
  } cases[] = {{Position::kTopLeft, 20, 20},      {Position::kTop, 250, 20},
               {Position::kTopRight, 480, 20},    {Position::kLeft, 20, 150},
               {Position::kCentre, 250, 150},     {Position::kRight, 480, 150},
               {Position::kBottomLeft, 20, 280},  {Position::kBottom, 250, 280},
               {Position::kBottomRight, 480, 280}};
  for (const auto& [position, left, top] : cases) {
    const Box box = Traces(Proof(
        original,
        {.png = SquarePng(), .position = position, .opacity = 1, .size = 0.25, .margin = 0.05}));
    INFO("position " << static_cast<int>(position));
    CHECK(std::abs(box.left - left) <= 3);
    CHECK(std::abs(box.top - top) <= 3);
    CHECK(std::abs(box.width - 100) <= 6);
    CHECK(std::abs(box.height - 100) <= 6);
  }
}

TEST_CASE("opacity and the mark's own transparency both count") {
  const std::string original = GreyJpeg(600, 400);
  for (double opacity : {0.0, 0.25, 0.5, 1.0}) {
    const VImage proof = Proof(original, {.png = SquarePng(), .opacity = opacity, .size = 0.5});
    const std::vector<double> ring = proof.getpoint(225, 125);
    CHECK(std::abs(ring[0] - (128 + 127 * opacity)) < 8);
    CHECK(std::abs(ring[1] - 128 * (1 - opacity)) < 8);
    // The hole, and far away.
    CHECK(std::abs(proof.getpoint(300, 200)[0] - 128) < 4);
    CHECK(std::abs(proof.getpoint(30, 30)[0] - 128) < 4);
  }
}

TEST_CASE("tiles cover the whole picture") {
  for (const Watermark& mark :
       {Watermark{.png = SquarePng(), .opacity = 1, .tiled = true, .size = 0.1, .margin = 0.05},
        Watermark{.text = "proof", .opacity = 1, .tiled = true, .size = 0.2, .margin = 0.02}}) {
    const VImage proof = Proof(GreyJpeg(600, 400), mark);
    for (int x : {0, 450}) {
      for (int y : {0, 300}) {
        const VImage corner = proof.extract_area(x, y, 150, 100);
        CHECK(corner.extract_band(1).deviate() > 10);
      }
    }
  }
}

TEST_CASE("text is text, whatever it looks like") {
  const std::string original = GreyJpeg(600, 400);
  const Box plain = Traces(Proof(original, {.text = "xxxxxxxx", .opacity = 1, .size = 0.9}));
  for (const char* text :
       {"<b>bold</b> & <span size='1'>small</span>", "&amp;&#0;</i>", "<", "&"}) {
    INFO(text);
    CHECK(Traces(Proof(original, {.text = text, .opacity = 1, .size = 0.9})).width > 20);
  }
  // As markup this would be eight letters too, and as high as those.
  const Box tagged =
      Traces(Proof(original, {.text = "<b><i>xxxxxxxx</i></b>", .opacity = 1, .size = 0.9}));
  CHECK(tagged.height < plain.height * 0.8);
}

TEST_CASE("a mark is as wide on a crop and on a small original as on a large one") {
  const Watermark mark{.png = SquarePng(), .opacity = 1, .size = 1};
  const VImage small = Proof(GreyJpeg(60, 40), mark);
  CHECK(small.width() == 60);
  CHECK(std::abs(Traces(small).height - 40) <= 2);
  CHECK(Proof(GreyJpeg(8, 3), {.text = "tiny", .tiled = true, .size = 0.02}).width() == 8);
}

TEST_CASE("a watermark that makes no sense is refused with the reason") {
  const std::string png = SquarePng();
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  for (const Watermark& wrong :
       {Watermark{}, Watermark{.text = "a", .png = png}, Watermark{.text = std::string(201, 'x')},
        Watermark{.text = "\xFF"}, Watermark{.text = std::string("a\0b", 3)},
        Watermark{.png = "GIF89a"}, Watermark{.text = "a", .opacity = 1.1},
        Watermark{.text = "a", .opacity = kNone}, Watermark{.text = "a", .size = 0},
        Watermark{.text = "a", .size = kNone}, Watermark{.text = "a", .margin = -0.1},
        Watermark{.text = "a", .position = static_cast<Position>(9)}}) {
    CHECK(absl::IsInvalidArgument(Validate(wrong)));
    CHECK(absl::IsInvalidArgument(Validate(RequestOf(wrong))));
  }
  RenditionRequest without = RequestOf({.text = "a"});
  without.watermark.reset();
  CHECK(absl::IsInvalidArgument(Validate(without)));
}

TEST_CASE("a broken PNG fails the rendition instead of leaving its mark out") {
  const std::string png = SquarePng();
  for (const std::string& broken : {png.substr(0, png.size() / 2), png.substr(0, 40)}) {
    const absl::Status status =
        MakeRenditions(GreyJpeg(600, 400), RequestOf({.png = broken}), {}).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(std::string(status.message()).find("watermark") != std::string::npos);
  }
}

TEST_CASE("a watermark and a sidecar reach the worker") {
  test::TempDir folder;
  const base::UniqueFd fd = test::Stored(folder / "a.jpg", GreyJpeg(1200, 800));
  auto pool = *WorkerPool::Create({.workers = 1});
  const std::string sidecar =
      "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
      "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' "
      "xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Rating='4'/></rdf:RDF></x:xmpmeta>" +
      std::string(300'000, ' ');
  for (const Watermark& mark :
       {Watermark{.text = "© Ann & Bob", .position = Position::kTopLeft, .opacity = 0.7},
        Watermark{.png = SquarePng(), .tiled = true, .size = 0.1, .margin = 0.1}}) {
    RenditionRequest request = RequestOf(mark);
    request.sidecar_xmp = sidecar;
    const absl::StatusOr<Renditions> there = pool->MakeRenditions(fd.get(), request);
    INFO(there.status().ToString());
    REQUIRE(there.ok());
    CHECK(there->facts.rating == 4);
    const std::string jpeg = GreyJpeg(1200, 800);
    CHECK(there->renditions[1].jpeg == MakeRenditions(jpeg, request, {})->renditions[1].jpeg);
    request.sidecar_xmp.resize(kMaxSidecar + 1, ' ');
    CHECK(absl::IsInvalidArgument(pool->MakeRenditions(fd.get(), request).status()));
  }
}

}  // namespace
}  // namespace proofline::imaging
