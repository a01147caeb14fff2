#include "lib/imaging/planar_jpeg_output.h"

#include <memory>

#include "lib/base/check.h"
#include "lib/imaging/libjpeg.h"

namespace proofline::imaging {
namespace {

// More than a block of 64 coefficients can take, each with its longest code and all its bits, every
// byte stuffed.
constexpr std::size_t kMostBytesOfBlock = 2 * 64 * 27 / 8;
constexpr std::size_t kMostBytesOfHeader = 4096;

// Memory that is large enough for any picture of the size: nothing ever has to grow.
struct Destination {
  jpeg_destination_mgr base;
  JOCTET* bytes;
  std::size_t size;
};

void StartWriting(j_compress_ptr info) {
  auto* to = reinterpret_cast<Destination*>(info->dest);
  to->base.next_output_byte = to->bytes;
  to->base.free_in_buffer = to->size;
}

boolean RunOut(j_compress_ptr info) { GiveUp(reinterpret_cast<j_common_ptr>(info)); }

void FinishWriting(j_compress_ptr) {}

struct Encoder {
  jpeg_compress_struct info{};
  JpegErrors errors{};
  Destination destination{};
  bool created = false;

  ~Encoder() {
    if (created) jpeg_destroy_compress(&info);
  }

  void Describe(PixelSize size, int quality) {
    info.image_width = static_cast<JDIMENSION>(size.width);
    info.image_height = static_cast<JDIMENSION>(size.height);
    info.input_components = 3;
    info.in_color_space = JCS_YCbCr;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    info.raw_data_in = TRUE;
  }

  void WriteRows(std::array<Plane, 3>& planes, int luma_row) {
    JSAMPROW luma[16];
    JSAMPROW blue[8];
    JSAMPROW red[8];
    for (int y = 0; y < 16; ++y) luma[y] = planes[0].row(luma_row + y);
    for (int y = 0; y < 8; ++y) blue[y] = planes[1].row(luma_row / 2 + y);
    for (int y = 0; y < 8; ++y) red[y] = planes[2].row(luma_row / 2 + y);
    JSAMPARRAY images[3] = {luma, blue, red};
    jpeg_write_raw_data(&info, images, 16);
  }

  // The number of bytes written, 0 after a failure. Nothing here needs a destructor: libjpeg may
  // leave by a jump.
  std::size_t Encode(std::array<Plane, 3>& planes, int quality, JOCTET* bytes, std::size_t size) {
    info.err = StrictErrors(errors);
    destination = {{nullptr, 0, StartWriting, RunOut, FinishWriting}, bytes, size};
    if (setjmp(errors.escape) != 0) return 0;
    jpeg_create_compress(&info);
    created = true;
    info.dest = &destination.base;
    Describe(planes[0].size(), quality);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
      WriteRows(planes, static_cast<int>(info.next_scanline));
    }
    jpeg_finish_compress(&info);
    return size - destination.base.free_in_buffer;
  }
};

}  // namespace

std::string EncodePlanes(std::array<Plane, 3>& planes, int quality) {
  const PixelSize size = planes[0].size();
  const PixelSize half = {(size.width + 1) / 2, (size.height + 1) / 2};
  PROOFLINE_CHECK(planes[1].size() == half && planes[2].size() == half, "the planes are 4:2:0");
  planes[0].ExtendTo(16);
  planes[1].ExtendTo(8);
  planes[2].ExtendTo(8);
  const std::size_t blocks =
      std::size_t(half.width + 7) / 8 * (std::size_t(half.height + 7) / 8) * 6;
  const std::size_t room = kMostBytesOfHeader + blocks * kMostBytesOfBlock;
  // Only the pages that are written to cost anything.
  const auto bytes = std::make_unique_for_overwrite<JOCTET[]>(room);
  Encoder encoder;
  const std::size_t written = encoder.Encode(planes, quality, bytes.get(), room);
  return {reinterpret_cast<const char*>(bytes.get()), written};
}

}  // namespace proofline::imaging
