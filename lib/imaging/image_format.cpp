#include "lib/imaging/image_format.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "lib/imaging/tiff_directories.h"

namespace proofline::imaging {
namespace {

using namespace std::string_view_literals;

// Whether any directory describes sensor data, or the first one a preview of such data elsewhere.
bool IsRawTiff(std::string_view bytes) {
  constexpr std::uint64_t kNewSubfileType = 254;
  constexpr std::uint64_t kCompression = 259;
  constexpr std::uint64_t kPhotometric = 262;
  constexpr std::uint64_t kSubDirectories = 330;
  constexpr std::uint64_t kDngVersion = 50706;
  // Colour filter array and linear raw.
  constexpr std::array<double, 2> kRawPhotometric = {32803, 34892};
  // Sony, Epson, Samsung, Nikon, Kodak and Pentax.
  constexpr std::array<double, 6> kRawCompression = {32767, 32769, 32770, 34713, 65000, 65535};

  const TiffDirectories tiff(bytes);
  const auto first_of = [&](std::uint64_t directory, std::uint64_t tag) {
    const std::vector<double> values = tiff.Values(directory, tag);
    return values.empty() ? -1 : values.front();
  };
  const auto has_any = [&](std::uint64_t directory, std::uint64_t tag, const auto& any) {
    return std::find(any.begin(), any.end(), first_of(directory, tag)) != any.end();
  };
  for (const std::uint64_t directory : tiff.offsets()) {
    if (has_any(directory, kPhotometric, kRawPhotometric) ||
        has_any(directory, kCompression, kRawCompression)) {
      return true;
    }
  }
  if (tiff.offsets().empty()) return false;
  const std::uint64_t first = tiff.offsets().front();
  const bool reduced = static_cast<int>(std::max(0.0, first_of(first, kNewSubfileType))) % 2 == 1;
  return first_of(first, kDngVersion) >= 0 || (reduced && first_of(first, kSubDirectories) >= 0);
}

bool IsTiffLike(std::string_view bytes) {
  return bytes.starts_with("II*\0"sv) || bytes.starts_with("MM\0*"sv) ||
         bytes.starts_with("II+\0"sv) || bytes.starts_with("MM\0+"sv);
}

std::string_view From(std::string_view bytes, std::size_t at, std::size_t size) {
  return bytes.size() < at ? std::string_view() : bytes.substr(at, size);
}

bool IsOtherRaw(std::string_view bytes) {
  return bytes.starts_with("IIRO"sv) || bytes.starts_with("IIRS"sv) ||
         bytes.starts_with("MMOR"sv) || bytes.starts_with("IIU\0"sv) ||
         bytes.starts_with("FUJIFILMCCD-RAW"sv) || bytes.starts_with("\0MRM"sv) ||
         bytes.starts_with("FOVb"sv) || From(bytes, 25, 7) == "ARECOYK"sv ||
         From(bytes, 6, 8) == "HEAPCCDR"sv ||
         (IsTiffLike(bytes) && (bytes.substr(8, 2) == "CR"sv || bytes.substr(8, 4) == "IIII"sv ||
                                bytes.substr(8, 4) == "MMMM"sv));
}

// ISO base media: the major brand, then compatible ones, inside the first box.
ImageFormat SniffBoxes(std::string_view bytes) {
  if (bytes.size() < 16 || bytes.substr(4, 4) != "ftyp"sv) return ImageFormat::kUnknown;
  std::size_t box = 0;
  for (std::size_t i = 0; i < 4; ++i) box = box << 8 | static_cast<std::uint8_t>(bytes[i]);
  bytes = bytes.substr(0, std::min<std::size_t>({box, bytes.size(), 256}));
  if (bytes.size() < 12) return ImageFormat::kUnknown;
  const auto has_brand = [&](std::string_view brand) {
    for (std::size_t at = 8; at + 4 <= bytes.size(); at += 4) {
      // The minor version stands between the major brand and the others.
      if (at != 12 && bytes.substr(at, 4) == brand) return true;
    }
    return false;
  };
  if (has_brand("crx "sv)) return ImageFormat::kRaw;
  if (has_brand("avif"sv) || has_brand("avis"sv)) return ImageFormat::kAvif;
  for (std::string_view brand : {"heic"sv, "heix"sv, "heim"sv, "heis"sv, "mif1"sv, "msf1"sv}) {
    if (has_brand(brand)) return ImageFormat::kHeif;
  }
  return ImageFormat::kUnknown;
}

}  // namespace

ImageFormat SniffFormat(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xD8\xFF"sv)) return ImageFormat::kJpeg;
  if (bytes.starts_with("\x89PNG\r\n\x1A\n"sv)) return ImageFormat::kPng;
  if (bytes.starts_with("RIFF"sv) && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP"sv) {
    return ImageFormat::kWebp;
  }
  if (bytes.size() >= 12 && IsOtherRaw(bytes)) return ImageFormat::kRaw;
  if (bytes.size() >= 8 && IsTiffLike(bytes)) {
    return IsRawTiff(bytes) ? ImageFormat::kRaw : ImageFormat::kTiff;
  }
  return SniffBoxes(bytes);
}

std::string_view FormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "jpeg";
    case ImageFormat::kTiff:
      return "tiff";
    case ImageFormat::kPng:
      return "png";
    case ImageFormat::kWebp:
      return "webp";
    case ImageFormat::kHeif:
      return "heif";
    case ImageFormat::kAvif:
      return "avif";
    case ImageFormat::kRaw:
      return "raw";
    case ImageFormat::kUnknown:
      break;
  }
  return "unknown";
}

std::string_view FormatTitle(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "the JPEG";
    case ImageFormat::kTiff:
      return "the TIFF";
    case ImageFormat::kPng:
      return "the PNG";
    case ImageFormat::kWebp:
      return "the WebP picture";
    case ImageFormat::kHeif:
      return "the HEIF picture";
    case ImageFormat::kAvif:
      return "the AVIF picture";
    case ImageFormat::kRaw:
      return "the camera RAW";
    case ImageFormat::kUnknown:
      break;
  }
  return "the picture";
}

}  // namespace proofline::imaging
