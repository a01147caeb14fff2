#include "lib/imaging/jpeg_damage.h"

#include "lib/imaging/libjpeg.h"

namespace proofline::imaging {
namespace {

struct Reader {
  jpeg_decompress_struct info{};
  JpegErrors errors{};
  bool created = false;

  ~Reader() {
    if (created) jpeg_destroy_decompress(&info);
  }

  bool ReadAll(const unsigned char* bytes, unsigned long size) {
    info.err = StrictErrors(errors, size);
    if (setjmp(errors.escape) != 0) return false;
    jpeg_create_decompress(&info);
    created = true;
    jpeg_mem_src(&info, bytes, size);
    jpeg_read_header(&info, TRUE);
    info.scale_num = 1;
    info.scale_denom = 8;
    info.dct_method = JDCT_IFAST;
    info.do_fancy_upsampling = FALSE;
    // Nobody looks at the colours.
    info.out_color_space = info.jpeg_color_space;
    jpeg_start_decompress(&info);
    JSAMPARRAY row = info.mem->alloc_sarray(
        reinterpret_cast<j_common_ptr>(&info), JPOOL_IMAGE,
        info.output_width * static_cast<JDIMENSION>(info.output_components), 1);
    while (info.output_scanline < info.output_height) jpeg_read_scanlines(&info, row, 1);
    // What is missing behind the last pixel is no loss.
    jpeg_abort_decompress(&info);
    return true;
  }

  bool Ended() const {
    return errors.base.msg_code == JWRN_JPEG_EOF ||
           (errors.base.msg_code == JWRN_HIT_MARKER && info.unread_marker == JPEG_EOI);
  }
};

}  // namespace

JpegDamage DamageOf(std::string_view jpeg) {
  Reader reader;
  if (reader.ReadAll(reinterpret_cast<const unsigned char*>(jpeg.data()), jpeg.size())) {
    return JpegDamage::kNone;
  }
  return reader.Ended() ? JpegDamage::kCutShort : JpegDamage::kBroken;
}

}  // namespace proofline::imaging
