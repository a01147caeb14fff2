#include "lib/imaging/jpeg_header.h"

#include <cstddef>
#include <cstdint>

#include "lib/base/text.h"

namespace proofline::imaging {
namespace {

constexpr std::uint8_t kStartOfImage = 0xD8;
constexpr std::uint8_t kBaselineFrame = 0xC0;
constexpr std::uint8_t kHuffmanTables = 0xC4;
constexpr std::uint8_t kQuantisationTables = 0xDB;
constexpr std::uint8_t kRestartInterval = 0xDD;
constexpr std::uint8_t kStartOfScan = 0xDA;
constexpr std::uint8_t kComment = 0xFE;

std::uint8_t ByteAt(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

bool IsApplicationSegment(std::uint8_t marker) { return marker >= 0xE0 && marker <= 0xEF; }

bool MayStandInHeader(std::uint8_t marker) {
  return marker == kBaselineFrame || marker == kHuffmanTables || marker == kQuantisationTables ||
         marker == kRestartInterval || marker == kStartOfScan || marker == kComment ||
         IsApplicationSegment(marker);
}

// A scan header names its components in its first byte; its length follows from that.
bool IsWholeScanHeader(std::string_view segment) {
  if (segment.size() < 3) return false;
  const std::size_t components = ByteAt(segment, 2);
  return components >= 1 && components <= 4 && segment.size() == 6 + 2 * components;
}

absl::Status NotSplit(std::string_view why) {
  return absl::InvalidArgumentError(base::Concat("the JPEG has no header to split off: ", why));
}

}  // namespace

absl::StatusOr<SplitJpeg> SplitJpegHeader(std::string_view jpeg) {
  if (jpeg.size() < 4 || ByteAt(jpeg, 0) != 0xFF || ByteAt(jpeg, 1) != kStartOfImage) {
    return NotSplit("it does not begin like a JPEG");
  }
  bool frame_seen = false;
  std::size_t at = 2;
  // Every turn moves `at` on by at least 4 bytes.
  while (jpeg.size() - at >= 4) {
    if (ByteAt(jpeg, at) != 0xFF) return NotSplit("a segment does not begin with a marker");
    const std::uint8_t marker = ByteAt(jpeg, at + 1);
    if (!MayStandInHeader(marker)) return NotSplit("it is not a baseline JPEG");
    const std::size_t length = std::size_t{ByteAt(jpeg, at + 2)} << 8 | ByteAt(jpeg, at + 3);
    if (length < 2 || length > jpeg.size() - at - 2) return NotSplit("a segment is cut short");
    if (marker == kBaselineFrame) {
      if (frame_seen) return NotSplit("it has two frames");
      frame_seen = true;
    }
    const std::size_t end = at + 2 + length;
    if (marker == kStartOfScan) {
      if (!frame_seen) return NotSplit("a scan comes before the frame");
      if (!IsWholeScanHeader(jpeg.substr(at + 2, length))) {
        return NotSplit("the scan's header is malformed");
      }
      return SplitJpeg{jpeg.substr(0, end), jpeg.substr(end)};
    }
    at = end;
  }
  return NotSplit("it ends inside the header");
}

PixelSize JpegFrameSize(std::string_view header) {
  const auto number = [&](std::size_t at) {
    return static_cast<int>(ByteAt(header, at)) << 8 | ByteAt(header, at + 1);
  };
  std::size_t at = 2;
  while (header.size() >= 9 && at <= header.size() - 9) {
    if (ByteAt(header, at + 1) == kBaselineFrame) return {number(at + 7), number(at + 5)};
    at += 2 + static_cast<std::size_t>(number(at + 2));
  }
  return {};
}

std::string JoinJpeg(std::string_view header, std::string_view body) {
  return base::Concat(header, body);
}

bool HasEndOfImage(std::string_view jpeg) {
  std::size_t at = 2;
  while (at < jpeg.size() && jpeg.size() - at >= 4) {
    if (ByteAt(jpeg, at) != 0xFF) return false;
    const std::uint8_t marker = ByteAt(jpeg, at + 1);
    // Any number of fill bytes may stand before a marker.
    if (marker == 0xFF) {
      ++at;
      continue;
    }
    at += 2 + (std::size_t{ByteAt(jpeg, at + 2)} << 8 | ByteAt(jpeg, at + 3));
    if (marker == kStartOfScan) {
      return at < jpeg.size() && jpeg.find("\xFF\xD9", at) != std::string_view::npos;
    }
  }
  return false;
}

}  // namespace proofline::imaging
