#include "lib/imaging/jpeg_output.h"

#include <memory>
#include <string_view>

#include "lib/base/check.h"

namespace proofline::imaging {
namespace {

using namespace std::string_view_literals;

void AppendNumber(std::string& bytes, int number) {
  bytes += static_cast<char>(number >> 8 & 0xFF);
  bytes += static_cast<char>(number & 0xFF);
}

std::string JfifSegment(int pixels_per_inch) {
  std::string segment("\xFF\xE0\x00\x10JFIF\x00\x01\x01"sv);
  segment += pixels_per_inch > 0 ? '\x01' : '\x00';
  const int density = pixels_per_inch > 0 ? pixels_per_inch : 1;
  AppendNumber(segment, density);
  AppendNumber(segment, density);
  AppendNumber(segment, 0);
  return segment;
}

struct BlobDeleter {
  void operator()(VipsBlob* blob) const { vips_area_unref(VIPS_AREA(blob)); }
};

}  // namespace

std::string EncodeJpeg(const vips::VImage& srgb, const JpegOptions& options) {
  const std::unique_ptr<VipsBlob, BlobDeleter> blob(srgb.jpegsave_buffer(
      vips::VImage::option()
          ->set("Q", options.quality)
          ->set("strip", true)
          ->set("optimize_coding", false)
          ->set("interlace", false)
          ->set("subsample_mode",
                options.subsample ? VIPS_FOREIGN_SUBSAMPLE_ON : VIPS_FOREIGN_SUBSAMPLE_OFF)));
  size_t size = 0;
  const void* data = vips_blob_get(blob.get(), &size);
  std::string_view jpeg(static_cast<const char*>(data), size);
  PROOFLINE_CHECK(jpeg.starts_with("\xFF\xD8"sv), "libvips writes JPEGs");
  jpeg.remove_prefix(2);
  // libvips writes a JFIF segment or not, depending on its version; ours has always the same form.
  if (jpeg.starts_with("\xFF\xE0\x00\x10JFIF"sv)) jpeg.remove_prefix(18);
  std::string output("\xFF\xD8"sv);
  output.reserve(size + 20);
  output += JfifSegment(options.pixels_per_inch);
  output += jpeg;
  return output;
}

}  // namespace proofline::imaging
