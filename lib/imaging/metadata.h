// What Exiv2 finds in a file: with raw_preview.h the only part that uses it.
#pragma once

#include <optional>
#include <string_view>

#include "lib/imaging/image_facts.h"
#include "lib/imaging/image_format.h"

namespace proofline::imaging {

// Silences Exiv2 and prepares its XMP parser; once, before the first read.
void StartMetadata();

struct Metadata {
  // Everything but format, size, digest, width and height.
  ImageFacts facts;
  // The tag as found in the file, 1 to 8.
  std::optional<int> orientation;
  // Whether the camera says that pixels without a profile are Adobe RGB.
  bool adobe_rgb = false;
  // The picture's size where the metadata is the only one to know (RAW), else 0.
  int width = 0;
  int height = 0;
};

// Reads what there is. Damaged metadata never fails a picture: what cannot be read is absent.
Metadata ReadMetadata(std::string_view file, ImageFormat format);

// The same from separate blocks, as HEIF keeps them: EXIF from its TIFF header on (a leading
// "Exif\0\0" is skipped), and an XMP packet. Either may be empty.
Metadata ReadMetadataBlocks(std::string_view exif, std::string_view xmp);

// Puts what an XMP file beside the original says in the place of what the original says: rating,
// label, title, caption, keywords, creator, copyright and location, each if it says anything.
// Nothing changes if it is empty or broken.
void ApplySidecar(std::string_view xmp, ImageFacts& facts);

}  // namespace proofline::imaging
