#include "lib/imaging/planar_jpeg_source.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "lib/imaging/libjpeg.h"

namespace proofline::imaging {
namespace {

constexpr int kMostRows = 32;
constexpr int kProfileMarker = JPEG_APP0 + 2;

bool IsOrdinary(const jpeg_decompress_struct& info) {
  if (info.progressive_mode || info.arith_code || info.data_precision != 8) return false;
  const jpeg_component_info* parts = info.comp_info;
  if (info.jpeg_color_space == JCS_GRAYSCALE) return info.num_components == 1;
  if (info.jpeg_color_space != JCS_YCbCr || info.num_components != 3) return false;
  const auto one_or = [](int factor, int luma) { return factor == 1 || factor == luma; };
  return info.max_h_samp_factor <= 2 && info.max_v_samp_factor <= 2 &&
         parts[0].h_samp_factor == info.max_h_samp_factor &&
         parts[0].v_samp_factor == info.max_v_samp_factor &&
         one_or(parts[1].h_samp_factor, parts[0].h_samp_factor) &&
         one_or(parts[1].v_samp_factor, parts[0].v_samp_factor) &&
         parts[1].h_samp_factor == parts[2].h_samp_factor &&
         parts[1].v_samp_factor == parts[2].v_samp_factor;
}

int ScaledBlock(const jpeg_component_info& part) {
#if JPEG_LIB_VERSION >= 70
  return part.DCT_h_scaled_size;
#else
  return part.DCT_scaled_size;
#endif
}

// One row of blocks of the whole picture at a time, straight into the planes. The pointers are
// where each plane's rows begin.
struct RowStart {
  JSAMPLE* first;
  std::ptrdiff_t stride;
  int rows;
};

void ReadRows(jpeg_decompress_struct& info, std::array<RowStart, 3>& starts) {
  JSAMPROW rows[3][kMostRows];
  JSAMPARRAY images[3] = {rows[0], rows[1], rows[2]};
  for (int i = 0; i < info.num_components; ++i) {
    for (int y = 0; y < starts[i].rows; ++y) rows[i][y] = starts[i].first + y * starts[i].stride;
    starts[i].first += starts[i].rows * starts[i].stride;
  }
  jpeg_read_raw_data(&info, images, kMostRows);
}

}  // namespace

struct PlanarJpegSource::Decoder {
  jpeg_decompress_struct info{};
  JpegErrors errors{};
  bool created = false;

  ~Decoder() {
    if (created) jpeg_destroy_decompress(&info);
  }

  bool ReadHeader(const unsigned char* bytes, unsigned long size) {
    info.err = StrictErrors(errors, size);
    if (setjmp(errors.escape) != 0) return false;
    jpeg_create_decompress(&info);
    created = true;
    jpeg_mem_src(&info, bytes, size);
    jpeg_save_markers(&info, kProfileMarker, 0xFFFF);
    return jpeg_read_header(&info, TRUE) == JPEG_HEADER_OK && IsOrdinary(info) &&
           !jpeg_has_multiple_scans(&info);
  }

  // What is returned has to be freed.
  bool ReadProfile(JOCTET** profile, unsigned* size) {
    if (setjmp(errors.escape) != 0) return false;
    return jpeg_read_icc_profile(&info, profile, size) != 0;
  }

  bool ChooseScale(int eighths) {
    if (setjmp(errors.escape) != 0) return false;
    info.scale_num = static_cast<unsigned>(eighths);
    info.scale_denom = 8;
    info.raw_data_out = TRUE;
    info.do_fancy_upsampling = FALSE;
    jpeg_calc_output_dimensions(&info);
    return true;
  }

  bool ReadPixels(std::array<RowStart, 3>& starts) {
    if (setjmp(errors.escape) != 0) return false;
    jpeg_start_decompress(&info);
    while (info.output_scanline < info.output_height) ReadRows(info, starts);
    return jpeg_finish_decompress(&info) != 0;
  }
};

std::unique_ptr<PlanarJpegSource> PlanarJpegSource::Open(std::string_view jpeg) {
  auto decoder = std::make_unique<Decoder>();
  if (!decoder->ReadHeader(reinterpret_cast<const unsigned char*>(jpeg.data()), jpeg.size())) {
    return nullptr;
  }
  return std::unique_ptr<PlanarJpegSource>(new PlanarJpegSource(std::move(decoder)));
}

PlanarJpegSource::PlanarJpegSource(std::unique_ptr<Decoder> decoder)
    : decoder_(std::move(decoder)) {
  JOCTET* bytes = nullptr;
  unsigned size = 0;
  if (!decoder_->ReadProfile(&bytes, &size)) return;
  const std::unique_ptr<JOCTET, decltype(&std::free)> owned(bytes, &std::free);
  profile_.assign(reinterpret_cast<const char*>(bytes), size);
}
PlanarJpegSource::~PlanarJpegSource() = default;

PixelSize PlanarJpegSource::size() const {
  return {static_cast<int>(decoder_->info.image_width),
          static_cast<int>(decoder_->info.image_height)};
}

bool PlanarJpegSource::is_grey() const { return decoder_->info.num_components == 1; }

bool PlanarJpegSource::Decode(int eighths, DecodedPlanes& decoded) {
  if (!decoder_->ChooseScale(eighths)) return false;
  const jpeg_decompress_struct& info = decoder_->info;
  decoded.count = info.num_components;
  std::array<RowStart, 3> starts{};
  for (int i = 0; i < decoded.count; ++i) {
    const jpeg_component_info& part = info.comp_info[i];
    const int block = ScaledBlock(part);
    const double across = part.h_samp_factor * block / (8.0 * info.max_h_samp_factor);
    const double down = part.v_samp_factor * block / (8.0 * info.max_v_samp_factor);
    Plane plane(
        {static_cast<int>(part.downsampled_width), static_cast<int>(part.downsampled_height)});
    const int rows = part.v_samp_factor * block;
    // What is written is whole blocks across and whole rows of blocks down.
    if (block > Plane::kRoom || rows > std::min(Plane::kRoom, kMostRows)) return false;
    starts[i] = {plane.row(0), plane.stride(), rows};
    decoded.picture[i] = {0, 0, info.image_width * across, info.image_height * down};
    decoded.planes[i] = std::move(plane);
  }
  return decoder_->ReadPixels(starts);
}

}  // namespace proofline::imaging
