#include "lib/imaging/planar_rendition.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "lib/imaging/colour.h"
#include "lib/imaging/planar_jpeg_output.h"
#include "lib/imaging/planar_jpeg_source.h"
#include "lib/imaging/planar_resample.h"
#include "lib/imaging/plane.h"
#include "lib/imaging/plane_colours.h"

namespace proofline::imaging {
namespace {

using vips::VImage;

// Kernels need some samples to work on.
constexpr int kSmallestSide = 32;

// How much larger than wanted a plane must stay when it is halved before it is resampled.
constexpr double kLumaHeadroom = 2;
constexpr double kChromaHeadroom = 1;

PixelSize Half(PixelSize size) { return {(size.width + 1) / 2, (size.height + 1) / 2}; }

// Whether turning lets the right or the lower edge of the lying picture come to the left or to the
// top.
struct Reversal {
  bool across = false;
  bool down = false;
};

Reversal ReversalOf(Turn turn) {
  return {.across = turn.mirrored != (turn.quarters >= 2),
          .down = turn.quarters == 1 || turn.quarters == 2};
}

// What the chroma samples of a picture of odd size cover: one pixel more than the picture, at the
// edge that is the right or the lower one once the picture is upright.
PlaneArea CoveredByHalf(const PlaneArea& area, PixelSize size, Reversal reversal) {
  const PixelSize half = Half(size);
  PlaneArea covered = area;
  covered.width = area.width * 2 * half.width / size.width;
  covered.height = area.height * 2 * half.height / size.height;
  if (reversal.across) covered.left -= covered.width - area.width;
  if (reversal.down) covered.top -= covered.height - area.height;
  return covered;
}

PlaneArea PartOf(const PlaneArea& picture, const Crop& area) {
  return {picture.left + area.left * picture.width, picture.top + area.top * picture.height,
          area.width * picture.width, area.height * picture.height};
}

PlaneArea WholeOf(const Plane& plane) {
  return {0, 0, static_cast<double>(plane.width()), static_cast<double>(plane.height())};
}

// Planes without samples after a refusal.
bool AreMade(const Planes& planes) {
  return std::all_of(planes.begin(), planes.end(),
                     [](const Plane& plane) { return plane.width() > 0; });
}

Plane NoColour(PixelSize size) {
  Plane plane(size);
  plane.Fill(128);
  return plane;
}

// How many times more samples than wanted have to be decoded. The lowest waves of a block are what
// a resampler would keep of it, but for what lies at the edge of what the rendition can show:
// measured against pictures made smaller from all of their pixels.
constexpr double kDecodedHeadroom = 1.35;

// The least scale that is enough for a picture of `wanted` times its size. 0 if none is.
int Eighths(double wanted) {
  if (wanted > 1 + 1e-9) return 0;
  return std::min(8, static_cast<int>(std::ceil(8 * kDecodedHeadroom * wanted - 1e-9)));
}

// A picture that lies as it is stored, decoded far enough for a plan.
class LyingPicture {
 public:
  // False if this way is not for it.
  bool Open(const Picture& picture, const RenderPlan& upright_plan) {
    const std::optional<Picture::JpegSource> jpeg = picture.JpegFor(upright_plan);
    if (!jpeg || upright_plan.straighten_degrees != 0) return false;
    const RenderPlan& plan = jpeg->plan;
    source_ = PlanarJpegSource::Open(jpeg->bytes);
    if (source_ == nullptr) return false;
    // A grey picture's profile is for one band.
    if (source_->is_grey() && !source_->profile().empty()) return false;
    transform_ = RgbToSrgb(source_->profile(), picture.assumed_colour());
    turn_ = plan.turn;
    lying_ = SizeAfter(plan.output, {.mirrored = false, .quarters = turn_.quarters});
    area_ = AreaBefore(plan.area, turn_);
    const PixelSize stored = source_->size();
    const double across = lying_.width / (area_.width * stored.width);
    const double down = lying_.height / (area_.height * stored.height);
    eighths_ = Eighths(std::max(across, down));
    return eighths_ > 0 &&
           std::min({lying_.width, lying_.height, stored.width, stored.height}) >= kSmallestSide;
  }

  // False if it is damaged.
  bool Decode() { return source_->Decode(eighths_, decoded_); }

  // Upright, in 4:2:0, in sRGB.
  Planes InHalfColour() const {
    if (transform_ != nullptr) {
      Planes planes = InFullColour();
      if (!AreMade(planes)) return {};
      return WithHalfColour(Converted(std::move(planes), *transform_));
    }
    const Reversal reversal = ReversalOf(turn_);
    return Made(Half(lying_),
                [&](const PlaneArea& area) { return CoveredByHalf(area, lying_, reversal); });
  }

  // Upright, in sRGB; bands lie pixel by pixel. Nothing if it cannot be made.
  std::optional<VImage> InRgb() const {
    const Planes planes = InFullColour();
    if (!AreMade(planes)) return std::nullopt;
    return ToRgb(planes, transform_.get());
  }

 private:
  // Upright, every plane of the same size, in the picture's own colours.
  Planes InFullColour() const {
    return Made(lying_, [](const PlaneArea& area) { return area; });
  }

  template <typename Covered>
  Planes Made(PixelSize chroma_size, const Covered& covered) const {
    Planes planes;
    for (std::size_t i = 0; i < planes.size(); ++i) {
      if (static_cast<int>(i) >= decoded_.count) {
        planes[i] = NoColour(SizeAfter(chroma_size, turn_));
        continue;
      }
      const PlaneArea part = PartOf(decoded_.picture[i], area_);
      Plane small =
          i == 0 ? Resampled(decoded_.planes[i], part, lying_, kLumaHeadroom)
                 : Resampled(decoded_.planes[i], covered(part), chroma_size, kChromaHeadroom);
      planes[i] = Turned(std::move(small), turn_);
    }
    return planes;
  }

  std::unique_ptr<PlanarJpegSource> source_;
  // Null if the colours are right already.
  std::shared_ptr<const ProfileTransform> transform_;
  DecodedPlanes decoded_;
  Turn turn_;
  PixelSize lying_;
  Crop area_;
  int eighths_ = 8;
};

Planes Smaller(const Planes& larger, PixelSize size) {
  const PixelSize from = larger[0].size();
  Planes planes;
  planes[0] = Resampled(larger[0], WholeOf(larger[0]), size, kLumaHeadroom);
  for (std::size_t i : {1U, 2U}) {
    // What the picture itself covers of the larger planes.
    const PlaneArea picture = {0, 0, from.width / 2.0, from.height / 2.0};
    planes[i] = Resampled(larger[i], CoveredByHalf(picture, size, {}), Half(size), kLumaHeadroom);
  }
  return planes;
}

}  // namespace

std::optional<std::vector<Rendition>> MakePlanarRenditions(const Picture& picture,
                                                           const RenditionRequest& request) {
  std::vector<Rendition> renditions(request.specs.size());
  if (std::any_of(request.specs.begin(), request.specs.end(),
                  [](const RenditionSpec& spec) { return spec.watermarked; })) {
    return std::nullopt;
  }
  Planes last;
  for (std::size_t index : LargestFirst(request.specs)) {
    const RenditionSpec& spec = request.specs[index];
    const RenderPlan plan = PlanRendition(picture.upright(), picture.stored_to_upright(),
                                          request.edit, spec.long_edge_px);
    if (!AreMade(last)) {
      LyingPicture lying;
      if (!lying.Open(picture, plan)) return std::nullopt;
      if (!lying.Decode()) return std::nullopt;
      last = lying.InHalfColour();
    } else if (plan.output != last[0].size()) {
      last = Smaller(last, plan.output);
    }
    if (!AreMade(last)) return std::nullopt;
    std::string jpeg = EncodePlanes(last, spec.quality);
    if (jpeg.empty()) return std::nullopt;
    renditions[index] = {.kind = spec.kind,
                         .width = plan.output.width,
                         .height = plan.output.height,
                         .jpeg = std::move(jpeg)};
  }
  return renditions;
}

std::optional<VImage> RenderPlanar(const Picture& picture, const RenderPlan& plan) {
  LyingPicture lying;
  if (!lying.Open(picture, plan) || !lying.Decode()) return std::nullopt;
  return lying.InRgb();
}

}  // namespace proofline::imaging
