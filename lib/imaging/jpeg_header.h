// The two parts of a JPEG: a header that many renditions share, and the pixels, which they do not.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/imaging/geometry.h"

namespace proofline::imaging {

// Views into the bytes that were split.
struct SplitJpeg {
  // From the first byte to the end of the (first) scan's header.
  std::string_view header;
  // Everything after: entropy-coded data, the end marker, and whatever follows.
  std::string_view body;
};

// Splits the bytes of a baseline JPEG. JoinJpeg of the parts is always the same bytes again, and
// the header of one rendition can stand in front of the body of another only if both headers are
// equal. Reads hostile bytes safely, and no more than the header.
//
// InvalidArgument for everything else (progressive, arithmetic, lossless, cut inside the header, no
// JPEG at all): such bytes are kept whole.
absl::StatusOr<SplitJpeg> SplitJpegHeader(std::string_view jpeg);

// What a header says of the picture's size; nothing by nothing if it is not one of
// SplitJpegHeader's.
PixelSize JpegFrameSize(std::string_view header);

std::string JoinJpeg(std::string_view header, std::string_view body);

// Whether an end marker follows the first scan of a JPEG of any kind. Where it is missing the file
// was cut short, for entropy-coded data cannot contain one.
bool HasEndOfImage(std::string_view jpeg);

}  // namespace proofline::imaging
