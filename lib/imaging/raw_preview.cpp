#include "lib/imaging/raw_preview.h"

#include <exception>
#include <exiv2/exiv2.hpp>

#include "lib/imaging/exiv2_file.h"
#include "lib/imaging/image_format.h"

namespace proofline::imaging {

std::vector<std::string> EmbeddedJpegs(std::string_view raw_file) {
  std::vector<std::string> jpegs;
  try {
    const auto image = OpenForMetadata(raw_file);
    image->readMetadata();
    const Exiv2::PreviewManager manager(*image);
    for (const Exiv2::PreviewProperties& properties : manager.getPreviewProperties()) {
      const Exiv2::PreviewImage found = manager.getPreviewImage(properties);
      std::string bytes(reinterpret_cast<const char*>(found.pData()), found.size());
      if (SniffFormat(bytes) == ImageFormat::kJpeg) jpegs.push_back(std::move(bytes));
    }
  } catch (const std::exception&) {
    // What was found before the trouble is as good as it was.
  }
  return jpegs;
}

}  // namespace proofline::imaging
