#include "lib/imaging/cut_short.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "lib/base/text.h"
#include "lib/imaging/tiff_directories.h"

namespace proofline::imaging {
namespace {

using namespace std::string_view_literals;

// Beyond the end everything is 0.
std::uint64_t BigEndian(std::string_view file, std::uint64_t at, std::uint64_t size) {
  std::uint64_t value = 0;
  for (std::uint64_t i = at; i < at + size; ++i) {
    value = value << 8 | (i < file.size() ? static_cast<std::uint8_t>(file[i]) : 0);
  }
  return value;
}

bool EndsBefore(std::string_view file, std::uint64_t offset, std::uint64_t size) {
  return offset > file.size() || file.size() - offset < size;
}

bool FujifilmLeavesFile(std::string_view file) {
  for (std::uint64_t at : {84, 92, 100}) {
    if (EndsBefore(file, BigEndian(file, at, 4), BigEndian(file, at + 4, 4))) return true;
  }
  return false;
}

// ISO base media: HEIF, AVIF, and what Canon's newer cameras write.
bool BoxesLeaveFile(std::string_view file) {
  std::uint64_t at = 0;
  for (int i = 0; i < 64 && at < file.size(); ++i) {
    std::uint64_t size = BigEndian(file, at, 4);
    if (size == 0) return false;
    if (size == 1) size = BigEndian(file, at + 8, 8);
    if (size < 8 || EndsBefore(file, at, size)) return true;
    at += size;
  }
  return false;
}

// Whether strips or tiles lie beyond the end.
bool PiecesLeaveFile(const TiffDirectories& tiff, std::uint64_t directory) {
  constexpr std::pair<std::uint64_t, std::uint64_t> kPieces[] = {{273, 279}, {324, 325}};
  for (const auto& [offset_tag, size_tag] : kPieces) {
    const std::vector<double> offsets = tiff.Values(directory, offset_tag);
    const std::vector<double> sizes = tiff.Values(directory, size_tag);
    for (std::size_t i = 0; i < std::min(offsets.size(), sizes.size()); ++i) {
      if (tiff.EndsBefore(offsets[i], sizes[i])) return true;
    }
  }
  return false;
}

// Whether there is less than can hold a sensor's pixels: a bit for each is the least that the
// lossless ways to store them take. Decoders go on with whatever follows.
bool SensorLeavesFile(const TiffDirectories& tiff, std::uint64_t directory) {
  constexpr std::array<double, 2> kSensor = {32803, 34892};
  // None, lossless JPEG, Nikon's and Pentax' Huffman codes.
  constexpr std::array<double, 4> kLossless = {1, 7, 34713, 65535};
  const auto number = [&](std::uint64_t tag, double absent) {
    const std::vector<double> values = tiff.Values(directory, tag);
    return values.empty() ? absent : values.front();
  };
  const auto is_one_of = [](const auto& list, double value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  if (!is_one_of(kSensor, number(262, 0)) || !is_one_of(kLossless, number(259, 1))) return false;
  double bytes = 0;
  for (std::uint64_t sizes : {279, 325}) {
    const std::vector<double> pieces = tiff.Values(directory, sizes);
    bytes = std::accumulate(pieces.begin(), pieces.end(), bytes);
  }
  return bytes > 0 && bytes < number(256, 0) * number(257, 0) / 8;
}

bool IsBigTiff(std::string_view file) {
  return file.substr(2, 2) == "+\0"sv || file.substr(2, 2) == "\0+"sv;
}

// The first page is the picture.
bool TiffLeavesFile(std::string_view file) {
  if (IsBigTiff(file)) return false;
  const TiffDirectories tiff(file);
  if (tiff.offsets().empty()) return tiff.incomplete();
  return PiecesLeaveFile(tiff, tiff.offsets().front());
}

// Panasonic's sensor data goes on to the end of the file. Packed as tightly as any of its cameras
// before 2022 packs it, it has 16 bytes for 14 pixels.
bool PanasonicLeavesFile(std::string_view file) {
  constexpr std::uint64_t kSensorWidth = 2;
  constexpr std::uint64_t kSensorHeight = 3;
  constexpr std::uint64_t kRawFormat = 45;
  constexpr std::uint64_t kRawDataOffset = 280;
  constexpr double kLastKnownFormat = 7;
  const TiffDirectories tiff(file);
  if (tiff.offsets().empty()) return tiff.incomplete();
  const auto number = [&](std::uint64_t tag) {
    const std::vector<double> values = tiff.Values(tiff.offsets().front(), tag);
    return values.size() == 1 ? values[0] : 0;
  };
  if (number(kRawDataOffset) <= 0 || number(kRawFormat) > kLastKnownFormat) return false;
  const double least = number(kSensorWidth) * number(kSensorHeight) * 16 / 14;
  return tiff.EndsBefore(number(kRawDataOffset), 0.98 * least);
}

bool RawLeavesFile(std::string_view file) {
  if (file.starts_with("FUJIFILMCCD-RAW"sv)) return FujifilmLeavesFile(file);
  if (file.size() >= 8 && file.substr(4, 4) == "ftyp"sv) return BoxesLeaveFile(file);
  if (file.starts_with("IIU\0"sv)) return PanasonicLeavesFile(file);
  if (!file.starts_with("II"sv) && !file.starts_with("MM"sv)) return false;
  const TiffDirectories tiff(file);
  return tiff.incomplete() ||
         std::any_of(tiff.offsets().begin(), tiff.offsets().end(), [&](std::uint64_t directory) {
           return PiecesLeaveFile(tiff, directory) || SensorLeavesFile(tiff, directory);
         });
}

bool PngLeavesFile(std::string_view file) {
  std::uint64_t at = 8;
  while (!EndsBefore(file, at, 12)) {
    if (file.substr(at + 4, 4) == "IEND"sv) return false;
    at += 12 + BigEndian(file, at, 4);
  }
  return true;
}

bool WebpLeavesFile(std::string_view file) {
  std::uint64_t size = 0;
  for (std::size_t i = 8; i-- > 4;) size = size << 8 | static_cast<std::uint8_t>(file[i]);
  // Some writers leave out the last byte, which is there to make the number even.
  return size + 8 > file.size() + 1;
}

}  // namespace

bool LooksCutShort(std::string_view file, ImageFormat format) {
  if (file.size() < 12) return false;
  switch (format) {
    case ImageFormat::kTiff:
      return TiffLeavesFile(file);
    case ImageFormat::kPng:
      return PngLeavesFile(file);
    case ImageFormat::kWebp:
      return WebpLeavesFile(file);
    case ImageFormat::kHeif:
    case ImageFormat::kAvif:
      return BoxesLeaveFile(file);
    case ImageFormat::kRaw:
      return RawLeavesFile(file);
    case ImageFormat::kJpeg:
    case ImageFormat::kUnknown:
      break;
  }
  return false;
}

absl::Status EndsTooEarly(ImageFormat format) {
  return absl::InvalidArgumentError(
      base::Concat(FormatTitle(format), " ends too early: the file was cut short"));
}

}  // namespace proofline::imaging
