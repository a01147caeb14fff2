// What a file is, by its content. Names are not asked.
#pragma once

#include <cstdint>
#include <string_view>

namespace proofline::imaging {

enum class ImageFormat : std::uint8_t {
  kUnknown,
  kJpeg,
  kTiff,
  kPng,
  kWebp,
  kHeif,
  kAvif,
  kRaw,  // any camera's raw file, DNG included
};

// Looks at the first bytes, and for TIFF-like files at their first directory. kUnknown for all that
// is not on the list of formats this project decodes, however many more libvips could.
ImageFormat SniffFormat(std::string_view bytes);

// "jpeg", as in ImageFacts::format.
std::string_view FormatName(ImageFormat format);
// "the JPEG", as in a sentence.
std::string_view FormatTitle(ImageFormat format);

}  // namespace proofline::imaging
