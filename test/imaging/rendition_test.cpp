#include <map>

#include "lib/imaging/jpeg_header.h"
#include "lib/imaging/render.h"
#include "lib/imaging/text.h"
#include "test/catch.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

using test::Encoded;
using test::Scene;
using test::SceneJpeg;
using vips::VImage;

Rendition Proof(const std::string& original, const Edit& edit = {}, int long_edge = 800) {
  const RenditionRequest request{
      .specs = {{.kind = "proof", .long_edge_px = long_edge, .quality = 92}}, .edit = edit};
  absl::StatusOr<Renditions> made = MakeRenditions(original, request, {});
  INFO(made.status().ToString());
  REQUIRE(made.ok());
  return made->renditions[0];
}

absl::Status FailureOf(const std::string& original, const PictureLimits& limits = {}) {
  test::StartLibvips();
  const absl::Status status = MakeRenditions(original, {}, limits).status();
  CHECK_FALSE(status.ok());
  CHECK(status.message().size() < 300);
  CHECK(IsValidUtf8(std::string(status.message())));
  return status;
}

std::string Reference(const VImage& picture) {
  return Encoded(picture, ".jpg[Q=98,subsample_mode=off,strip]");
}

// Marker codes of a JPEG's header, in order.
std::string Markers(const std::string& jpeg) {
  std::string markers;
  const std::string_view header = SplitJpegHeader(jpeg)->header;
  for (std::size_t at = 2; at + 4 <= header.size();) {
    markers += header[at + 1];
    at += 2 + (static_cast<unsigned char>(header[at + 2]) << 8 |
               static_cast<unsigned char>(header[at + 3]));
  }
  return markers;
}

TEST_CASE("both renditions come from one original, in the order asked for") {
  const absl::StatusOr<Renditions> made = MakeRenditions(SceneJpeg(2400, 1600), {}, {});
  REQUIRE(made.ok());
  REQUIRE(made->renditions.size() == 2);
  CHECK(made->renditions[0].kind == "thumbnail");
  CHECK(made->renditions[0].width == 320);
  CHECK(made->renditions[0].height == 213);
  CHECK(made->renditions[1].kind == "proof");
  CHECK(made->renditions[1].width == 1600);
  CHECK(made->renditions[1].height == 1067);
  CHECK(made->facts.format == "jpeg");
  CHECK(made->facts.width == 2400);
  CHECK(test::Decoded(made->renditions[1].jpeg).width() == 1600);
  CHECK(test::Ssim(Reference(Scene(2400, 1600).resize(2.0 / 3)), made->renditions[1].jpeg) > 0.98);
}

TEST_CASE("an original smaller than a rendition is not enlarged") {
  const Rendition proof = Proof(SceneJpeg(300, 200), {}, 1600);
  CHECK(proof.width == 300);
  CHECK(proof.height == 200);
}

TEST_CASE("all eight orientations give the same picture") {
  const std::string upright = Proof(SceneJpeg(900, 600)).jpeg;
  for (int orientation = 2; orientation <= 8; ++orientation) {
    INFO("orientation " << orientation);
    const Rendition proof = Proof(SceneJpeg(900, 600, orientation));
    CHECK(proof.width == 800);
    CHECK(proof.height == 533);
    CHECK(test::Ssim(upright, proof.jpeg) > 0.98);
  }
}

TEST_CASE("a rotation and a crop are applied to the upright picture, however it is stored") {
  const Crop crop{0.1, 0.05, 0.5, 0.6};
  const VImage wanted = Scene(900, 600).rot90().extract_area(60, 45, 300, 540);
  for (int orientation : {1, 3, 5, 6, 7, 8}) {
    INFO("orientation " << orientation);
    const Rendition proof =
        Proof(SceneJpeg(900, 600, orientation), {.rotation_degrees = 90, .crop = crop}, 1600);
    CHECK(proof.width == 300);
    CHECK(proof.height == 540);
    CHECK(test::Ssim(Reference(wanted), proof.jpeg) > 0.97);
  }
}

TEST_CASE("straightening turns clockwise about the middle and leaves no empty corner") {
  const double degrees = 7;
  // The same with libvips alone: turn at full size, keep the middle.
  const VImage turned = Scene(1200, 800).rotate(degrees);
  const EditedSize kept = SizeAfterEdit({1200, 800}, {.straighten_degrees = degrees});
  const int width = static_cast<int>(kept.width);
  const int height = static_cast<int>(kept.height);
  const VImage wanted = turned.extract_area((turned.width() - width) / 2,
                                            (turned.height() - height) / 2, width, height);
  for (int orientation : {1, 6, 4}) {
    INFO("orientation " << orientation);
    const Rendition proof =
        Proof(SceneJpeg(1200, 800, orientation), {.straighten_degrees = degrees}, 1600);
    CHECK(std::abs(proof.width - width) <= 1);
    CHECK(std::abs(proof.height - height) <= 1);
    CHECK(test::Ssim(Reference(wanted), proof.jpeg) > 0.93);
  }
  const Rendition cropped =
      Proof(SceneJpeg(1200, 800, 6),
            {.straighten_degrees = degrees, .crop = Crop{0.5, 0, 0.5, 0.5}}, 1600);
  CHECK(test::Ssim(Reference(wanted.extract_area(width / 2, 0, width / 2, height / 2)),
                   cropped.jpeg) > 0.93);
}

TEST_CASE("a rendition is baseline 4:2:0 with standard tables and nothing private") {
  const std::string original = test::WithTags(
      Encoded(Scene(900, 600).icc_export(VImage::option()->set("output_profile", "p3")),
              ".jpg[Q=96]"),
      {.exif = {{"Exif.Image.Make", "Canon"},
                {"Exif.Photo.BodySerialNumber", "123456"},
                {"Exif.GPSInfo.GPSLatitudeRef", "N"},
                {"Exif.GPSInfo.GPSLatitude", "52/1 30/1 0/1"}},
       .iptc = {{"Iptc.Application2.Caption", "private words"}},
       .xmp = {{"Xmp.dc.creator", "Ann"}}});
  const std::string jpeg = Proof(original).jpeg;
  const std::string plain = Proof(SceneJpeg(900, 600)).jpeg;
  CHECK(Markers(jpeg) == Markers(plain));
  const std::string markers = Markers(jpeg);
  CHECK(markers.find('\xE1') == std::string::npos);
  CHECK(markers.find('\xE2') == std::string::npos);
  CHECK(markers.find('\xED') == std::string::npos);
  CHECK(markers.find('\xFE') == std::string::npos);
  // One header for all renditions of one size and quality.
  CHECK(SplitJpegHeader(jpeg)->header == SplitJpegHeader(plain)->header);
  CHECK(test::Decoded(jpeg).get_string("jpeg-chroma-subsample") == std::string("4:2:0"));
}

TEST_CASE("nothing of what a camera knows about its owner is in a rendition") {
  const std::string secret = "SECRET-4711";
  test::Tags tags{.exif = {{"Exif.GPSInfo.GPSLatitudeRef", "N"},
                           {"Exif.GPSInfo.GPSLatitude", "52/1 30/1 0/1"},
                           {"Exif.GPSInfo.GPSAreaInformation", secret}},
                  .iptc = {{"Iptc.Application2.Caption", secret}},
                  .xmp = {{"Xmp.aux.SerialNumber", secret}, {"Xmp.exif.GPSLatitude", secret}}};
  for (const char* key :
       {"Exif.Image.CameraSerialNumber", "Exif.Photo.BodySerialNumber",
        "Exif.Photo.LensSerialNumber", "Exif.Photo.CameraOwnerName", "Exif.Photo.UserComment",
        "Exif.Photo.MakerNote", "Exif.Photo.ImageUniqueID", "Exif.Image.Artist",
        "Exif.Image.HostComputer", "Exif.Image.Copyright"}) {
    tags.exif.emplace_back(key, secret);
  }
  for (const char* suffix : {".jpg[Q=96]", ".png", ".tif", ".webp[lossless]"}) {
    INFO(suffix);
    const std::string original = test::WithTags(Encoded(Scene(900, 600), suffix), tags);
    REQUIRE(original.find(secret) != std::string::npos);
    const RenditionRequest request;
    const absl::StatusOr<Renditions> made = MakeRenditions(original, request, {});
    REQUIRE(made.ok());
    for (const Rendition& rendition : made->renditions) {
      CHECK(rendition.jpeg.find(secret) == std::string::npos);
      CHECK(rendition.jpeg.find("Exif") == std::string::npos);
      CHECK(rendition.jpeg.find("GPS") == std::string::npos);
      // One picture in it, and no thumbnail.
      CHECK(rendition.jpeg.find("\xFF\xD8\xFF", 1) == std::string::npos);
    }
    const PrintRequest print{.edit = {}, .spec = {.width_px = 300, .height_px = 200}};
    CHECK(RenderPrint(original, print, {})->jpeg.find(secret) == std::string::npos);
    // Copyright stays in the record.
    CHECK(made->facts.copyright == secret);
  }
}

TEST_CASE("a picture without a profile is Adobe RGB where EXIF says so, and else sRGB") {
  const VImage scene = Scene(600, 400);
  const std::string srgb = Encoded(scene, ".jpg[Q=96,subsample_mode=off]");
  const std::string declared = test::WithTags(
      srgb,
      {.exif = {{"Exif.Photo.ColorSpace", "65535"}, {"Exif.Iop.InteroperabilityIndex", "R03"}}});
  // By the standard's own numbers: to linear light, through XYZ, and back.
  const VImage linear = (scene / 255.0).pow(563.0 / 256) * 1.0;
  const VImage matrix =
      VImage::new_matrixv(3, 3, 1.39836, -0.39836, 0.0, 0.0, 1.0, 0.0, 0.0, -0.04293, 1.04293);
  const VImage wanted =
      (linear.recomb(matrix) * 1.0)
          .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_scRGB))
          .colourspace(VIPS_INTERPRETATION_sRGB);
  CHECK(test::DeltaE(Reference(wanted), Proof(declared).jpeg) < 1);
  CHECK(test::DeltaE(Reference(scene), Proof(declared).jpeg) > 2);
  // A profile is believed before the tag; and "uncalibrated" alone says nothing.
  const std::string tagged = Encoded(
      scene.icc_transform("srgb", VImage::option()->set("input_profile", "srgb")), ".jpg[Q=96]");
  CHECK(test::DeltaE(
            Reference(scene),
            Proof(test::WithTags(tagged, {.exif = {{"Exif.Photo.ColorSpace", "65535"},
                                                   {"Exif.Iop.InteroperabilityIndex", "R03"}}}))
                .jpeg) < 1);
  CHECK(test::DeltaE(
            Reference(scene),
            Proof(test::WithTags(srgb, {.exif = {{"Exif.Photo.ColorSpace", "65535"}}})).jpeg) < 1);
}

TEST_CASE("every profile ends up in sRGB") {
  const VImage scene = Scene(600, 400);
  const std::string wanted = Reference(scene);
  const VImage p3 = scene.icc_transform("p3", VImage::option()->set("input_profile", "srgb"));
  CHECK(test::DeltaE(wanted, Proof(Encoded(p3, ".tif")).jpeg) < 1.5);
  CHECK(test::DeltaE(wanted, Proof(Encoded(p3, ".png")).jpeg) < 1.5);
  const VImage cmyk = scene.icc_transform("cmyk", VImage::option()->set("input_profile", "srgb"));
  CHECK(test::DeltaE(wanted, Proof(Encoded(cmyk, ".tif")).jpeg) < 5);
  CHECK(test::DeltaE(wanted, Proof(Encoded(cmyk, ".jpg[Q=96]")).jpeg) < 5);
  // CMYK that does not say which.
  CHECK(test::DeltaE(wanted, Proof(Encoded(cmyk, ".jpg[Q=96,strip]")).jpeg) < 5);
}

TEST_CASE("a broken profile costs its colours, not the picture") {
  VImage scene = Scene(600, 400).copy();
  static char garbage[300] = "not a profile";
  scene.set(VIPS_META_ICC_NAME, nullptr, garbage, sizeof(garbage));
  CHECK(test::DeltaE(Reference(Scene(600, 400)), Proof(Encoded(scene, ".png")).jpeg) < 1.5);
}

TEST_CASE("grey, 16 bit, transparent, palette and progressive originals come out right") {
  const VImage scene = Scene(600, 400);
  const std::string wanted = Reference(scene);
  const VImage deep = scene.colourspace(VIPS_INTERPRETATION_RGB16);
  CHECK(test::DeltaE(wanted, Proof(Encoded(deep, ".png")).jpeg) < 1.5);
  CHECK(test::DeltaE(wanted, Proof(Encoded(deep, ".tif")).jpeg) < 1.5);
  CHECK(test::DeltaE(wanted, Proof(Encoded(scene, ".jpg[Q=96,interlace=true]")).jpeg) < 1.5);
  CHECK(test::DeltaE(wanted, Proof(Encoded(scene, ".webp[lossless]")).jpeg) < 1.5);

  const VImage grey = scene.colourspace(VIPS_INTERPRETATION_B_W);
  const VImage grey_rgb = grey.colourspace(VIPS_INTERPRETATION_sRGB);
  for (const char* suffix : {".jpg[Q=96]", ".png", ".tif", ".png[bitdepth=1]"}) {
    INFO(suffix);
    const std::string proof = Proof(Encoded(grey, suffix)).jpeg;
    CHECK(test::Decoded(proof).bands() == 3);
    if (std::string(suffix) != ".png[bitdepth=1]")
      CHECK(test::DeltaE(Reference(grey_rgb), proof) < 1.5);
  }
  CHECK(test::DeltaE(wanted, Proof(Encoded(scene, ".png[palette=true]")).jpeg) < 4);

  for (const VImage& base : {scene, deep}) {
    const double most = base.format() == VIPS_FORMAT_USHORT ? 65535 : 255;
    const VImage half = (base.extract_band(0) * 0 + most / 2).cast(base.format());
    const VImage on_white =
        ((scene + 255) / 2)
            .cast(VIPS_FORMAT_UCHAR)
            .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
    CHECK(test::DeltaE(Reference(on_white), Proof(Encoded(base.bandjoin(half), ".png")).jpeg) < 2);
  }
}

TEST_CASE("a JPEG that was cut short fails, wherever it was cut and however it is cropped") {
  for (const std::string& jpeg :
       {SceneJpeg(900, 600), Encoded(Scene(900, 600), ".jpg[Q=96,interlace=true]")}) {
    for (double part : {0.05, 0.4, 0.9, 0.99}) {
      INFO("part " << part);
      const std::string cut = jpeg.substr(0, static_cast<std::size_t>(jpeg.size() * part));
      CHECK(std::string(FailureOf(cut).message()).find("cut short") != std::string::npos);
      const Edit top_only{.crop = Crop{0, 0, 1, 0.02}};
      CHECK_FALSE(MakeRenditions(cut, {.edit = top_only}, {}).ok());
    }
  }
}

TEST_CASE("other files that were cut short fail too") {
  for (const char* suffix : {".png", ".tif", ".webp"}) {
    INFO(suffix);
    const std::string whole = Encoded(Scene(600, 400), suffix);
    CHECK(absl::IsInvalidArgument(FailureOf(whole.substr(0, whole.size() / 2))));
  }
}

TEST_CASE("what is no picture fails with a reason") {
  CHECK(std::string(FailureOf("").message()).find("empty") != std::string::npos);
  CHECK(std::string(FailureOf("hello").message()).find("supported") != std::string::npos);
  CHECK(std::string(FailureOf(Encoded(Scene(20, 20), ".gif")).message()).find("supported") !=
        std::string::npos);
  CHECK(absl::IsInvalidArgument(FailureOf(std::string(1000, '\xFF'))));
}

TEST_CASE("a picture that claims more pixels than the limit is refused undecoded") {
  const absl::Status small_limit = FailureOf(SceneJpeg(400, 300), {.max_pixels = 100'000});
  CHECK(absl::IsResourceExhausted(small_limit));
  std::string liar = SceneJpeg(400, 300);
  const std::size_t frame = liar.find("\xFF\xC0");
  REQUIRE(frame != std::string::npos);
  liar.replace(frame + 5, 4, "\xFF\xDC\xFF\xDC");
  CHECK(absl::IsResourceExhausted(FailureOf(liar)));
}

// A little-endian TIFF-like file with one directory, and a JPEG after it: no camera LibRaw knows.
std::string UnknownRaw(int orientation, const std::string& preview) {
  const auto number = [](std::uint32_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
    return text;
  };
  const auto entry = [&](std::uint32_t tag, std::uint32_t type, std::uint32_t count,
                         std::uint32_t value) {
    return number(tag, 2) + number(type, 2) + number(count, 4) + number(value, 4);
  };
  constexpr std::uint32_t kEntries = 4;
  constexpr std::uint32_t kPreviewAt = 8 + 2 + kEntries * 12 + 4;
  return std::string("II*\0\x08\0\0\0", 8) + number(kEntries, 2) +
         entry(274, 3, 1, static_cast<std::uint32_t>(orientation)) + entry(513, 4, 1, kPreviewAt) +
         entry(514, 4, 1, static_cast<std::uint32_t>(preview.size())) +
         entry(50706, 1, 4, 0x00000401) + number(0, 4) + preview;
}

TEST_CASE("of a RAW that cannot be developed the preview is shown, and printed if large enough") {
  const std::string raw = UnknownRaw(6, test::Encoded(Scene(1500, 1000).rot270(), ".jpg[Q=96]"));
  const Rendition proof = Proof(raw);
  CHECK(proof.width == 800);
  CHECK(proof.height == 533);
  CHECK(test::Ssim(Reference(Scene(1500, 1000)), proof.jpeg) > 0.9);
  CHECK(Inspect(raw, {})->format == "raw");
  CHECK(Inspect(raw, {})->orientation == 6);
  // A page needs real pixels.
  const PrintRequest small{.edit = {}, .spec = {.width_px = 900, .height_px = 600}};
  CHECK(RenderPrint(raw, small, {}).ok());
  const PrintRequest large{.edit = {}, .spec = {.width_px = 3000, .height_px = 2000}};
  CHECK(absl::IsFailedPrecondition(RenderPrint(raw, large, {}).status()));
}

TEST_CASE("a RAW that cannot be developed and has no usable preview says so") {
  const absl::Status status = FailureOf(UnknownRaw(1, SceneJpeg(600, 400)));
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(std::string(status.message()).find("cannot be developed") != std::string::npos);
  const std::string jpeg = SceneJpeg(1500, 1000);
  CHECK_FALSE(MakeRenditions(UnknownRaw(1, jpeg.substr(0, jpeg.size() / 2)), {}, {}).ok());
  using std::string_view_literals::operator""sv;
  const std::string dng("II*\0\x08\0\0\0\x01\0\x12\xC6\x01\0\x04\0\0\0\x01\x04\0\0\0\0\0\0"sv);
  CHECK_FALSE(FailureOf(dng).message().empty());
}

}  // namespace
}  // namespace proofline::imaging
