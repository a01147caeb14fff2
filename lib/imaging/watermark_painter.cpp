#include "lib/imaging/watermark_painter.h"

#include <glib.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "lib/imaging/vips_runtime.h"

namespace proofline::imaging {
namespace {

using vips::VImage;

constexpr double kMaxPngPixels = 16e6;

struct GFree {
  void operator()(char* text) const { g_free(text); }
};

VImage DrawnText(const std::string& markup, int dots_per_inch) {
  return VImage::text(markup.c_str(), VImage::option()
                                          ->set("font", "sans bold 48")
                                          ->set("dpi", dots_per_inch)
                                          ->set("align", VIPS_ALIGN_CENTRE));
}

VImage Scaled(const VImage& picture, double long_side) {
  return picture.resize(long_side / std::max(picture.width(), picture.height()));
}

// White letters with a soft dark rim, four bands.
VImage TextMark(const std::string& text, int long_side) {
  // libvips reads its text as Pango markup.
  const std::unique_ptr<char, GFree> escaped(
      g_markup_escape_text(text.data(), static_cast<gssize>(text.size())));
  const std::string markup = escaped.get();
  constexpr int kProbe = 72;
  const VImage probe = DrawnText(markup, kProbe);
  const int rim = std::max(1, long_side / 60);
  const double inner = std::max(1, long_side - 2 * rim);
  const double scale = inner / std::max(probe.width(), probe.height());
  const int dots_per_inch = std::clamp(static_cast<int>(std::ceil(kProbe * scale)), 1, 4000);
  const VImage drawn = Scaled(DrawnText(markup, dots_per_inch), inner);
  const VImage letters =
      drawn.embed(rim, rim, drawn.width() + 2 * rim, drawn.height() + 2 * rim).copy_memory();
  const VImage shade = (letters.gaussblur(std::max(0.5, rim * 0.5)) * 1.2).cast(VIPS_FORMAT_UCHAR);
  const VImage alpha = (letters > shade).ifthenelse(letters, shade).copy_memory();
  const VImage light =
      (letters * 255.0 / (alpha == 0).ifthenelse(1, alpha)).cast(VIPS_FORMAT_UCHAR);
  const std::vector<VImage> bands = {light, light, light, alpha};
  return VImage::bandjoin(bands);
}

VImage PngMark(const std::string& png, int long_side) {
  const vips::VSource source = vips::VSource::new_from_memory(png.data(), png.size());
  VImage mark =
      VImage::pngload_source(source, VImage::option()->set("fail_on", VIPS_FAIL_ON_TRUNCATED));
  if (static_cast<double>(mark.width()) * mark.height() > kMaxPngPixels) {
    vips_error("watermark", "it has more than 16 million pixels");
    throw vips::VError();
  }
  mark = mark.colourspace(VIPS_INTERPRETATION_sRGB).cast(VIPS_FORMAT_UCHAR);
  if (!mark.has_alpha()) mark = mark.bandjoin(255);
  return Scaled(mark.premultiply(), long_side).unpremultiply().cast(VIPS_FORMAT_UCHAR);
}

VImage MarkFor(const Watermark& watermark, int long_side) {
  const VImage mark = watermark.text.empty() ? PngMark(watermark.png, long_side)
                                             : TextMark(watermark.text, long_side);
  return mark.copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB)).copy_memory();
}

// Enough of the mark, in bricks, to cover the picture.
VImage Tiled(const VImage& mark, int gap, const VImage& picture) {
  const std::vector<double> nothing = {0, 0, 0, 0};
  const int width = mark.width() + gap;
  const int height = mark.height() + gap;
  const VImage tile =
      mark.embed(
              gap / 2, gap / 2, width, height,
              VImage::option()->set("extend", VIPS_EXTEND_BACKGROUND)->set("background", nothing))
          .copy_memory();
  const VImage moved = tile.wrap(VImage::option()->set("x", width / 2)->set("y", 0));
  const VImage rows = tile.join(moved, VIPS_DIRECTION_VERTICAL).copy_memory();
  return rows.replicate(picture.width() / width + 1, picture.height() / (2 * height) + 1)
      .crop(0, 0, picture.width(), picture.height());
}

// 0, 1 or 2 thirds of the way, not nearer to an edge than the margin where that is possible.
int Place(int third, int room, int margin) {
  const int most = std::max(0, room);
  if (third == 0) return std::min(margin, most / 2);
  return third == 1 ? most / 2 : std::max(most - margin, most / 2);
}

VImage Painted(const VImage& picture, const Watermark& watermark, const VImage& mark) {
  const int margin =
      static_cast<int>(std::lround(watermark.margin * std::min(picture.width(), picture.height())));
  int left = 0;
  int top = 0;
  VImage overlay = mark;
  if (watermark.tiled) {
    overlay = Tiled(mark, margin, picture);
  } else {
    const int cell = static_cast<int>(watermark.position);
    left = Place(cell % 3, picture.width() - mark.width(), margin);
    top = Place(cell / 3, picture.height() - mark.height(), margin);
  }
  const std::vector<double> factors = {1, 1, 1, watermark.opacity};
  const std::vector<double> zeros = {0, 0, 0, 0};
  overlay = overlay.linear(factors, zeros)
                .cast(VIPS_FORMAT_UCHAR)
                .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
  return picture
      .composite2(overlay, VIPS_BLEND_MODE_OVER, VImage::option()->set("x", left)->set("y", top))
      .extract_band(0, VImage::option()->set("n", 3))
      .cast(VIPS_FORMAT_UCHAR)
      .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB))
      .copy_memory();
}

}  // namespace

absl::StatusOr<VImage> WithWatermark(const VImage& picture, const Watermark& watermark) {
  try {
    const int short_side = std::min(picture.width(), picture.height());
    const int long_side = std::max(1, static_cast<int>(std::lround(watermark.size * short_side)));
    const VImage mark = MarkFor(watermark, long_side);
    if (!watermark.text.empty() && mark.extract_band(3).max() == 0) {
      return absl::FailedPreconditionError(
          "the text of the watermark cannot be drawn: install a font that has its letters, such as "
          "the package fonts-dejavu-core");
    }
    return Painted(picture, watermark, mark);
  } catch (const vips::VError& error) {
    return VipsFailure("the watermark", error.what());
  }
}

}  // namespace proofline::imaging
