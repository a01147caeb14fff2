// The decoder of ordinary JPEGs beside libjpeg's coefficients, transformed as T.81 defines it.
#include "lib/imaging/baseline_scan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "lib/imaging/block_transform.h"
#include "lib/imaging/huffman_table.h"
#include "lib/imaging/libjpeg.h"
#include "lib/imaging/planar_jpeg_source.h"
#include "lib/imaging/scan_bytes.h"
#include "test/catch.h"
#include "test/imaging/sampled_jpeg.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

using test::JpegOf;
using test::Scene;

// The waves of a block, back to pixels, by the definition.
double PixelOf(const JBLOCK& block, const JQUANT_TBL& steps, int edge, int x, int y) {
  double sum = 0;
  for (int down = 0; down < edge; ++down) {
    for (int across = 0; across < edge; ++across) {
      const double weight = block[8 * down + across] * steps.quantval[8 * down + across];
      sum += weight * (across == 0 ? std::sqrt(0.125) : 0.5) *
             (down == 0 ? std::sqrt(0.125) : 0.5) *
             std::cos((2 * x + 1) * across * std::numbers::pi / (2 * edge)) *
             std::cos((2 * y + 1) * down * std::numbers::pi / (2 * edge));
    }
  }
  return std::clamp(sum + 128, 0.0, 255.0);
}

// The greatest difference from what the definition gives, of all samples of all planes.
double GreatestDifference(const std::string& jpeg, const DecodedPlanes& decoded, int edge) {
  jpeg_decompress_struct info{};
  JpegErrors errors{};
  info.err = StrictErrors(errors);
  REQUIRE(setjmp(errors.escape) == 0);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(jpeg.data()), jpeg.size());
  jpeg_read_header(&info, TRUE);
  jvirt_barray_ptr* const arrays = jpeg_read_coefficients(&info);
  double greatest = 0;
  for (int i = 0; i < info.num_components; ++i) {
    const jpeg_component_info& part = info.comp_info[i];
    const Plane& plane = decoded.planes[i];
    for (int y = 0; y < plane.height(); ++y) {
      const JBLOCKARRAY row =
          info.mem->access_virt_barray(reinterpret_cast<j_common_ptr>(&info), arrays[i],
                                       static_cast<JDIMENSION>(y / edge), 1, FALSE);
      for (int x = 0; x < plane.width(); ++x) {
        const double exact = PixelOf(row[0][x / edge], *info.quant_tbl_ptrs[part.quant_tbl_no],
                                     edge, x % edge, y % edge);
        greatest = std::max(greatest, std::abs(exact - plane.row(y)[x]));
      }
    }
  }
  jpeg_destroy_decompress(&info);
  return greatest;
}

std::string Noise(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string noise(bytes, '\0');
  for (char& byte : noise) byte = static_cast<char>(random() & 0xFF);
  return noise;
}

vips::VImage NoisePicture(int width, int height) {
  const auto band = [&](int seed) {
    return vips::VImage::gaussnoise(
        width, height,
        vips::VImage::option()->set("mean", 128)->set("sigma", 70)->set("seed", seed));
  };
  return band(1).bandjoin(band(2)).bandjoin(band(3)).cast(VIPS_FORMAT_UCHAR).copy_memory();
}

bool Decodes(const std::string& jpeg, int edge, DecodedPlanes& decoded) {
  const auto source = PlanarJpegSource::Open(jpeg);
  REQUIRE(source != nullptr);
  return source->Decode(edge, decoded);
}

bool Decodes(const std::string& jpeg) {
  DecodedPlanes decoded;
  return Decodes(jpeg, 4, decoded);
}

// Where the coded data begins.
std::size_t DataOf(const std::string& jpeg) {
  const std::size_t scan = jpeg.find("\xFF\xDA");
  REQUIRE(scan != std::string::npos);
  return scan + 2 + static_cast<unsigned char>(jpeg[scan + 2]) * 256 +
         static_cast<unsigned char>(jpeg[scan + 3]);
}

TEST_CASE("every sample at every eighth is what the definition says, whatever the subsampling") {
  test::StartLibvips();
  for (const auto& [across, down] : {std::pair{1, 1}, {2, 1}, {2, 2}, {1, 2}}) {
    for (const vips::VImage& picture : {Scene(147, 101), NoisePicture(97, 75)}) {
      const std::string jpeg = JpegOf(picture, {.across = across, .down = down, .quality = 97});
      for (int edge = 1; edge <= 8; ++edge) {
        INFO(across << " by " << down << ", " << edge << " eighths, width " << picture.width());
        DecodedPlanes decoded;
        REQUIRE(Decodes(jpeg, edge, decoded));
        REQUIRE(decoded.count == 3);
        CHECK(decoded.planes[0].width() == (picture.width() * edge + 7) / 8);
        CHECK(std::abs(decoded.picture[0].width - picture.width() * edge / 8.0) < 1e-9);
        CHECK(std::abs(decoded.picture[1].height - picture.height() * edge / 8.0 / down) < 1e-9);
        CHECK(GreatestDifference(jpeg, decoded, edge) < 0.51);
      }
    }
  }
}

TEST_CASE("grey pictures and every quality decode as the definition says") {
  test::StartLibvips();
  for (int quality : {1, 20, 50, 75, 90, 100}) {
    for (bool grey : {false, true}) {
      INFO("quality " << quality << ", grey " << grey);
      const std::string jpeg = JpegOf(Scene(131, 90), {.quality = quality, .grey = grey});
      DecodedPlanes decoded;
      REQUIRE(Decodes(jpeg, 8, decoded));
      CHECK(decoded.count == (grey ? 1 : 3));
      CHECK(GreatestDifference(jpeg, decoded, 8) < 0.51);
    }
  }
}

TEST_CASE("restart markers are passed wherever they are") {
  test::StartLibvips();
  for (int interval : {1, 2, 3, 7, 8, 9, 50, 65535}) {
    INFO("restart interval " << interval);
    const std::string jpeg =
        JpegOf(NoisePicture(200, 120), {.quality = 90, .restart_interval = interval});
    DecodedPlanes decoded;
    REQUIRE(Decodes(jpeg, 4, decoded));
    CHECK(GreatestDifference(jpeg, decoded, 4) < 0.51);
  }
}

TEST_CASE("a restart marker that is missing, repeated or of another number is not accepted") {
  test::StartLibvips();
  const std::string jpeg = JpegOf(Scene(200, 120), {.restart_interval = 9});
  REQUIRE(Decodes(jpeg));
  const std::size_t marker = jpeg.find("\xFF\xD1", DataOf(jpeg));
  REQUIRE(marker != std::string::npos);
  std::string other = jpeg;
  other[marker + 1] = '\xD2';
  CHECK_FALSE(Decodes(other));
  CHECK_FALSE(Decodes(std::string(jpeg).erase(marker, 2)));
  CHECK_FALSE(Decodes(std::string(jpeg).insert(marker, "\xFF\xD1")));
  // Fill bytes before a marker mean nothing.
  CHECK(Decodes(std::string(jpeg).insert(marker, "\xFF\xFF\xFF")));
}

TEST_CASE("pictures larger than the window of bytes decode to the last sample") {
  test::StartLibvips();
  const std::string jpeg = JpegOf(NoisePicture(700, 500), {.across = 1, .down = 1, .quality = 100});
  REQUIRE(jpeg.size() > 500'000);
  DecodedPlanes decoded;
  REQUIRE(Decodes(jpeg, 2, decoded));
  CHECK(GreatestDifference(jpeg, decoded, 2) < 0.51);
}

TEST_CASE("a JPEG without an end, with too little data or too much is not accepted") {
  test::StartLibvips();
  const std::string jpeg = JpegOf(Scene(200, 120), {});
  REQUIRE(Decodes(jpeg));
  for (std::size_t cut = 1; cut < 40; ++cut) {
    INFO("without its last " << cut);
    const std::string shorter = jpeg.substr(0, jpeg.size() - cut);
    CHECK_FALSE(Decodes(shorter));
    if (cut > 2) CHECK_FALSE(Decodes(shorter + "\xFF\xD9"));
  }
  // A few bytes before the end are what cameras leave there.
  CHECK(Decodes(std::string(jpeg).insert(jpeg.size() - 2, 40, '\0')));
  CHECK_FALSE(Decodes(std::string(jpeg).insert(jpeg.size() - 2, jpeg.size() / 10, '\0')));
  CHECK_FALSE(Decodes(jpeg.substr(0, DataOf(jpeg))));
  CHECK_FALSE(Decodes(jpeg.substr(0, DataOf(jpeg)) + "\xFF\xD9"));
  // What lies behind the end is not looked at.
  CHECK(Decodes(jpeg + Noise(1000, 5)));
}

TEST_CASE("data of any bytes ends in planes or in a refusal") {
  test::StartLibvips();
  const std::string jpeg = JpegOf(Scene(200, 120), {.across = 2, .down = 1});
  const std::string header = jpeg.substr(0, DataOf(jpeg));
  int refused = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::string noise = Noise(20'000, seed);
    // Markers would end most of them at once.
    for (std::size_t i = 0; i < noise.size(); ++i) {
      if (noise[i] == '\xFF' && seed % 3 != 0) noise[i] = '\x7F';
    }
    DecodedPlanes decoded;
    refused +=
        Decodes(header + noise + "\xFF\xD9", 1 + static_cast<int>(seed % 8), decoded) ? 0 : 1;
  }
  CHECK(refused == 300);
}

TEST_CASE("pixels are the same whatever instructions a machine has") {
  std::mt19937 random(4);
  std::array<std::uint16_t, 64> steps{};
  for (std::uint16_t& step : steps) step = static_cast<std::uint16_t>(1 + random() % 40);
  for (int edge = 1; edge <= 8; ++edge) {
    INFO("edge " << edge);
    std::array<std::array<std::uint8_t, 512>, 2> pixels{};
    const BlockTransform::Instructions kinds[] = {BlockTransform::Instructions::kOfEveryMachine,
                                                  BlockTransform::BestHere()};
    for (std::size_t i = 0; i < 2; ++i) {
      BlockRun run{};
      std::mt19937 same(static_cast<unsigned>(edge));
      for (int wave = 0; wave < edge * edge; ++wave) {
        for (int block = 0; block < BlockRun::kBlocks; ++block) {
          run.lane(block)[wave * BlockRun::kBlocks] = static_cast<int>(same() % 41) - 20;
        }
      }
      // Seven of eight, so that the last would be seen.
      BlockTransform(edge, steps, kinds[i]).Write(run, 7, pixels[i].data(), 8 * edge);
      CHECK(run.lane(3)[0] == 0);
    }
    for (std::size_t at = 0; at < 512; ++at) {
      REQUIRE(std::abs(pixels[0][at] - pixels[1][at]) <= 1);
      const int x = static_cast<int>(at) % (8 * edge);
      if (x >= 7 * edge || static_cast<int>(at) >= 8 * edge * edge) REQUIRE(pixels[1][at] == 0);
    }
  }
}

TEST_CASE("tables of codes that cannot be are refused") {
  std::array<std::uint8_t, 16> counts{};
  const std::array<std::uint8_t, 4> values = {0, 1, 2, 3};
  const auto table = [&] { return HuffmanTable::Make(HuffmanTable::Of::kFirst, counts, values); };
  // Codes 00, 01 and 100.
  counts[1] = 2;
  counts[2] = 1;
  REQUIRE(table().has_value());
  CHECK(table()->Find(std::uint64_t{0b01} << 62).bits() == 3);
  CHECK(table()->Find(std::uint64_t{0b100} << 61).value_bits() == 2);
  CHECK(table()->Find(std::uint64_t{0b101} << 61).advance() == HuffmanSymbol::kNoSymbol);
  counts[0] = 3;
  CHECK_FALSE(table().has_value());
  counts[0] = 0;
  counts[2] = 10;
  CHECK_FALSE(table().has_value());
  counts[2] = 3;
  CHECK_FALSE(table().has_value());
}

TEST_CASE("codes of all lengths are found") {
  // One code of each length, and a second one of the longest: 0, 10, 110 …
  std::array<std::uint8_t, 16> counts;
  counts.fill(1);
  std::vector<std::uint8_t> values;
  for (std::uint8_t i = 0; i < 16; ++i) values.push_back(static_cast<std::uint8_t>(i % 11));
  const auto table = HuffmanTable::Make(HuffmanTable::Of::kFirst, counts, values);
  REQUIRE(table.has_value());
  for (unsigned bits = 1; bits <= 16; ++bits) {
    INFO(bits << " bits");
    const std::uint64_t code = ((std::uint64_t{1} << bits) - 2) << (64 - bits);
    const HuffmanSymbol symbol = table->Find(code);
    CHECK(symbol.value_bits() == (bits - 1) % 11);
    CHECK(symbol.bits() == bits + (bits - 1) % 11);
  }
  CHECK(table->Find(~std::uint64_t{0}).advance() == HuffmanSymbol::kNoSymbol);
}

TEST_CASE("bytes come without the zeros that were stuffed in, in pieces that end at markers") {
  const std::string file("\x01\xFF\x00\x02\xFF\xD0\x03\xFF\xFF\xD9\x04", 11);
  ScanBytes bytes(file);
  CHECK(bytes.is_complete());
  CHECK(bytes.marker() == 0xD0);
  CHECK(std::string(bytes.begin(), bytes.end()) == "\x01\xFF\x02");
  CHECK(bytes.end()[0] == 0);
  bytes.NextPiece();
  CHECK(std::string(bytes.begin(), bytes.end()) == "\x03");
  CHECK(bytes.marker() == 0xD9);
  CHECK(ScanBytes("").marker() == 0);
  CHECK(ScanBytes("\xFF").is_complete());
}

TEST_CASE("the window moves over data of any length, and loses nothing") {
  const std::string plain = Noise(300'000, 11);
  std::string stuffed;
  for (char byte : plain) {
    stuffed += byte;
    if (byte == '\xFF') stuffed += '\0';
  }
  const std::string file = stuffed + "\xFF\xD9";
  ScanBytes bytes(file);
  std::string read;
  std::mt19937 random(2);
  const std::uint8_t* place = bytes.begin();
  while (place != bytes.end() || !bytes.is_complete()) {
    const std::ptrdiff_t there = bytes.end() - place;
    const std::ptrdiff_t step = std::min<std::ptrdiff_t>(there, random() % 30'000);
    read.append(reinterpret_cast<const char*>(place), static_cast<std::size_t>(step));
    place = bytes.MoveTo(place + step);
    CHECK((bytes.is_complete() || bytes.end() - place >= ScanBytes::kMargin));
  }
  CHECK(read == plain);
  CHECK(bytes.marker() == 0xD9);
}

}  // namespace
}  // namespace proofline::imaging
