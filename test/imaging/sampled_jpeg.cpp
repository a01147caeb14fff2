#include "test/imaging/sampled_jpeg.h"

#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "lib/imaging/libjpeg.h"

namespace proofline::test {
namespace {

void Describe(jpeg_compress_struct& info, const JpegKind& kind, int width, int height) {
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = kind.grey ? 1 : 3;
  info.in_color_space = kind.grey ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  if (kind.rgb) jpeg_set_colorspace(&info, JCS_RGB);
  jpeg_set_quality(&info, kind.quality, TRUE);
  if (!kind.rgb && !kind.grey) {
    info.comp_info[0].h_samp_factor = kind.across;
    info.comp_info[0].v_samp_factor = kind.down;
  }
  info.restart_interval = static_cast<unsigned>(kind.restart_interval);
  info.arith_code = kind.arithmetic ? TRUE : FALSE;
  if (kind.progressive) jpeg_simple_progression(&info);
}

}  // namespace

std::string JpegOf(const vips::VImage& picture, const JpegKind& kind) {
  const vips::VImage pixels =
      (kind.grey ? picture.extract_band(0) : picture).cast(VIPS_FORMAT_UCHAR).copy_memory();
  jpeg_compress_struct info{};
  imaging::JpegErrors errors{};
  info.err = imaging::StrictErrors(errors);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  if (setjmp(errors.escape) != 0) std::abort();
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &bytes, &size);
  Describe(info, kind, pixels.width(), pixels.height());
  jpeg_start_compress(&info, TRUE);
  if (pixels.get_typeof(VIPS_META_ICC_NAME) != 0) {
    size_t length = 0;
    const void* profile = pixels.get_blob(VIPS_META_ICC_NAME, &length);
    jpeg_write_icc_profile(&info, static_cast<const JOCTET*>(profile),
                           static_cast<unsigned>(length));
  }
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = VIPS_IMAGE_ADDR(pixels.get_image(), 0, static_cast<int>(info.next_scanline));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string jpeg(reinterpret_cast<const char*>(bytes), size);
  std::free(bytes);
  return jpeg;
}

}  // namespace proofline::test
