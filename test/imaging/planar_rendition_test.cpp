// The short way to renditions beside the general one, which takes over for every progressive JPEG.
#include "lib/imaging/planar_rendition.h"

#include <cmath>
#include <filesystem>
#include <random>

#include "lib/base/file.h"
#include "lib/imaging/jpeg_header.h"
#include "lib/imaging/jpeg_output.h"
#include "lib/imaging/planar_jpeg_source.h"
#include "lib/imaging/render.h"
#include "lib/imaging/text.h"
#include "test/catch.h"
#include "test/imaging/sampled_jpeg.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

using test::JpegKind;
using test::JpegOf;
using test::Scene;
using vips::VImage;

RenditionRequest Request(const Edit& edit = {}, int long_edge = 500) {
  return {.specs = {{.kind = "thumbnail", .long_edge_px = 160, .quality = 92},
                    {.kind = "proof", .long_edge_px = long_edge, .quality = 92}},
          .edit = edit};
}

std::optional<std::vector<Rendition>> Planar(const std::string& jpeg,
                                             const RenditionRequest& request = Request()) {
  const absl::StatusOr<Picture> picture = Picture::Open(jpeg, {});
  REQUIRE(picture.ok());
  return MakePlanarRenditions(*picture, request);
}

// With libvips alone.
std::vector<Rendition> General(const std::string& jpeg,
                               const RenditionRequest& request = Request()) {
  const absl::StatusOr<Picture> picture = Picture::Open(jpeg, {});
  REQUIRE(picture.ok());
  std::vector<Rendition> made;
  for (const RenditionSpec& spec : request.specs) {
    const RenderPlan plan = PlanRendition(picture->upright(), picture->stored_to_upright(),
                                          request.edit, spec.long_edge_px);
    const absl::StatusOr<VImage> pixels = picture->Render(plan);
    REQUIRE(pixels.ok());
    made.push_back({spec.kind, pixels->width(), pixels->height(),
                    EncodeJpeg(*pixels, {.quality = spec.quality, .subsample = true})});
  }
  return made;
}

double Psnr(const VImage& a, const VImage& b) {
  const VImage difference = a.cast(VIPS_FORMAT_FLOAT) - b.cast(VIPS_FORMAT_FLOAT);
  return 10 * std::log10(255.0 * 255.0 / ((difference * difference).avg() + 1e-9));
}

double MeanDifference(const VImage& a, const VImage& b) {
  const VImage difference = a.cast(VIPS_FORMAT_FLOAT) - b.cast(VIPS_FORMAT_FLOAT);
  double most = 0;
  for (int band = 0; band < difference.bands(); ++band) {
    most = std::max(most, std::abs(difference.extract_band(band).avg()));
  }
  return most;
}

// How near the pictures must be: in every pixel, and in what each colour is on the whole.
struct Alike {
  double psnr = 33;
  double mean = 0.7;
};

void CheckAlike(const std::vector<Rendition>& planar, const std::vector<Rendition>& general,
                Alike least = {}) {
  REQUIRE(planar.size() == general.size());
  for (std::size_t i = 0; i < planar.size(); ++i) {
    INFO(planar[i].kind);
    CHECK(planar[i].kind == general[i].kind);
    REQUIRE(planar[i].width == general[i].width);
    REQUIRE(planar[i].height == general[i].height);
    const VImage ours = test::Decoded(planar[i].jpeg);
    const VImage theirs = test::Decoded(general[i].jpeg);
    CHECK(Psnr(ours, theirs) > least.psnr);
    CHECK(MeanDifference(ours, theirs) < least.mean);
    CHECK(SplitJpegHeader(planar[i].jpeg)->header == SplitJpegHeader(general[i].jpeg)->header);
  }
}

TEST_CASE("both ways give the same renditions, whatever the subsampling and the size") {
  for (const auto& [across, down] : {std::pair{1, 1}, {2, 1}, {2, 2}, {1, 2}}) {
    for (const PixelSize size : {PixelSize{1600, 1200},
                                 {1601, 1067},
                                 {999, 1333},
                                 {501, 377},
                                 {500, 375},
                                 {733, 489},
                                 {2411, 1603},
                                 {97, 75}}) {
      INFO(across << " by " << down << ", " << size.width << " by " << size.height);
      const std::string jpeg =
          JpegOf(Scene(size.width, size.height), {.across = across, .down = down});
      const auto planar = Planar(jpeg);
      REQUIRE(planar.has_value());
      CheckAlike(*planar, General(jpeg));
    }
  }
}

TEST_CASE("every scale of the decoder gives the picture in its place") {
  const std::string jpeg = JpegOf(Scene(1603, 1201), {});
  for (int long_edge : {1603, 1290, 1100, 900, 700, 580, 400, 290, 150, 100}) {
    INFO("long edge " << long_edge);
    const RenditionRequest request{
        .specs = {{.kind = "proof", .long_edge_px = long_edge, .quality = 95}}, .edit = {}};
    const auto planar = Planar(jpeg, request);
    REQUIRE(planar.has_value());
    const VImage exact = Scene(1603, 1201)
                             .resize((*planar)[0].width / 1603.0,
                                     VImage::option()->set("vscale", (*planar)[0].height / 1201.0));
    CHECK(Psnr(exact, test::Decoded((*planar)[0].jpeg)) > 35);
  }
}

TEST_CASE("all eight orientations come out upright") {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    INFO("orientation " << orientation);
    // Odd sizes: chroma samples at the edges are for fewer pixels.
    const VImage stored = test::Decoded(test::SceneJpeg(1201, 803, orientation));
    const std::string jpeg = test::WithTags(
        JpegOf(stored.copy(), {}),
        {.exif = {{"Exif.Image.Orientation", std::to_string(orientation)}}, .iptc = {}, .xmp = {}});
    for (int long_edge : {500, 499, 333}) {
      const RenditionRequest request = Request({}, long_edge);
      const auto planar = Planar(jpeg, request);
      REQUIRE(planar.has_value());
      CheckAlike(*planar, General(jpeg, request));
    }
  }
}

TEST_CASE("rotations and crops are the same on both ways") {
  const Edit edits[] = {
      {.rotation_degrees = 90},
      {.rotation_degrees = 180, .crop = Crop{0.25, 0.125, 0.5, 0.5}},
      {.rotation_degrees = 270, .crop = Crop{0, 0.5, 0.25, 0.5}},
      {.crop = Crop{0.75, 0, 0.25, 1}},
  };
  for (int orientation : {1, 5, 6}) {
    const std::string jpeg = test::WithTags(
        JpegOf(Scene(1600, 1200), {}),
        {.exif = {{"Exif.Image.Orientation", std::to_string(orientation)}}, .iptc = {}, .xmp = {}});
    for (const Edit& edit : edits) {
      INFO("orientation " << orientation << ", rotation " << edit.rotation_degrees);
      const auto planar = Planar(jpeg, Request(edit));
      REQUIRE(planar.has_value());
      CheckAlike(*planar, General(jpeg, Request(edit)), {.psnr = 33, .mean = 1});
    }
  }
}

TEST_CASE("grey JPEGs take the short way too") {
  const std::string jpeg = JpegOf(Scene(1203, 901), {.grey = true});
  const auto planar = Planar(jpeg);
  REQUIRE(planar.has_value());
  CheckAlike(*planar, General(jpeg));
  CHECK(test::Decoded((*planar)[0].jpeg).bands() == 3);
}

TEST_CASE("what this way is not for is left to the general one") {
  const VImage scene = Scene(900, 600);
  CHECK_FALSE(Planar(JpegOf(scene, {.progressive = true})).has_value());
  CHECK_FALSE(Planar(JpegOf(scene, {.rgb = true})).has_value());
  CHECK_FALSE(Planar(JpegOf(scene, {.across = 4, .down = 1})).has_value());
  CHECK_FALSE(Planar(JpegOf(Scene(40, 20), {})).has_value());
  CHECK_FALSE(Planar(test::Encoded(scene, ".png")).has_value());
  CHECK_FALSE(Planar(JpegOf(scene, {}), Request({.straighten_degrees = 3})).has_value());
  const VImage cmyk = scene.icc_transform("cmyk", VImage::option()->set("input_profile", "srgb"));
  CHECK_FALSE(Planar(test::Encoded(cmyk, ".jpg")).has_value());
  // And comes out right.
  for (const std::string& jpeg :
       {JpegOf(scene, {.progressive = true}), JpegOf(scene, {.rgb = true}),
        JpegOf(scene, {.across = 4, .down = 1})}) {
    const absl::StatusOr<Renditions> made = MakeRenditions(jpeg, Request(), {});
    REQUIRE(made.ok());
    CheckAlike(made->renditions, General(JpegOf(scene, {})), {.psnr = 33, .mean = 1});
  }
}

TEST_CASE("the small picture is brought from its profile to sRGB") {
  const VImage scene = Scene(1201, 801);
  for (int orientation : {1, 6}) {
    const VImage p3 = scene.icc_transform("p3", VImage::option()->set("input_profile", "srgb"));
    const std::string jpeg = test::WithTags(
        JpegOf(p3, {}),
        {.exif = {{"Exif.Image.Orientation", std::to_string(orientation)}}, .iptc = {}, .xmp = {}});
    const auto short_way = Planar(jpeg);
    REQUIRE(short_way.has_value());
    CheckAlike(*short_way, General(jpeg));
    const absl::StatusOr<Picture> picture = Picture::Open(jpeg, {});
    REQUIRE(picture.ok());
    const RenderPlan plan =
        PlanRendition(picture->upright(), picture->stored_to_upright(), {}, 500);
    const std::optional<VImage> planar = RenderPlanar(*picture, plan);
    REQUIRE(planar.has_value());
    const absl::StatusOr<VImage> general = picture->Render(plan);
    REQUIRE(general.ok());
    CHECK(Psnr(*planar, *general) > 36);
    CHECK(MeanDifference(*planar, *general) < 0.7);
    const absl::StatusOr<Renditions> made = MakeRenditions(jpeg, Request(), {});
    REQUIRE(made.ok());
    CheckAlike(made->renditions, General(jpeg));
  }
}

TEST_CASE("what EXIF calls Adobe RGB is brought to sRGB") {
  const std::string jpeg = test::WithTags(
      JpegOf(Scene(900, 600), {}),
      {.exif = {{"Exif.Photo.ColorSpace", "65535"}, {"Exif.Iop.InteroperabilityIndex", "R03"}},
       .iptc = {},
       .xmp = {}});
  REQUIRE(Picture::Open(jpeg, {})->assumed_colour() == AssumedColour::kAdobeRgb);
  const auto planar = Planar(jpeg);
  REQUIRE(planar.has_value());
  CheckAlike(*planar, General(jpeg));
}

TEST_CASE("a watermark is laid on, and only where it is asked for") {
  const std::string jpeg = JpegOf(Scene(900, 600), {});
  RenditionRequest request = Request();
  request.watermark.emplace();
  request.watermark->text = "PROOF";
  request.specs[1].watermarked = true;
  CHECK_FALSE(Planar(jpeg, request).has_value());
  const absl::StatusOr<Renditions> made = MakeRenditions(jpeg, request, {});
  INFO(made.status().ToString());
  REQUIRE(made.ok());
  const std::vector<Rendition> plain = General(jpeg);
  CHECK(Psnr(test::Decoded(made->renditions[0].jpeg), test::Decoded(plain[0].jpeg)) > 33);
  CHECK(Psnr(test::Decoded(made->renditions[1].jpeg), test::Decoded(plain[1].jpeg)) < 33);
}

TEST_CASE("a JPEG that was cut short fails as on the general way, wherever it was cut") {
  const std::string whole = JpegOf(Scene(900, 600), {});
  const std::string progressive = JpegOf(Scene(900, 600), {.progressive = true});
  for (double part : {0.05, 0.3, 0.5, 0.8, 0.95, 0.999}) {
    INFO("part " << part);
    const std::string cut = whole.substr(0, static_cast<std::size_t>(part * whole.size()));
    const auto made = MakeRenditions(cut, Request(), {});
    REQUIRE_FALSE(made.ok());
    CHECK(absl::IsInvalidArgument(made.status()));
    const auto general = MakeRenditions(
        progressive.substr(0, static_cast<std::size_t>(part * progressive.size())), Request(), {});
    CHECK(made.status() == general.status());
  }
}

TEST_CASE("damaged JPEGs never take the short way to a picture, and never a process along") {
  const std::string whole = JpegOf(Scene(640, 480), {.across = 2, .down = 1});
  std::mt19937 random(7);
  int failed = 0;
  for (int i = 0; i < 400; ++i) {
    std::string damaged = whole;
    const int bytes = 1 + static_cast<int>(random() % 8);
    for (int k = 0; k < bytes; ++k) {
      damaged[random() % damaged.size()] = static_cast<char>(random() & 0xFF);
    }
    const absl::StatusOr<Renditions> made = MakeRenditions(damaged, Request(), {});
    if (made.ok()) {
      CHECK(SplitJpegHeader(made->renditions[1].jpeg).ok());
      continue;
    }
    ++failed;
    CHECK(made.status().message().size() > 10);
    CHECK(IsValidUtf8(std::string(made.status().message())));
  }
  CHECK(failed > 0);
  // One that ends in the middle, with an end marker in the right place.
  const std::string half = whole.substr(0, whole.size() / 2) + "\xFF\xD9";
  const absl::StatusOr<Picture> picture = Picture::Open(half, {});
  REQUIRE(picture.ok());
  CHECK_FALSE(MakePlanarRenditions(*picture, Request()).has_value());
}

TEST_CASE("limits hold before anything is decoded") {
  const std::string jpeg = JpegOf(Scene(900, 600), {});
  CHECK(
      absl::IsResourceExhausted(MakeRenditions(jpeg, Request(), {.max_pixels = 500'000}).status()));
}

TEST_CASE("a source opens for the JPEGs it is for alone") {
  CHECK(PlanarJpegSource::Open(JpegOf(Scene(64, 48), {})) != nullptr);
  CHECK(PlanarJpegSource::Open("") == nullptr);
  CHECK(PlanarJpegSource::Open("\xFF\xD8\xFF") == nullptr);
  CHECK(PlanarJpegSource::Open(std::string(1000, '\xFF')) == nullptr);
  CHECK(PlanarJpegSource::Open(JpegOf(Scene(64, 48), {.arithmetic = true})) == nullptr);
}

TEST_CASE("real photographs come out the same on both ways") {
  const std::filesystem::path folder = test::FolderFromEnvironment("PROOFLINE_TEST_PHOTOS");
  if (folder.empty()) return;
  test::StartLibvips();
  int planar_ones = 0;
  for (const std::filesystem::path& path : test::FilesIn(folder)) {
    INFO(path.string());
    const absl::StatusOr<std::string> file = base::ReadFile(path, 1 << 30);
    REQUIRE(file.ok());
    const absl::StatusOr<Picture> picture = Picture::Open(*file, {});
    if (!picture.ok()) continue;
    const auto planar = MakePlanarRenditions(*picture, {});
    if (!planar) continue;
    ++planar_ones;
    // Noise at the limit of what a proof can show differs most, and colours at the edge of what RGB
    // can hold: cut off in each pixel of the original, or in those of the proof.
    CheckAlike(*planar, General(*file, {}), {.psnr = 27, .mean = 2});
  }
  CHECK(planar_ones > 60);
}

}  // namespace
}  // namespace proofline::imaging
