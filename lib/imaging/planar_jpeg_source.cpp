#include "lib/imaging/planar_jpeg_source.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <utility>

#include "lib/imaging/baseline_scan.h"
#include "lib/imaging/huffman_table.h"
#include "lib/imaging/libjpeg.h"

namespace proofline::imaging {
namespace {

constexpr int kProfileMarker = JPEG_APP0 + 2;

bool IsOrdinary(const jpeg_decompress_struct& info) {
  if (info.progressive_mode || info.arith_code || info.data_precision != 8) return false;
  const jpeg_component_info* parts = info.comp_info;
  for (int i = 0; i < info.num_components; ++i) {
    if (std::max({parts[i].dc_tbl_no, parts[i].ac_tbl_no}) >= NUM_HUFF_TBLS ||
        parts[i].quant_tbl_no >= NUM_QUANT_TBLS) {
      return false;
    }
  }
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

struct CodeTables {
  std::optional<HuffmanTable> first;
  std::optional<HuffmanTable> others;
};

std::optional<HuffmanTable> TableOf(HuffmanTable::Of kind, const JHUFF_TBL* table) {
  if (table == nullptr) return std::nullopt;
  return HuffmanTable::Make(kind, std::span(table->bits).subspan<1, 16>(), table->huffval);
}

CodeTables TablesOf(const jpeg_decompress_struct& info, const jpeg_component_info& part) {
  return {TableOf(HuffmanTable::Of::kFirst, info.dc_huff_tbl_ptrs[part.dc_tbl_no]),
          TableOf(HuffmanTable::Of::kOthers, info.ac_huff_tbl_ptrs[part.ac_tbl_no])};
}

// What a component that has `part` of every `whole` pixels has of so many.
int SamplesFor(JDIMENSION pixels, int part, int whole) {
  return static_cast<int>((std::int64_t{pixels} * part + whole - 1) / whole);
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
  const jpeg_decompress_struct& info = decoder_->info;
  // The blocks of a single component come one by one, whatever its factors say: T.81, A.2.2.
  const bool single = info.num_components == 1;
  const int most_across = single ? 1 : info.max_h_samp_factor;
  const int most_down = single ? 1 : info.max_v_samp_factor;
  BaselineScan scan;
  scan.units_across = SamplesFor(info.image_width, 1, DCTSIZE * most_across);
  scan.units_down = SamplesFor(info.image_height, 1, DCTSIZE * most_down);
  scan.restart_interval = static_cast<int>(info.restart_interval);
  scan.edge = eighths;
  scan.data = {reinterpret_cast<const char*>(info.src->next_input_byte), info.src->bytes_in_buffer};
  std::array<CodeTables, 3> tables;
  for (int i = 0; i < info.num_components; ++i) {
    const jpeg_component_info& part = *info.cur_comp_info[i];
    const int across = single ? 1 : part.h_samp_factor;
    const int down = single ? 1 : part.v_samp_factor;
    const int index = part.component_index;
    const JQUANT_TBL* const steps = info.quant_tbl_ptrs[part.quant_tbl_no];
    tables[i] = TablesOf(info, part);
    if (!tables[i].first || !tables[i].others || steps == nullptr) return false;
    decoded.planes[index] =
        Plane({SamplesFor(info.image_width, across * eighths, most_across * DCTSIZE),
               SamplesFor(info.image_height, down * eighths, most_down * DCTSIZE)});
    decoded.picture[index] = {0, 0, info.image_width * across * eighths / (8.0 * most_across),
                              info.image_height * down * eighths / (8.0 * most_down)};
    scan.components.push_back({.across = across,
                               .down = down,
                               .steps = std::to_array(steps->quantval),
                               .first = &*tables[i].first,
                               .others = &*tables[i].others,
                               .plane = &decoded.planes[index]});
  }
  decoded.count = info.num_components;
  return DecodeBaseline(scan);
}

}  // namespace proofline::imaging
