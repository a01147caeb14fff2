#include "lib/imaging/raw_preview.h"

#include <algorithm>
#include <exception>
#include <exiv2/exiv2.hpp>

#include "absl/status/status.h"
#include "lib/imaging/exiv2_file.h"
#include "lib/imaging/image_format.h"

namespace proofline::imaging {
namespace {

constexpr std::size_t kSmallestLongEdge = 1000;

absl::Status NoPreview() {
  return absl::FailedPreconditionError(
      "this camera RAW has no embedded preview of 1000 pixels or more, and developing RAW files is "
      "not supported yet");
}

}  // namespace

absl::StatusOr<std::string> LargestPreview(std::string_view raw_file) {
  try {
    const auto image = OpenForMetadata(raw_file);
    image->readMetadata();
    const Exiv2::PreviewManager manager(*image);
    // Smallest first.
    Exiv2::PreviewPropertiesList previews = manager.getPreviewProperties();
    std::reverse(previews.begin(), previews.end());
    for (const Exiv2::PreviewProperties& preview : previews) {
      if (std::max<std::size_t>(preview.width_, preview.height_) < kSmallestLongEdge) break;
      const Exiv2::PreviewImage found = manager.getPreviewImage(preview);
      std::string bytes(reinterpret_cast<const char*>(found.pData()), found.size());
      if (SniffFormat(bytes) == ImageFormat::kJpeg) return bytes;
    }
  } catch (const std::exception&) {
    return NoPreview();
  }
  return NoPreview();
}

}  // namespace proofline::imaging
