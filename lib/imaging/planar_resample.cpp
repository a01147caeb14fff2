#include "lib/imaging/planar_resample.h"

#include <zimg.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

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

// What a graph is made for.
struct Resampling {
  PixelSize from;
  PlaneArea area;
  PixelSize to;

  friend bool operator==(const Resampling&, const Resampling&) = default;
};

Graph MakeGraph(const Resampling& resampling) {
  zimg_image_format source = GreyFormat(resampling.from);
  source.active_region.left = resampling.area.left;
  source.active_region.top = resampling.area.top;
  source.active_region.width = resampling.area.width;
  source.active_region.height = resampling.area.height;
  const zimg_image_format target = GreyFormat(resampling.to);
  zimg_graph_builder_params params;
  zimg_graph_builder_params_default(&params, ZIMG_API_VERSION);
  params.resample_filter = ZIMG_RESIZE_LANCZOS;
  params.filter_param_a = 3;
  // Not ZIMG_CPU_AUTO_64B: with 64 byte vectors zimg 3.0.4 gets some ratios just above 2 wrong.
  params.cpu_type = ZIMG_CPU_AUTO;
  return Graph(zimg_filter_graph_build(&source, &target, &params));
}

// The graphs used last: the pictures of a shoot have few sizes, and the kernels of one take about
// a millisecond to work out.
class Graphs {
 public:
  // Null if there can be none. Good until the next call.
  const zimg_filter_graph* For(const Resampling& resampling) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.resampling == resampling;
    });
    if (found != entries_.end()) {
      std::rotate(entries_.begin(), found, found + 1);
    } else {
      if (entries_.size() == kMost) entries_.pop_back();
      entries_.insert(entries_.begin(), {resampling, MakeGraph(resampling)});
    }
    return entries_.front().graph.get();
  }

 private:
  static constexpr std::size_t kMost = 64;
  struct Entry {
    Resampling resampling;
    Graph graph;
  };
  std::vector<Entry> entries_;
};

Plane Through(const zimg_filter_graph* graph, const Plane& plane, PixelSize size) {
  std::size_t scratch_bytes = 0;
  if (graph == nullptr ||
      zimg_filter_graph_get_tmp_size(graph, &scratch_bytes) != ZIMG_ERROR_SUCCESS) {
    return {};
  }
  const Scratch scratch(new (kAlignment) std::byte[scratch_bytes]);
  Plane resampled(size);
  zimg_image_buffer_const source{};
  source.version = ZIMG_API_VERSION;
  source.plane[0] = {plane.row(0), plane.stride(), ZIMG_BUFFER_MAX};
  zimg_image_buffer target{};
  target.version = ZIMG_API_VERSION;
  target.plane[0] = {resampled.row(0), resampled.stride(), ZIMG_BUFFER_MAX};
  if (zimg_filter_graph_process(graph, &source, &target, scratch.get(), nullptr, nullptr, nullptr,
                                nullptr) != ZIMG_ERROR_SUCCESS) {
    return {};
  }
  return resampled;
}

}  // namespace

Plane Resampled(const Plane& plane, const PlaneArea& area, PixelSize size, double headroom) {
  if (std::min({plane.width(), plane.height(), size.width, size.height}) < 1) return {};
  const bool across = area.width >= 2 * headroom * size.width;
  const bool down = area.height >= 2 * headroom * size.height;
  if (across || down) {
    PlaneArea half = area;
    if (across) half.left /= 2, half.width /= 2;
    if (down) half.top /= 2, half.height /= 2;
    return Resampled(Halved(plane, across, down), half, size, headroom);
  }
  thread_local Graphs graphs;
  return Through(graphs.For({plane.size(), area, size}), plane, size);
}

}  // namespace proofline::imaging
