#include "lib/imaging/planar_resample.h"

#include <zimg.h>

#include <memory>
#include <new>

namespace proofline::imaging {
namespace {

struct FreeGraph {
  void operator()(zimg_filter_graph* graph) const { zimg_filter_graph_free(graph); }
};
using Graph = std::unique_ptr<zimg_filter_graph, FreeGraph>;

constexpr std::align_val_t kAlignment{64};
struct FreeScratch {
  void operator()(std::byte* bytes) const { ::operator delete[](bytes, kAlignment); }
};
using Scratch = std::unique_ptr<std::byte[], FreeScratch>;

zimg_image_format GreyFormat(PixelSize size) {
  zimg_image_format format;
  zimg_image_format_default(&format, ZIMG_API_VERSION);
  format.width = static_cast<unsigned>(size.width);
  format.height = static_cast<unsigned>(size.height);
  format.pixel_type = ZIMG_PIXEL_BYTE;
  format.color_family = ZIMG_COLOR_GREY;
  format.pixel_range = ZIMG_RANGE_FULL;
  return format;
}

Graph MakeGraph(PixelSize from, const PlaneArea& area, PixelSize to) {
  zimg_image_format source = GreyFormat(from);
  source.active_region.left = area.left;
  source.active_region.top = area.top;
  source.active_region.width = area.width;
  source.active_region.height = area.height;
  const zimg_image_format target = GreyFormat(to);
  zimg_graph_builder_params params;
  zimg_graph_builder_params_default(&params, ZIMG_API_VERSION);
  params.resample_filter = ZIMG_RESIZE_LANCZOS;
  params.filter_param_a = 3;
  params.cpu_type = ZIMG_CPU_AUTO_64B;
  return Graph(zimg_filter_graph_build(&source, &target, &params));
}

}  // namespace

Plane Resampled(const Plane& from, const PlaneArea& area, PixelSize size) {
  const Graph graph = MakeGraph(from.size(), area, size);
  std::size_t scratch_bytes = 0;
  if (graph == nullptr ||
      zimg_filter_graph_get_tmp_size(graph.get(), &scratch_bytes) != ZIMG_ERROR_SUCCESS) {
    return {};
  }
  const Scratch scratch(new (kAlignment) std::byte[scratch_bytes]);
  Plane to(size);
  zimg_image_buffer_const source{};
  source.version = ZIMG_API_VERSION;
  source.plane[0] = {from.row(0), from.stride(), ZIMG_BUFFER_MAX};
  zimg_image_buffer target{};
  target.version = ZIMG_API_VERSION;
  target.plane[0] = {to.row(0), to.stride(), ZIMG_BUFFER_MAX};
  if (zimg_filter_graph_process(graph.get(), &source, &target, scratch.get(), nullptr, nullptr,
                                nullptr, nullptr) != ZIMG_ERROR_SUCCESS) {
    return {};
  }
  return to;
}

}  // namespace proofline::imaging
