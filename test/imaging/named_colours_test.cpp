// HEIF and AVIF whose colours are named by number, as phones and cameras write them.
#include "lib/imaging/named_colours.h"

#include <libheif/heif.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/imaging/render.h"
#include "test/catch.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

using vips::VImage;

struct Numbers {
  int primaries;
  int transfer;
  int matrix;
};

constexpr int kBits = 12;
constexpr double kMost = (1 << kBits) - 1;

// Red, green and blue from 0 to 1.
using Pixel = std::array<double, 3>;

struct Pixels {
  int width;
  int height;
  std::vector<Pixel> values;
};

void Check(const heif_error& error) {
  INFO(error.message);
  REQUIRE(error.code == heif_error_Ok);
}

heif_error Append(heif_context* /*context*/, const void* data, size_t size, void* to) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(data), size);
  return {heif_error_Ok, heif_suberror_Unspecified, "written"};
}

void Fill(heif_image* image, const Pixels& pixels) {
  Check(heif_image_add_plane(image, heif_channel_interleaved, pixels.width, pixels.height, kBits));
  int stride = 0;
  std::uint8_t* plane = heif_image_get_plane(image, heif_channel_interleaved, &stride);
  for (int y = 0; y < pixels.height; ++y) {
    for (int x = 0; x < pixels.width; ++x) {
      for (int band = 0; band < 3; ++band) {
        const double value = pixels.values[static_cast<std::size_t>(y) * pixels.width + x][band];
        const auto level = static_cast<unsigned>(std::lround(std::clamp(value, 0.0, 1.0) * kMost));
        std::uint8_t* at = plane + std::ptrdiff_t{y} * stride + std::ptrdiff_t{x} * 6 + band * 2;
        at[0] = static_cast<std::uint8_t>(level & 0xFF);
        at[1] = static_cast<std::uint8_t>(level >> 8);
      }
    }
  }
}

// An AVIF of 12 bits without a profile; empty where libheif has no encoder.
std::string Avif(const Pixels& pixels, const Numbers& numbers) {
  const std::unique_ptr<heif_context, decltype(&heif_context_free)> context(heif_context_alloc(),
                                                                            heif_context_free);
  heif_encoder* encoder = nullptr;
  if (heif_context_get_encoder_for_format(context.get(), heif_compression_AV1, &encoder).code !=
      heif_error_Ok) {
    return {};
  }
  Check(heif_encoder_set_lossy_quality(encoder, 97));
  Check(heif_encoder_set_parameter_string(encoder, "chroma", "444"));
  heif_image* image = nullptr;
  Check(heif_image_create(pixels.width, pixels.height, heif_colorspace_RGB,
                          heif_chroma_interleaved_RRGGBB_LE, &image));
  Fill(image, pixels);
  heif_color_profile_nclx* nclx = heif_nclx_color_profile_alloc();
  Check(heif_nclx_color_profile_set_color_primaries(nclx,
                                                    static_cast<std::uint16_t>(numbers.primaries)));
  Check(heif_nclx_color_profile_set_transfer_characteristics(
      nclx, static_cast<std::uint16_t>(numbers.transfer)));
  Check(heif_nclx_color_profile_set_matrix_coefficients(
      nclx, static_cast<std::uint16_t>(numbers.matrix)));
  nclx->full_range_flag = 1;
  Check(heif_image_set_nclx_color_profile(image, nclx));
  heif_encoding_options* options = heif_encoding_options_alloc();
  options->output_nclx_profile = nclx;
  Check(heif_context_encode_image(context.get(), image, encoder, options, nullptr));
  std::string file;
  heif_writer writer{.writer_api_version = 1, .write = Append};
  Check(heif_context_write(context.get(), &writer, &file));
  heif_encoding_options_free(options);
  heif_nclx_color_profile_free(nclx);
  heif_image_release(image);
  heif_encoder_release(encoder);
  return file;
}

double Light(double stored) {
  return stored <= 0.04045 ? stored / 12.92 : std::pow((stored + 0.055) / 1.055, 2.4);
}
double Stored(double light) {
  return light <= 0.0031308 ? light * 12.92 : 1.055 * std::pow(light, 1 / 2.4) - 0.055;
}

// The scene in other primaries: each of its colours is the same colour to the eye.
Pixels InPrimaries(const VImage& scene, const std::array<Pixel, 3>& from_srgb) {
  const VImage memory = scene.copy_memory();
  const auto* bytes = static_cast<const std::uint8_t*>(memory.data());
  Pixels pixels{memory.width(), memory.height(), {}};
  pixels.values.resize(static_cast<std::size_t>(pixels.width) * pixels.height);
  for (std::size_t i = 0; i < pixels.values.size(); ++i) {
    for (std::size_t row = 0; row < 3; ++row) {
      double light = 0;
      for (std::size_t band = 0; band < 3; ++band) {
        light += from_srgb[row][band] * Light(bytes[i * 3 + band] / 255.0);
      }
      pixels.values[i][row] = Stored(light);
    }
  }
  return pixels;
}

constexpr std::array<Pixel, 3> kToDisplayP3 = {
    {{0.822462, 0.177538, 0}, {0.033194, 0.966806, 0}, {0.017083, 0.072397, 0.910520}}};
constexpr std::array<Pixel, 3> kToBt2020 = {{{0.627404, 0.329283, 0.043313},
                                             {0.069097, 0.919540, 0.011362},
                                             {0.016391, 0.088013, 0.895595}}};
constexpr std::array<Pixel, 3> kNoChange = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};

std::string Shown(const std::string& file) {
  const absl::StatusOr<Renditions> made =
      MakeRenditions(file, {.specs = {{.kind = "proof", .long_edge_px = 600, .quality = 97}}}, {});
  INFO(made.status().ToString());
  REQUIRE(made.ok());
  return made->renditions[0].jpeg;
}

// What stripes of these stored values become: the mean of the middle of each.
std::vector<double> ShownGreys(const std::vector<double>& stored, const Numbers& numbers) {
  constexpr int kSide = 64;
  Pixels pixels{kSide * static_cast<int>(stored.size()), kSide, {}};
  for (int y = 0; y < kSide; ++y) {
    for (double value : stored) {
      pixels.values.insert(pixels.values.end(), kSide, {value, value, value});
    }
  }
  const std::string file = Avif(pixels, numbers);
  std::vector<double> greys;
  if (file.empty()) return greys;
  const VImage picture = test::Decoded(Shown(file));
  for (std::size_t i = 0; i < stored.size(); ++i) {
    greys.push_back(
        picture
            .extract_area(static_cast<int>(i) * kSide + kSide / 4, kSide / 4, kSide / 2, kSide / 2)
            .avg());
  }
  return greys;
}

constexpr char kNoEncoder[] = "this libheif has no encoder of AVIF";

TEST_CASE("Display P3 and BT.2020 that are only named are converted to sRGB") {
  test::StartLibvips();
  const VImage scene = test::Scene(600, 400);
  const std::string wanted = test::Encoded(scene, ".jpg[Q=98,subsample_mode=off]");
  const struct {
    Numbers numbers;
    std::array<Pixel, 3> from_srgb;
  } cases[] = {{{12, 13, 1}, kToDisplayP3}, {{9, 13, 9}, kToBt2020}, {{9, 14, 9}, kToBt2020}};
  for (const auto& [numbers, from_srgb] : cases) {
    INFO("primaries " << numbers.primaries << ", transfer " << numbers.transfer);
    const Pixels pixels = InPrimaries(scene, from_srgb);
    const std::string file = Avif(pixels, numbers);
    if (file.empty()) {
      WARN(kNoEncoder);
      return;
    }
    CHECK_FALSE(NamedColourProfile(file).empty());
    CHECK(NamedColourProfile(file) == NamedColourProfile(file));
    CHECK(test::DeltaE(wanted, Shown(file)) < 1.5);
    // The same pixels, taken for sRGB.
    const std::string as_srgb = Avif(pixels, {1, 13, 1});
    CHECK(test::DeltaE(wanted, Shown(as_srgb)) > 2);
  }
}

TEST_CASE("sRGB and BT.709 need no profile, and what nobody knows is taken as sRGB") {
  test::StartLibvips();
  const VImage scene = test::Scene(300, 200);
  const std::string wanted = test::Encoded(scene, ".jpg[Q=98,subsample_mode=off]");
  for (const Numbers& numbers :
       {Numbers{1, 13, 1}, Numbers{1, 1, 1}, Numbers{2, 2, 6}, Numbers{10, 13, 1}}) {
    const std::string file = Avif(InPrimaries(scene, kNoChange), numbers);
    if (file.empty()) {
      WARN(kNoEncoder);
      return;
    }
    CHECK(NamedColourProfile(file).empty());
    CHECK(test::DeltaE(wanted, Shown(file)) < 1.5);
  }
  CHECK(NamedColourProfile("no file of boxes").empty());
  CHECK(NamedColourProfile("").empty());
}

TEST_CASE("a profile counts more than named colours") {
  test::StartLibvips();
  const VImage scene = test::Scene(300, 200);
  const VImage tagged = scene.icc_transform("p3", VImage::option()->set("input_profile", "srgb"));
  const std::string file = test::Encoded(tagged, ".avif[Q=95]");
  CHECK(NamedColourProfile(file).empty());
  const std::string wanted = test::Encoded(scene, ".jpg[Q=98,subsample_mode=off]");
  CHECK(test::DeltaE(wanted, Shown(file)) < 1.5);
}

TEST_CASE("HDR light keeps its dark and middle tones, and its highlights roll off") {
  test::StartLibvips();
  // PQ and HLG of 5, 20, 60, 203 and 1000 candelas.
  const std::vector<double> pq = {0.2478, 0.3570, 0.4578, 0.5807, 0.7518};
  const std::vector<double> hlg = {0.1905, 0.3394, 0.5342, 0.75, 1.0};
  for (const auto& [stored, numbers] :
       {std::pair{pq, Numbers{9, 16, 9}}, std::pair{hlg, Numbers{9, 18, 9}}}) {
    INFO("transfer " << numbers.transfer);
    const std::vector<double> greys = ShownGreys(stored, numbers);
    if (greys.empty()) {
      WARN(kNoEncoder);
      return;
    }
    CHECK(std::abs(greys[0] - 255 * Stored(5 / 203.0)) < 4);
    CHECK(std::abs(greys[1] - 255 * Stored(20 / 203.0)) < 4);
    CHECK(std::abs(greys[2] - 255 * Stored(60 / 203.0)) < 4);
    CHECK(greys[3] > 215);
    CHECK(greys[3] < 240);
    CHECK(greys[4] > 252);
  }
}

}  // namespace
}  // namespace proofline::imaging
