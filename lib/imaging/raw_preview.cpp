#include "lib/imaging/raw_preview.h"

#include <exception>
#include <exiv2/exiv2.hpp>

#include "lib/imaging/exiv2_file.h"
#include "lib/imaging/image_format.h"

namespace proofline::imaging {

std::vector<EmbeddedJpeg> EmbeddedJpegs(std::string_view raw_file, const EmbeddedJpeg& known) {
  std::vector<EmbeddedJpeg> jpegs;
  try {
    const auto image = OpenForMetadata(raw_file);
    image->readMetadata();
    const Exiv2::PreviewManager manager(*image);
    for (const Exiv2::PreviewProperties& properties : manager.getPreviewProperties()) {
      // Exiv2 copies what it hands out, three times.
      if (properties.size_ == known.bytes().size()) continue;
      const Exiv2::PreviewImage found = manager.getPreviewImage(properties);
      std::string bytes(reinterpret_cast<const char*>(found.pData()), found.size());
      if (SniffFormat(bytes) == ImageFormat::kJpeg) jpegs.emplace_back(std::move(bytes));
    }
  } catch (const std::exception&) {
    // What was found before the trouble is as good as it was.
  }
  return jpegs;
}

}  // namespace proofline::imaging
