// Files that were cut short, and files that only look strange.
#include "lib/imaging/cut_short.h"

#include "lib/base/file.h"
#include "lib/imaging/jpeg_damage.h"
#include "lib/imaging/planar_jpeg_source.h"
#include "lib/imaging/render.h"
#include "test/catch.h"
#include "test/imaging/sampled_jpeg.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

using test::Encoded;
using test::JpegOf;
using test::Scene;
using vips::VImage;

constexpr double kParts[] = {0.1, 0.3, 0.5, 0.7, 0.9, 0.97};

std::string Part(const std::string& whole, double part) {
  return whole.substr(0, static_cast<std::size_t>(part * static_cast<double>(whole.size())));
}

void CheckCutShort(const std::string& file, const Edit& edit = {}) {
  const absl::StatusOr<Renditions> made = MakeRenditions(file, {.edit = edit}, {});
  INFO(made.status().ToString());
  CHECK(absl::IsInvalidArgument(made.status()));
  CHECK(std::string(made.status().message()).find("cut short") != std::string::npos);
}

void CheckEveryPart(const std::string& whole) {
  CHECK(MakeRenditions(whole, {}, {}).ok());
  for (double part : kParts) {
    INFO("part " << part);
    CheckCutShort(Part(whole, part));
    // What is wanted may all be there: it is half a picture all the same.
    CheckCutShort(Part(whole, part), {.crop = Crop{0, 0, 1, 0.02}});
    CHECK_FALSE(RenderPrint(Part(whole, part),
                            {.edit = {}, .spec = {.width_px = 300, .height_px = 200}}, {})
                    .ok());
  }
}

// Nothing where this libvips cannot write the format.
std::string EncodedIfPossible(const VImage& picture, const char* suffix) {
  try {
    return Encoded(picture, suffix);
  } catch (const vips::VError&) {
    vips_error_clear();
    return {};
  }
}

TEST_CASE("a PNG, TIFF, WebP, HEIC or AVIF that was cut short is no picture, wherever it was cut") {
  const VImage scene = Scene(600, 400);
  for (const char* suffix :
       {".png", ".png[interlace=true]", ".png[palette=true]", ".tif", ".tif[compression=lzw]",
        ".tif[compression=deflate,predictor=horizontal]", ".tif[compression=jpeg]",
        ".tif[tile,tile_width=128,tile_height=128]", ".webp", ".webp[lossless]", ".avif",
        ".heic"}) {
    INFO(suffix);
    const std::string whole = EncodedIfPossible(scene, suffix);
    if (!whole.empty()) CheckEveryPart(whole);
  }
}

TEST_CASE("real HEIC, AVIF and WebP files fail when they are cut short") {
  const std::filesystem::path folder = test::FolderFromEnvironment("PROOFLINE_TEST_PHOTOS");
  if (folder.empty()) return;
  test::StartLibvips();
  for (const char* name :
       {"heic/cheers_1440x960.heic", "heic/IMG_2927.HEIC", "other/Issue 649.avif",
        "other/Photo (2).webp", "other/Animation Lossy.webp"}) {
    INFO(name);
    const absl::StatusOr<std::string> whole = base::ReadFile(folder / name, 1 << 30);
    REQUIRE(whole.ok());
    for (double part : {0.2, 0.6, 0.95}) CheckCutShort(Part(*whole, part));
  }
}

TEST_CASE("a JPEG whose data ends before its end marker is cut short") {
  const VImage scene = Scene(900, 600);
  const VImage p3 = scene.icc_transform("p3", VImage::option()->set("input_profile", "srgb"));
  const VImage cmyk = scene.icc_transform("cmyk", VImage::option()->set("input_profile", "srgb"));
  for (const std::string& whole : {JpegOf(scene, {}), JpegOf(scene, {.progressive = true}),
                                   JpegOf(p3, {}), Encoded(cmyk, ".jpg")}) {
    for (double part : {0.6, 0.9}) {
      INFO("part " << part << " of " << whole.size());
      const std::string cut = Part(whole, part);
      CheckCutShort(cut + "\xFF\xD9");
      CheckCutShort(cut);
      CHECK_FALSE(RenderPrint(cut + "\xFF\xD9",
                              {.edit = {}, .spec = {.width_px = 300, .height_px = 200}}, {})
                      .ok());
    }
  }
}

TEST_CASE("a JPEG whose second half was never written is no picture") {
  // As after a copy into a file that had got its size beforehand.
  for (const std::string& whole :
       {JpegOf(Scene(900, 600), {}), JpegOf(Scene(900, 600), {.progressive = true})}) {
    std::string hollow = Part(whole, 0.5);
    hollow.resize(whole.size(), '\0');
    CHECK(absl::IsInvalidArgument(MakeRenditions(hollow, {}, {}).status()));
    hollow.replace(hollow.size() - 2, 2, "\xFF\xD9");
    CHECK(absl::IsInvalidArgument(MakeRenditions(hollow, {}, {}).status()));
  }
}

TEST_CASE("bytes that mean nothing cost a JPEG nothing, and no detour") {
  const std::string whole = JpegOf(Scene(900, 600), {});
  const std::string body = whole.substr(0, whole.size() - 2);
  const std::string filled = body + std::string(40, '\0') + "\xFF\xD9";
  const std::string appended = whole + std::string(100'000, 'x');
  for (const std::string& jpeg : {filled, appended}) {
    CHECK(DamageOf(jpeg) == JpegDamage::kNone);
    const auto source = PlanarJpegSource::Open(jpeg);
    REQUIRE(source != nullptr);
    DecodedPlanes planes;
    CHECK(source->Decode(8, planes));
    CHECK(MakeRenditions(jpeg, {}, {}).ok());
  }
  const std::string progressive = JpegOf(Scene(900, 600), {.progressive = true});
  CHECK(MakeRenditions(
            progressive.substr(0, progressive.size() - 2) + std::string(40, '\0') + "\xFF\xD9", {},
            {})
            .ok());
}

TEST_CASE("what is wrong with a JPEG is told apart") {
  const std::string whole = JpegOf(Scene(900, 600), {.progressive = true});
  CHECK(DamageOf(whole) == JpegDamage::kNone);
  CHECK(DamageOf(Part(whole, 0.7)) == JpegDamage::kCutShort);
  CHECK(DamageOf("") != JpegDamage::kNone);
  CHECK(DamageOf("\xFF\xD8\xFF") != JpegDamage::kNone);
  // A restart in the middle, where there are none.
  std::string broken = JpegOf(Scene(900, 600), {});
  broken.replace(broken.size() / 2, 2, "\xFF\xD0");
  CHECK(DamageOf(broken) == JpegDamage::kBroken);
}

}  // namespace
}  // namespace proofline::imaging
