// What a picture does with a camera RAW: its previews, and its sensor data developed.
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "lib/base/text.h"
#include "lib/imaging/cut_short.h"
#include "lib/imaging/metadata.h"
#include "lib/imaging/picture.h"
#include "lib/imaging/pixel_steps.h"
#include "lib/imaging/raw_preview.h"
#include "lib/imaging/raw_tone.h"

namespace proofline::imaging {
namespace {

using vips::VImage;

// Pixels of the output for each pixel of the stored picture.
double ScaleOf(const RenderPlan& plan, PixelSize stored) {
  const PixelSize frame = SizeAfter(stored, plan.turn);
  const double keeps = StraightenKeeps(frame, plan.straighten_degrees);
  return std::max(plan.output.width / (plan.area.width * keeps * frame.width),
                  plan.output.height / (plan.area.height * keeps * frame.height));
}

// What `facts` do not say, as far as `others` do.
void FillIn(ImageFacts& facts, const ImageFacts& others) {
  const auto take = [](auto& fact, const auto& other) {
    if (fact == std::decay_t<decltype(fact)>()) fact = other;
  };
  // One name without the other may be of another spelling.
  if (facts.camera_make.empty() && facts.camera_model.empty()) {
    facts.camera_make = others.camera_make;
    facts.camera_model = others.camera_model;
  }
  take(facts.lens, others.lens);
  take(facts.capture_time, others.capture_time);
  take(facts.exposure_time, others.exposure_time);
  take(facts.f_number, others.f_number);
  take(facts.iso, others.iso);
  take(facts.focal_length_mm, others.focal_length_mm);
}

}  // namespace

absl::Status Picture::OpenRaw(const PictureLimits& limits) {
  // What the whole file no longer has, its previews cannot stand for; and decoders of sensor data
  // go on with zeros.
  if (LooksCutShort(bytes_, format_)) return EndsTooEarly(format_);
  Metadata metadata = ReadMetadata(bytes_, format_);
  absl::StatusOr<RawHeader> header = ReadRawHeader(bytes_, limits.max_pixels);
  if (absl::IsResourceExhausted(header.status())) return header.status();
  developable_ = header.status();
  max_pixels_ = limits.max_pixels;
  facts_ = std::move(metadata.facts);
  facts_.format = std::string(FormatName(format_));
  assumed_ = metadata.adobe_rgb ? AssumedColour::kAdobeRgb : AssumedColour::kSrgb;
  if (header.ok()) {
    raw_ = *std::move(header);
    stored_ = raw_.size;
    FillIn(facts_, raw_.facts);
  }
  facts_.orientation = metadata.orientation.value_or(raw_.orientation);
  turn_ = TurnForOrientation(facts_.orientation);
  std::vector<EmbeddedJpeg> jpegs = EmbeddedJpegs(bytes_, raw_.preview);
  jpegs.push_back(raw_.preview);
  TakePreviews(jpegs, limits);
  if (!developable_.ok()) {
    // A picture to look at is better than none; a thumbnail is not.
    constexpr int kLeastLongEdge = 1000;
    if (previews_.empty() ||
        std::max(previews_.back().stored.width, previews_.back().stored.height) < kLeastLongEdge) {
      return developable_;
    }
    stored_ = previews_.back().stored;
    turn_ = previews_.back().turn;
  }
  if (absl::Status status = CheckSize(limits); !status.ok()) return status;
  PixelSize shown = upright();
  if (!developable_.ok() && IsWithin({metadata.width, metadata.height}, limits)) {
    shown = SizeAfter({metadata.width, metadata.height}, TurnForOrientation(facts_.orientation));
  }
  facts_.width = shown.width;
  facts_.height = shown.height;
  return absl::OkStatus();
}

// How a preview comes upright; nothing if it shows another part of the scene than the RAW does, or
// has bars to fill a screen.
std::optional<Turn> Picture::PreviewTurn(PixelSize preview, int own_orientation) const {
  const auto has_shape = [&](Turn turn, PixelSize shape) {
    const PixelSize turned = SizeAfter(preview, turn);
    const double ratio = static_cast<double>(turned.width) * shape.height /
                         (static_cast<double>(turned.height) * shape.width);
    return ratio > 0.98 && ratio < 1.02;
  };
  // A whole JPEG of the camera says itself how it lies.
  const Turn first = own_orientation > 1 ? TurnForOrientation(own_orientation) : turn_;
  if (!developable_.ok() || has_shape(first, upright())) return first;
  // Some cameras store the preview upright beside pixels that lie on their side.
  if (has_shape({}, upright())) return Turn{};
  return std::nullopt;
}

void Picture::TakePreviews(const std::vector<EmbeddedJpeg>& jpegs, const PictureLimits& limits) {
  for (const EmbeddedJpeg& jpeg : jpegs) {
    const std::string_view bytes = jpeg.bytes();
    if (SniffFormat(bytes) != ImageFormat::kJpeg) continue;
    try {
      const VImage lazy =
          VImage::jpegload_source(vips::VSource::new_from_memory(bytes.data(), bytes.size()),
                                  VImage::option()->set("access", VIPS_ACCESS_SEQUENTIAL));
      const PixelSize size = {lazy.width(), lazy.height()};
      if (!IsWithin(size, limits)) continue;
      const int own = lazy.get_typeof(VIPS_META_ORIENTATION) == G_TYPE_INT
                          ? lazy.get_int(VIPS_META_ORIENTATION)
                          : 0;
      if (const std::optional<Turn> turn = PreviewTurn(size, own)) {
        previews_.push_back({jpeg, size, *turn});
      }
    } catch (const vips::VError&) {
      vips_error_clear();
    }
  }
  std::stable_sort(previews_.begin(), previews_.end(), [](const Preview& a, const Preview& b) {
    return std::int64_t{a.stored.width} * a.stored.height <
           std::int64_t{b.stored.width} * b.stored.height;
  });
}

// A hundredth too few is not seen, and many previews lack a few rows of the sensor.
constexpr double kEnough = 0.98;

bool Picture::HoldsEnough(const Preview& preview, const RenderPlan& plan) const {
  const double has = static_cast<double>(std::max(preview.stored.width, preview.stored.height)) /
                     std::max(stored_.width, stored_.height);
  return has >= std::min(1.0, ScaleOf(plan, stored_)) * kEnough;
}

RenderPlan Picture::PlanFor(const Preview& preview, const RenderPlan& plan) const {
  RenderPlan of_preview = plan;
  of_preview.turn = ThenRotate(preview.turn, (plan.turn.quarters - turn_.quarters) * 90);
  return of_preview;
}

std::optional<Picture::JpegSource> Picture::JpegFor(const RenderPlan& plan) const {
  if (format_ == ImageFormat::kJpeg) return JpegSource{bytes_, plan};
  for (const Preview& preview : previews_) {
    if (HoldsEnough(preview, plan)) return JpegSource{preview.jpeg.bytes(), PlanFor(preview, plan)};
  }
  return std::nullopt;
}

absl::StatusOr<VImage> Picture::RenderPreview(const Preview& preview,
                                              const RenderPlan& plan) const {
  Picture picture(preview.jpeg.bytes(), ImageFormat::kJpeg);
  picture.stored_ = preview.stored;
  picture.assumed_ = assumed_;
  return picture.Render(PlanFor(preview, plan));
}

absl::StatusOr<VImage> Picture::RenderRaw(const RenderPlan& plan) const {
  for (const Preview& preview : previews_) {
    if (!HoldsEnough(preview, plan)) continue;
    absl::StatusOr<VImage> rendered = RenderPreview(preview, plan);
    if (rendered.ok() || !developable_.ok()) return rendered;
  }
  if (!developable_.ok()) return developable_;
  const double needed = std::min(1.0, ScaleOf(plan, stored_)) * kEnough;
  const RawScale scale = needed <= 0.5 ? RawScale::kHalf : RawScale::kFull;
  absl::StatusOr<VImage> pixels = DevelopRaw(bytes_, raw_, scale, max_pixels_);
  if (!pixels.ok()) return pixels.status();
  Picture picture(bytes_, format_);
  picture.stored_ = {pixels->width(), pixels->height()};
  picture.developed_ = LikePreview(*pixels);
  return picture.Render(plan);
}

// The largest preview knows best how the camera meant the picture to look.
VImage Picture::LikePreview(const VImage& developed) const {
  if (previews_.empty()) return Brightened(developed);
  // Both lie as the sensor does.
  constexpr int kLongEdge = 512;
  const PixelSize stored = previews_.back().stored;
  const double scale =
      std::min(1.0, static_cast<double>(kLongEdge) / std::max(stored.width, stored.height));
  const PixelSize lying = SizeAfter(stored, previews_.back().turn);
  const PixelSize upright = {std::max(1, static_cast<int>(lying.width * scale)),
                             std::max(1, static_cast<int>(lying.height * scale))};
  const absl::StatusOr<VImage> preview = RenderPreview(
      previews_.back(), {.turn = turn_, .straighten_degrees = 0, .area = {}, .output = upright});
  if (!preview.ok()) return Brightened(developed);
  try {
    return WithLookOf(developed, TurnedBack(*preview, turn_));
  } catch (const vips::VError&) {
    vips_error_clear();
    return Brightened(developed);
  }
}

}  // namespace proofline::imaging
