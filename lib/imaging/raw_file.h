// What LibRaw makes of a camera's RAW file. The only part that uses it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vips/vips8>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/imaging/geometry.h"
#include "lib/imaging/image_facts.h"
#include "lib/imaging/raw_preview.h"

namespace proofline::imaging {

// From the file's headers, without unpacking any sensor data.
struct RawHeader {
  // Of the picture as it is developed at full size, not turned: what the camera itself would
  // deliver, without the margins of the sensor.
  PixelSize size;
  // As the EXIF tag counts, 1 to 8.
  int orientation = 1;
  // The preview that LibRaw found, if it is a JPEG; else empty. A view of the file, mostly.
  EmbeddedJpeg preview;
  // What LibRaw read of camera, lens, exposure and time: for kinds of files that Exiv2 cannot read.
  ImageFacts facts;
};

// FailedPrecondition if LibRaw does not know this kind of file, ResourceExhausted if the sensor has
// more than `max_pixels`, InvalidArgument if it is damaged.
absl::StatusOr<RawHeader> ReadRawHeader(std::string_view file, std::uint64_t max_pixels);

enum class RawScale : std::uint8_t {
  kHalf,  // one pixel for each four of the sensor: no colour has to be guessed, and it is fast
  kFull,
};

// 16 bit sRGB of header.size or half of it (rounded; files that have all colours in each pixel come
// in full size), one or three bands, in memory, not turned: with the camera's white balance, white
// where the sensor is full (raw_tone.h makes it as light as a picture should be). Blocks for
// seconds at full size. Errors as above; a file whose data ends too early, or is damaged anywhere,
// fails.
absl::StatusOr<vips::VImage> DevelopRaw(std::string_view file, const RawHeader& header,
                                        RawScale scale, std::uint64_t max_pixels);

}  // namespace proofline::imaging
