#include "lib/imaging/picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "lib/imaging/colour.h"
#include "lib/imaging/jpeg_header.h"
#include "lib/imaging/metadata.h"
#include "lib/imaging/raw_preview.h"
#include "lib/imaging/vips_runtime.h"

namespace proofline::imaging {
namespace {

using vips::VImage;

// Pixels around a piece that is going to be turned, for the interpolation at its edges.
constexpr double kMarginPx = 4;

struct PixelRect {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
};

// The whole pixels nearest to an area of a picture, at least one, inside the picture.
PixelRect NearestPixels(const Crop& area, int width, int height) {
  PixelRect rect;
  rect.left = std::clamp(static_cast<int>(std::lround(area.left * width)), 0, width - 1);
  rect.top = std::clamp(static_cast<int>(std::lround(area.top * height)), 0, height - 1);
  const int right = static_cast<int>(std::lround((area.left + area.width) * width));
  const int bottom = static_cast<int>(std::lround((area.top + area.height) * height));
  rect.width = std::clamp(right, rect.left + 1, width) - rect.left;
  rect.height = std::clamp(bottom, rect.top + 1, height) - rect.top;
  return rect;
}

VImage ResizedTo(const VImage& picture, PixelSize size) {
  if (picture.width() == size.width && picture.height() == size.height) return picture;
  VImage resized =
      picture.resize(static_cast<double>(size.width) / picture.width(),
                     VImage::option()
                         ->set("vscale", static_cast<double>(size.height) / picture.height())
                         ->set("kernel", VIPS_KERNEL_LANCZOS3));
  if (resized.width() == size.width && resized.height() == size.height) return resized;
  // Rounding inside libvips can miss by a pixel.
  return resized.embed(0, 0, size.width, size.height,
                       VImage::option()->set("extend", VIPS_EXTEND_COPY));
}

VImage Turned(const VImage& picture, Turn turn) {
  VImage turned = turn.mirrored ? picture.flip(VIPS_DIRECTION_HORIZONTAL) : picture;
  switch (turn.quarters) {
    case 1:
      return turned.rot(VIPS_ANGLE_D90);
    case 2:
      return turned.rot(VIPS_ANGLE_D180);
    case 3:
      return turned.rot(VIPS_ANGLE_D270);
    default:
      return turned;
  }
}

// The inverse of AreaBefore.
Crop AreaAfter(const Crop& area, Turn turn) {
  Crop after = area;
  if (turn.mirrored) after.left = 1 - after.left - after.width;
  for (int i = 0; i < turn.quarters; ++i) {
    after = {.left = 1 - after.top - after.height,
             .top = after.left,
             .width = after.height,
             .height = after.width};
  }
  return after;
}

int ShrinkOnLoad(double horizontal, double vertical) {
  for (int shrink : {8, 4, 2}) {
    if (horizontal >= shrink && vertical >= shrink) return shrink;
  }
  return 1;
}

// The straightened frame in the pixels of the output, with its origin in the middle.
struct StraightenedFrame {
  double width = 0;
  double height = 0;
  double cosine = 1;
  double sine = 0;
  // Upper left corner of the output.
  double left = 0;
  double top = 0;
};

StraightenedFrame FrameOf(const RenderPlan& plan, PixelSize frame) {
  const double keeps = StraightenKeeps(frame, plan.straighten_degrees);
  const double radians = plan.straighten_degrees * std::numbers::pi / 180;
  StraightenedFrame result;
  result.width = plan.output.width / (plan.area.width * keeps);
  result.height = plan.output.height / (plan.area.height * keeps);
  result.cosine = std::cos(radians);
  result.sine = std::sin(radians);
  result.left = (plan.area.left - 0.5) * keeps * result.width;
  result.top = (plan.area.top - 0.5) * keeps * result.height;
  return result;
}

// The part of the frame, as it is before it is straightened, that the output needs.
Crop NeededArea(const StraightenedFrame& frame, PixelSize output) {
  double left = frame.width;
  double top = frame.height;
  double right = -frame.width;
  double bottom = -frame.height;
  for (double x : {frame.left, frame.left + output.width}) {
    for (double y : {frame.top, frame.top + output.height}) {
      const double from_x = frame.cosine * x + frame.sine * y;
      const double from_y = -frame.sine * x + frame.cosine * y;
      left = std::min(left, from_x);
      right = std::max(right, from_x);
      top = std::min(top, from_y);
      bottom = std::max(bottom, from_y);
    }
  }
  const auto fraction = [](double at, double size) {
    return std::clamp(at / size + 0.5, 0.0, 1.0);
  };
  Crop area;
  area.left = fraction(left - kMarginPx, frame.width);
  area.top = fraction(top - kMarginPx, frame.height);
  area.width = fraction(right + kMarginPx, frame.width) - area.left;
  area.height = fraction(bottom + kMarginPx, frame.height) - area.top;
  return area;
}

std::string Blob(const VImage& picture, const char* name) {
  if (picture.get_typeof(name) != VIPS_TYPE_BLOB) return {};
  size_t size = 0;
  const void* data = picture.get_blob(name, &size);
  return {static_cast<const char*>(data), size};
}

bool TurnsByItself(ImageFormat format) {
  return format == ImageFormat::kHeif || format == ImageFormat::kAvif;
}

}  // namespace

absl::StatusOr<Picture> Picture::Open(std::string_view bytes, const PictureLimits& limits) {
  if (bytes.empty()) return absl::InvalidArgumentError("the file is empty");
  const ImageFormat format = SniffFormat(bytes);
  if (format == ImageFormat::kUnknown) {
    return absl::InvalidArgumentError(
        "this is not a picture of a supported format (JPEG, TIFF, PNG, WebP, HEIF, AVIF, or a "
        "camera RAW with a preview)");
  }
  // Warnings about an earlier picture.
  vips_error_clear();
  Picture picture(bytes, format);
  if (format == ImageFormat::kRaw) {
    absl::StatusOr<std::string> preview = LargestPreview(bytes);
    if (!preview.ok()) return preview.status();
    picture.preview_ = *std::move(preview);
  }
  try {
    if (absl::Status status = picture.OpenPixels(limits); !status.ok()) return status;
  } catch (const vips::VError& error) {
    return VipsFailure(FormatTitle(format), error.what());
  }
  return picture;
}

absl::Status Picture::OpenPixels(const PictureLimits& limits) {
  const VImage lazy = Load(1);
  stored_ = {lazy.width(), lazy.height()};
  if (stored_.width < 1 || stored_.height < 1 || stored_.width > limits.max_side ||
      stored_.height > limits.max_side ||
      std::uint64_t(stored_.width) * std::uint64_t(stored_.height) > limits.max_pixels) {
    return absl::ResourceExhaustedError(base::Concat(
        FormatTitle(format_), " has ", stored_.width, " by ", stored_.height,
        " pixels, above the limit of ", limits.max_pixels / 1'000'000, " million pixels"));
  }
  TakeMetadata(lazy);
  return absl::OkStatus();
}

void Picture::TakeMetadata(const VImage& lazy) {
  // The decoder of HEIF finds its metadata more reliably than Exiv2, versions of which cannot.
  Metadata metadata = TurnsByItself(format_) ? ReadMetadataBlocks(Blob(lazy, VIPS_META_EXIF_NAME),
                                                                  Blob(lazy, VIPS_META_XMP_NAME))
                                             : ReadMetadata(bytes_, format_);
  facts_ = std::move(metadata.facts);
  facts_.format = std::string(FormatName(format_));
  facts_.orientation = 1;
  if (!TurnsByItself(format_)) {
    int orientation = metadata.orientation.value_or(1);
    if (!metadata.orientation && lazy.get_typeof(VIPS_META_ORIENTATION) == G_TYPE_INT) {
      orientation = lazy.get_int(VIPS_META_ORIENTATION);
    }
    facts_.orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
  }
  turn_ = TurnForOrientation(facts_.orientation);
  PixelSize original = stored_;
  if (is_preview() && metadata.width > 0 && metadata.height > 0) {
    original = {metadata.width, metadata.height};
    // Some cameras store the preview upright beside pixels that lie on their side.
    const bool lies_other_way =
        (original.width > original.height) != (stored_.width > stored_.height);
    if (lies_other_way && turn_.quarters % 2 == 1) turn_ = {};
  }
  const PixelSize upright_original = SizeAfter(original, TurnForOrientation(facts_.orientation));
  facts_.width = upright_original.width;
  facts_.height = upright_original.height;
}

VImage Picture::Load(int shrink) const {
  const std::string_view bytes = pixels();
  const vips::VSource source = vips::VSource::new_from_memory(bytes.data(), bytes.size());
  vips::VOption* options = VImage::option()
                               ->set("access", VIPS_ACCESS_SEQUENTIAL)
                               ->set("fail_on", VIPS_FAIL_ON_TRUNCATED);
  switch (format_) {
    case ImageFormat::kJpeg:
    case ImageFormat::kRaw:
      return VImage::jpegload_source(source, options->set("shrink", shrink));
    case ImageFormat::kTiff:
      return VImage::tiffload_source(source, options);
    case ImageFormat::kPng:
      return VImage::pngload_source(source, options);
    case ImageFormat::kWebp:
      return VImage::webpload_source(source, options);
    case ImageFormat::kHeif:
    case ImageFormat::kAvif:
      return VImage::heifload_source(source, options);
    case ImageFormat::kUnknown:
      break;
  }
  PROOFLINE_CHECK(false, "a picture of unknown format is never opened");
}

// A piece of the stored picture, not turned yet. `loaded_area`, if asked for, is where its whole
// pixels lie.
VImage Picture::LoadPiece(const Crop& stored_area, PixelSize output, Crop* loaded_area) const {
  const bool shrinks = format_ == ImageFormat::kJpeg || format_ == ImageFormat::kRaw;
  const int shrink = shrinks
                         ? ShrinkOnLoad(stored_area.width * stored_.width / output.width + 1e-6,
                                        stored_area.height * stored_.height / output.height + 1e-6)
                         : 1;
  VImage picture = OnWhite(Load(shrink));
  const PixelRect rect = NearestPixels(stored_area, picture.width(), picture.height());
  if (rect.width != picture.width() || rect.height != picture.height()) {
    picture = picture.extract_area(rect.left, rect.top, rect.width, rect.height);
  }
  if (loaded_area != nullptr) {
    *loaded_area = {.left = static_cast<double>(rect.left) * shrink / stored_.width,
                    .top = static_cast<double>(rect.top) * shrink / stored_.height,
                    .width = static_cast<double>(rect.width) * shrink / stored_.width,
                    .height = static_cast<double>(rect.height) * shrink / stored_.height};
  }
  return picture;
}

VImage Picture::RenderStraight(const RenderPlan& plan) const {
  const PixelSize lying =
      SizeAfter(plan.output, {.mirrored = false, .quarters = plan.turn.quarters});
  const VImage piece = LoadPiece(AreaBefore(plan.area, plan.turn), lying, nullptr);
  return Turned(ToSrgb(ResizedTo(piece, lying).copy_memory()), plan.turn).copy_memory();
}

VImage Picture::RenderStraightened(const RenderPlan& plan) const {
  const StraightenedFrame frame = FrameOf(plan, SizeAfter(stored_, plan.turn));
  const Crop needed = NeededArea(frame, plan.output);
  const auto pixels_of = [](double fraction, double size) {
    return std::max(1, static_cast<int>(std::lround(fraction * size)));
  };
  const PixelSize needed_px = {pixels_of(needed.width, frame.width),
                               pixels_of(needed.height, frame.height)};
  Crop loaded;
  const VImage piece =
      LoadPiece(AreaBefore(needed, plan.turn), SizeAfter(needed_px, plan.turn), &loaded);
  const Crop box = AreaAfter(loaded, plan.turn);
  const PixelSize box_px = {pixels_of(box.width, frame.width), pixels_of(box.height, frame.height)};
  const VImage small =
      Turned(ToSrgb(ResizedTo(piece, SizeAfter(box_px, plan.turn)).copy_memory()), plan.turn);
  const std::vector<double> rotation = {frame.cosine, -frame.sine, frame.sine, frame.cosine};
  const std::vector<int> output_area = {0, 0, plan.output.width, plan.output.height};
  return small
      .affine(rotation, VImage::option()
                            ->set("oarea", output_area)
                            ->set("idx", (box.left - 0.5) * frame.width)
                            ->set("idy", (box.top - 0.5) * frame.height)
                            ->set("odx", -frame.left)
                            ->set("ody", -frame.top)
                            ->set("extend", VIPS_EXTEND_COPY)
                            ->set("interpolate", vips::VInterpolate::new_from_name("bicubic")))
      .copy_memory();
}

absl::StatusOr<VImage> Picture::Render(const RenderPlan& plan) const {
  // A crop ends decoding above what may be missing.
  const bool whole = plan.area == Crop{} && plan.straighten_degrees == 0;
  if (!whole && format_ == ImageFormat::kJpeg && !HasEndOfImage(bytes_)) {
    return VipsFailure(FormatTitle(format_), "premature end");
  }
  try {
    return plan.straighten_degrees == 0 ? RenderStraight(plan) : RenderStraightened(plan);
  } catch (const vips::VError& error) {
    return VipsFailure(FormatTitle(format_), error.what());
  }
}

}  // namespace proofline::imaging
