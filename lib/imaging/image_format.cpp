#include "lib/imaging/image_format.h"

#include <algorithm>
#include <optional>

namespace proofline::imaging {
namespace {

using namespace std::string_view_literals;

// Reads numbers of a TIFF-like file in its own byte order; every read is checked.
class TiffReader {
 public:
  explicit TiffReader(std::string_view bytes)
      : bytes_(bytes), little_endian_(bytes.starts_with("II")) {}

  std::optional<std::uint32_t> Number(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || bytes_.size() - at < size) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t from = little_endian_ ? at + size - 1 - i : at + i;
      value = value << 8 | static_cast<std::uint8_t>(bytes_[from]);
    }
    return value;
  }

 private:
  std::string_view bytes_;
  bool little_endian_;
};

// Whether the first directory describes sensor data, or a preview of such data elsewhere.
bool IsRawTiff(std::string_view bytes) {
  constexpr std::uint32_t kNewSubfileType = 254;
  constexpr std::uint32_t kCompression = 259;
  constexpr std::uint32_t kPhotometric = 262;
  constexpr std::uint32_t kSubDirectories = 330;
  constexpr std::uint32_t kDngVersion = 50706;
  constexpr std::size_t kEntrySize = 12;

  const TiffReader reader(bytes);
  const auto directory = reader.Number(4, 4);
  const auto entries = directory ? reader.Number(*directory, 2) : std::nullopt;
  if (!entries) return false;
  bool reduced = false;
  bool has_sub_directories = false;
  for (std::uint32_t i = 0; i < *entries; ++i) {
    const std::size_t at = std::size_t{*directory} + 2 + i * kEntrySize;
    const auto tag = reader.Number(at, 2);
    const auto type = reader.Number(at + 2, 2);
    if (!tag || !type) return false;
    const auto value = reader.Number(at + 8, *type == 3 ? 2 : 4);
    if (!value) return false;
    if (*tag == kDngVersion) return true;
    if (*tag == kSubDirectories) has_sub_directories = true;
    if (*tag == kNewSubfileType) reduced = (*value & 1) != 0;
    // Colour filter array and linear raw.
    if (*tag == kPhotometric && (*value == 32803 || *value == 34892)) return true;
    // Sony, Nikon and Pentax.
    if (*tag == kCompression && (*value == 32767 || *value == 34713 || *value == 65535))
      return true;
  }
  return reduced && has_sub_directories;
}

bool IsTiffLike(std::string_view bytes) {
  return bytes.starts_with("II*\0"sv) || bytes.starts_with("MM\0*"sv) ||
         bytes.starts_with("II+\0"sv) || bytes.starts_with("MM\0+"sv);
}

bool IsOtherRaw(std::string_view bytes) {
  return bytes.starts_with("IIRO"sv) || bytes.starts_with("IIRS"sv) ||
         bytes.starts_with("MMOR"sv) || bytes.starts_with("IIU\0"sv) ||
         bytes.starts_with("FUJIFILMCCD-RAW"sv) || bytes.starts_with("\0MRM"sv) ||
         bytes.starts_with("FOVb"sv) || bytes.substr(6, 8) == "HEAPCCDR"sv ||
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
