#include "lib/imaging/image_format.h"

#include <string>

#include "test/catch.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;

TEST_CASE("formats are known by their content") {
  const vips::VImage scene = test::Scene(40, 30);
  CHECK(SniffFormat(test::Encoded(scene, ".jpg")) == ImageFormat::kJpeg);
  CHECK(SniffFormat(test::Encoded(scene, ".png")) == ImageFormat::kPng);
  CHECK(SniffFormat(test::Encoded(scene, ".tif")) == ImageFormat::kTiff);
  CHECK(SniffFormat(test::Encoded(scene, ".webp")) == ImageFormat::kWebp);
  CHECK(SniffFormat("\0\0\0\x18"
                    "ftypheic\0\0\0\0mif1heic"sv) == ImageFormat::kHeif);
  CHECK(SniffFormat("\0\0\0\x18"
                    "ftypmif1\0\0\0\0mif1avif"sv) == ImageFormat::kAvif);
  CHECK(SniffFormat("\0\0\0\x18"
                    "ftypcrx \0\0\0\x01"
                    "crx isom"sv) == ImageFormat::kRaw);
  CHECK(SniffFormat("FUJIFILMCCD-RAW 0201"sv) == ImageFormat::kRaw);
  CHECK(SniffFormat(std::string(25, 'x') + "ARECOYK, read from its end") == ImageFormat::kRaw);
  // Canon, Phase One, Sigma, Panasonic, Olympus.
  for (std::string_view raw : {"II*\0\x10\0\0\0CR\x02\0"sv, "II\x1A\0\0\0HEAPCCDR\x02\0"sv,
                               "II*\0\x10\0\0\0IIII"sv, "FOVb\x01\0\x02\0\0\0\0\0"sv,
                               "IIU\0\x18\0\0\0\x88\xE7\x74\xD8"sv, "IIRO\x08\0\0\0\x0C\0\0\0"sv}) {
    CHECK(SniffFormat(raw) == ImageFormat::kRaw);
  }
}

TEST_CASE("a TIFF that describes sensor data is a RAW file") {
  // One entry: DNGVersion.
  const std::string dng("II*\0\x08\0\0\0\x01\0\x12\xC6\x01\0\x04\0\0\0\x01\x04\0\0\0\0\0\0"sv);
  CHECK(SniffFormat(dng) == ImageFormat::kRaw);
  CHECK(SniffFormat(dng.substr(0, 14)) == ImageFormat::kTiff);
}

TEST_CASE("a TIFF whose sensor data is in a directory below, or in a later one, is a RAW file") {
  const auto sensor = [](char compression) {
    // Compression and a colour filter array.
    return "\x02\0\x03\x01\x03\0\x01\0\0\0"s + compression +
           "\0\0\0\x06\x01\x03\0\x01\0\0\0\x23\x80\0\0\0\0\0\0"s;
  };
  // One entry: the directory below, at 26; no next one.
  const std::string below = "II*\0\x08\0\0\0\x01\0\x4A\x01\x04\0\x01\0\0\0\x1A\0\0\0\0\0\0\0"s;
  CHECK(SniffFormat(below + sensor(1)) == ImageFormat::kRaw);
  CHECK(SniffFormat(below) == ImageFormat::kTiff);
  // One entry of no meaning; the next directory at 26.
  const std::string next = "II*\0\x08\0\0\0\x01\0\0\x01\x03\0\x01\0\0\0\x08\0\0\0\x1A\0\0\0"s;
  CHECK(SniffFormat(next + sensor(7)) == ImageFormat::kRaw);
}

TEST_CASE("what is not on the list of formats is unknown, however well libvips knows it") {
  for (std::string_view bytes :
       {"GIF89a........"sv, "%PDF-1.7........"sv, "<svg xmlns='http://www.w3.org/2000/svg'/>"sv,
        "BM..............."sv, "P6 1 1 255 abc"sv, ""sv, "\xFF"sv,
        "\0\0\0\x18"
        "ftypisom\0\0\0\0mp42isom"sv}) {
    CHECK(SniffFormat(bytes) == ImageFormat::kUnknown);
  }
}

}  // namespace
}  // namespace proofline::imaging
