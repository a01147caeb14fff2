#include "lib/imaging/worker_wire.h"

#include <cmath>
#include <utility>

#include "lib/imaging/text.h"

namespace proofline::imaging {
namespace {

wire::Crop CropToWire(const Crop& crop) {
  wire::Crop message;
  message.set_left(crop.left);
  message.set_top(crop.top);
  message.set_width(crop.width);
  message.set_height(crop.height);
  return message;
}

Crop CropFromWire(const wire::Crop& crop) {
  return {.left = crop.left(), .top = crop.top(), .width = crop.width(), .height = crop.height()};
}

bool IsPositive(double number) { return std::isfinite(number) && number > 0; }

}  // namespace

wire::Edit ToWire(const Edit& edit) {
  wire::Edit message;
  message.set_rotation_degrees(edit.rotation_degrees);
  message.set_straighten_degrees(edit.straighten_degrees);
  if (edit.crop) *message.mutable_crop() = CropToWire(*edit.crop);
  return message;
}

Edit FromWire(const wire::Edit& edit) {
  Edit value{.rotation_degrees = edit.rotation_degrees(),
             .straighten_degrees = edit.straighten_degrees(),
             .crop = std::nullopt};
  if (edit.has_crop()) value.crop = CropFromWire(edit.crop());
  return value;
}

wire::RenditionSpec ToWire(const RenditionSpec& spec) {
  wire::RenditionSpec message;
  message.set_kind(spec.kind);
  message.set_long_edge_px(spec.long_edge_px);
  message.set_quality(spec.quality);
  message.set_watermarked(spec.watermarked);
  return message;
}

RenditionSpec FromWire(const wire::RenditionSpec& spec) {
  return {.kind = spec.kind(),
          .long_edge_px = spec.long_edge_px(),
          .quality = spec.quality(),
          .watermarked = spec.watermarked()};
}

wire::Watermark ToWire(const Watermark& watermark) {
  wire::Watermark message;
  message.set_text(watermark.text);
  message.set_position(static_cast<int>(watermark.position));
  message.set_opacity(watermark.opacity);
  message.set_tiled(watermark.tiled);
  message.set_size(watermark.size);
  message.set_margin(watermark.margin);
  return message;
}

Watermark FromWire(const wire::Watermark& watermark) {
  return {.text = watermark.text(),
          .position = static_cast<Watermark::Position>(watermark.position()),
          .opacity = watermark.opacity(),
          .tiled = watermark.tiled(),
          .size = watermark.size(),
          .margin = watermark.margin()};
}

wire::PrintSpec ToWire(const PrintSpec& spec) {
  wire::PrintSpec message;
  message.set_width_px(spec.width_px);
  message.set_height_px(spec.height_px);
  message.set_fit(spec.fit == Fit::kFit);
  if (spec.crop) *message.mutable_crop() = CropToWire(*spec.crop);
  message.set_pixels_per_inch(spec.pixels_per_inch);
  message.set_border_px(spec.border_px);
  message.set_quality(spec.quality);
  return message;
}

PrintSpec FromWire(const wire::PrintSpec& spec) {
  PrintSpec value{.width_px = spec.width_px(),
                  .height_px = spec.height_px(),
                  .fit = spec.fit() ? Fit::kFit : Fit::kFill,
                  .crop = std::nullopt,
                  .pixels_per_inch = spec.pixels_per_inch(),
                  .border_px = spec.border_px(),
                  .quality = spec.quality()};
  if (spec.has_crop()) value.crop = CropFromWire(spec.crop());
  return value;
}

wire::Facts ToWire(const ImageFacts& facts) {
  wire::Facts message;
  message.set_format(facts.format);
  message.set_width(facts.width);
  message.set_height(facts.height);
  message.set_orientation(facts.orientation);
  message.set_size_bytes(facts.size_bytes);
  message.set_digest(std::string(facts.digest.bytes()));
  message.set_capture_time(facts.capture_time);
  message.set_camera_make(facts.camera_make);
  message.set_camera_model(facts.camera_model);
  message.set_lens(facts.lens);
  if (facts.exposure_time) message.set_exposure_time(*facts.exposure_time);
  if (facts.f_number) message.set_f_number(*facts.f_number);
  if (facts.iso) message.set_iso(*facts.iso);
  if (facts.focal_length_mm) message.set_focal_length_mm(*facts.focal_length_mm);
  message.set_title(facts.title);
  message.set_caption(facts.caption);
  message.set_creator(facts.creator);
  message.set_copyright(facts.copyright);
  for (const std::string& keyword : facts.keywords) message.add_keywords(keyword);
  if (facts.rating) message.set_rating(*facts.rating);
  message.set_label(facts.label);
  message.set_location(facts.location);
  return message;
}

absl::StatusOr<ImageFacts> FromWire(const wire::Facts& message) {
  absl::StatusOr<base::Digest> digest = base::Digest::FromBytes(message.digest());
  if (!digest.ok()) return digest.status();
  if (message.width() < 1 || message.height() < 1 || message.orientation() < 1 ||
      message.orientation() > 8) {
    return absl::InvalidArgumentError("a picture's facts are out of range");
  }
  // Facts are made of clean text; that a worker sends them does not show that it still cleaned
  // them.
  ImageFacts facts;
  facts.format = CleanLine(message.format(), 16);
  facts.width = message.width();
  facts.height = message.height();
  facts.orientation = message.orientation();
  facts.size_bytes = message.size_bytes();
  facts.digest = *digest;
  facts.capture_time = CleanLine(message.capture_time(), 64);
  facts.camera_make = CleanLine(message.camera_make(), ImageFacts::kMaxKeyword);
  facts.camera_model = CleanLine(message.camera_model(), ImageFacts::kMaxKeyword);
  facts.lens = CleanLine(message.lens(), ImageFacts::kMaxKeyword);
  if (IsPositive(message.exposure_time())) facts.exposure_time = message.exposure_time();
  if (IsPositive(message.f_number())) facts.f_number = message.f_number();
  if (message.iso() > 0) facts.iso = message.iso();
  if (IsPositive(message.focal_length_mm())) facts.focal_length_mm = message.focal_length_mm();
  facts.title = CleanText(message.title(), ImageFacts::kMaxFactText);
  facts.caption = CleanText(message.caption(), ImageFacts::kMaxFactText);
  facts.creator = CleanText(message.creator(), ImageFacts::kMaxFactText);
  facts.copyright = CleanText(message.copyright(), ImageFacts::kMaxFactText);
  for (const std::string& keyword : message.keywords()) {
    if (facts.keywords.size() == ImageFacts::kMaxKeywords) break;
    facts.keywords.push_back(CleanLine(keyword, ImageFacts::kMaxKeyword));
  }
  if (message.has_rating() && message.rating() >= -1 && message.rating() <= 5) {
    facts.rating = message.rating();
  }
  facts.label = CleanLine(message.label(), ImageFacts::kMaxKeyword);
  facts.location = CleanLine(message.location(), ImageFacts::kMaxFactText);
  return facts;
}

}  // namespace proofline::imaging
