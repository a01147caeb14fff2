#include "lib/imaging/raw_preview.h"

#include <cstdint>
#include <exception>
#include <exiv2/exiv2.hpp>
#include <initializer_list>

#include "lib/imaging/exiv2_file.h"
#include "lib/imaging/image_format.h"
#include "lib/imaging/tiff_directories.h"

namespace proofline::imaging {
namespace {

// TIFF 6.0, sections 8 and 22: what a directory says of where its picture is, as one piece.
constexpr std::uint64_t kStripOffsets = 273;
constexpr std::uint64_t kStripByteCounts = 279;
constexpr std::uint64_t kJpegOffset = 513;
constexpr std::uint64_t kJpegLength = 514;

std::vector<EmbeddedJpeg> NamedByDirectories(std::string_view file) {
  std::vector<EmbeddedJpeg> jpegs;
  const TiffDirectories tiff(file);
  for (std::uint64_t directory : tiff.offsets()) {
    for (const auto& [place, length] :
         {std::pair{kJpegOffset, kJpegLength}, std::pair{kStripOffsets, kStripByteCounts}}) {
      const std::vector<double> offsets = tiff.Values(directory, place);
      const std::vector<double> sizes = tiff.Values(directory, length);
      if (offsets.size() != 1 || sizes.size() != 1) continue;
      if (tiff.EndsBefore(offsets[0], sizes[0])) continue;
      const std::string_view bytes =
          file.substr(static_cast<std::size_t>(offsets[0]), static_cast<std::size_t>(sizes[0]));
      if (SniffFormat(bytes) == ImageFormat::kJpeg) jpegs.emplace_back(bytes);
    }
  }
  return jpegs;
}

// Exiv2 knows where makers hide theirs, and copies all it finds, several times.
std::vector<EmbeddedJpeg> FoundByExiv2(std::string_view file) {
  std::vector<EmbeddedJpeg> jpegs;
  try {
    const auto image = OpenForMetadata(file);
    image->readMetadata();
    const Exiv2::PreviewManager manager(*image);
    for (const Exiv2::PreviewProperties& properties : manager.getPreviewProperties()) {
      const Exiv2::PreviewImage found = manager.getPreviewImage(properties);
      std::string bytes(reinterpret_cast<const char*>(found.pData()), found.size());
      if (SniffFormat(bytes) == ImageFormat::kJpeg) jpegs.emplace_back(std::move(bytes));
    }
  } catch (const std::exception&) {
    // What was found before the trouble is as good as it was.
  }
  return jpegs;
}

}  // namespace

std::vector<EmbeddedJpeg> EmbeddedJpegs(std::string_view raw_file, const EmbeddedJpeg& known) {
  return known.bytes().empty() ? FoundByExiv2(raw_file) : NamedByDirectories(raw_file);
}

}  // namespace proofline::imaging
