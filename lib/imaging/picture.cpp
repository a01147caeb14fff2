#include "lib/imaging/picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "lib/imaging/cut_short.h"
#include "lib/imaging/jpeg_damage.h"
#include "lib/imaging/jpeg_header.h"
#include "lib/imaging/metadata.h"
#include "lib/imaging/named_colours.h"
#include "lib/imaging/pixel_steps.h"
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

// Whole numbers of 8 or 16 bits, or of a kind of pixels that says where its white is.
bool HasUsualSamples(const VImage& picture) {
  const VipsInterpretation meaning = picture.interpretation();
  return picture.coding() != VIPS_CODING_NONE || picture.format() == VIPS_FORMAT_UCHAR ||
         picture.format() == VIPS_FORMAT_USHORT || meaning == VIPS_INTERPRETATION_scRGB ||
         meaning == VIPS_INTERPRETATION_LAB || meaning == VIPS_INTERPRETATION_LABS ||
         meaning == VIPS_INTERPRETATION_XYZ;
}

bool TurnsByItself(ImageFormat format) {
  return format == ImageFormat::kHeif || format == ImageFormat::kAvif;
}

}  // namespace

bool IsWithin(PixelSize size, const PictureLimits& limits) {
  return size.width >= 1 && size.height >= 1 && size.width <= limits.max_side &&
         size.height <= limits.max_side &&
         std::uint64_t(size.width) * std::uint64_t(size.height) <= limits.max_pixels;
}

absl::StatusOr<Picture> Picture::Open(std::string_view bytes, const PictureLimits& limits) {
  if (bytes.empty()) return absl::InvalidArgumentError("the file is empty");
  const ImageFormat format = SniffFormat(bytes);
  if (format == ImageFormat::kUnknown) {
    return absl::InvalidArgumentError(
        "this is not a picture of a supported format (JPEG, TIFF, PNG, WebP, HEIF, AVIF, or a "
        "camera RAW)");
  }
  // Warnings about an earlier picture.
  vips_error_clear();
  Picture picture(bytes, format);
  try {
    const absl::Status status =
        format == ImageFormat::kRaw ? picture.OpenRaw(limits) : picture.OpenPixels(limits);
    if (!status.ok()) return status;
  } catch (const vips::VError& error) {
    return VipsFailure(FormatTitle(format), error.what());
  }
  return picture;
}

absl::Status Picture::CheckSize(const PictureLimits& limits) const {
  if (IsWithin(stored_, limits)) return absl::OkStatus();
  return absl::ResourceExhaustedError(base::Concat(
      FormatTitle(format_), " has ", stored_.width, " by ", stored_.height,
      " pixels, above the limit of ", limits.max_pixels / 1'000'000, " million pixels"));
}

absl::Status Picture::OpenPixels(const PictureLimits& limits) {
  if (LooksCutShort(bytes_, format_)) return EndsTooEarly(format_);
  const VImage lazy = Load(1);
  stored_ = {lazy.width(), lazy.height()};
  if (absl::Status status = CheckSize(limits); !status.ok()) return status;
  if (!HasUsualSamples(lazy)) {
    return absl::InvalidArgumentError(base::Concat(
        FormatTitle(format_), " has samples of an unusual kind; save it with 8 or 16 bits"));
  }
  TakeMetadata(lazy);
  if (TurnsByItself(format_)) named_profile_ = NamedColourProfile(bytes_);
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
  // The rule is one for cameras' JPEGs. Other formats have been through a program, which may have
  // converted the pixels and kept the tags.
  const bool adobe_rgb = format_ == ImageFormat::kJpeg && metadata.adobe_rgb;
  assumed_ = adobe_rgb ? AssumedColour::kAdobeRgb : AssumedColour::kSrgb;
  facts_.width = upright().width;
  facts_.height = upright().height;
}

VImage Picture::Load(int shrink) const {
  if (!developed_.is_null()) return developed_;
  const VImage decoded = Decoded(shrink);
  if (named_profile_.empty() || decoded.get_typeof(VIPS_META_ICC_NAME) != 0) return decoded;
  VImage tagged = decoded.copy();
  vips_image_set_blob_copy(tagged.get_image(), VIPS_META_ICC_NAME, named_profile_.data(),
                           named_profile_.size());
  return tagged;
}

VImage Picture::Decoded(int shrink) const {
  const vips::VSource source = vips::VSource::new_from_memory(bytes_.data(), bytes_.size());
  const bool strict = strict_ && format_ == ImageFormat::kJpeg;
  vips::VOption* options =
      VImage::option()
          ->set("access", VIPS_ACCESS_SEQUENTIAL)
          ->set("fail_on", strict ? VIPS_FAIL_ON_WARNING : VIPS_FAIL_ON_TRUNCATED);
  switch (format_) {
    case ImageFormat::kJpeg:
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
    case ImageFormat::kRaw:
    case ImageFormat::kUnknown:
      break;
  }
  PROOFLINE_CHECK(false, "a picture of unknown format is never opened");
}

// A piece of the stored picture, not turned yet. `loaded_area`, if asked for, is where its whole
// pixels lie.
VImage Picture::LoadPiece(const Crop& stored_area, PixelSize output, Crop* loaded_area) const {
  const bool shrinks = format_ == ImageFormat::kJpeg;
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
  return Turned(ToSrgb(ResizedTo(piece, lying).copy_memory(), assumed_), plan.turn).copy_memory();
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
  const VImage small = Turned(
      ToSrgb(ResizedTo(piece, SizeAfter(box_px, plan.turn)).copy_memory(), assumed_), plan.turn);
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
  if (format_ == ImageFormat::kRaw && developed_.is_null()) return RenderRaw(plan);
  // A crop ends decoding above what may be missing.
  const bool whole = plan.area == Crop{} && plan.straighten_degrees == 0;
  if (!whole && format_ == ImageFormat::kJpeg && !HasEndOfImage(bytes_)) {
    return EndsTooEarly(format_);
  }
  try {
    return plan.straighten_degrees == 0 ? RenderStraight(plan) : RenderStraightened(plan);
  } catch (const vips::VError& error) {
    const absl::Status failure = VipsFailure(FormatTitle(format_), error.what());
    if (format_ != ImageFormat::kJpeg || !strict_ || !absl::IsInvalidArgument(failure)) {
      return failure;
    }
    switch (DamageOf(bytes_)) {
      case JpegDamage::kNone:
        return RenderLenient(plan);
      case JpegDamage::kCutShort:
        return EndsTooEarly(format_);
      case JpegDamage::kBroken:
        break;
    }
    return failure;
  }
}

absl::StatusOr<VImage> Picture::RenderLenient(const RenderPlan& plan) const {
  Picture lenient(bytes_, format_);
  lenient.stored_ = stored_;
  lenient.turn_ = turn_;
  lenient.assumed_ = assumed_;
  lenient.strict_ = false;
  return lenient.Render(plan);
}

}  // namespace proofline::imaging
