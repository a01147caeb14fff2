#include "lib/imaging/render.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "lib/base/text.h"
#include "lib/imaging/geometry.h"
#include "lib/imaging/jpeg_output.h"
#include "lib/imaging/metadata.h"
#include "lib/imaging/planar_rendition.h"
#include "lib/imaging/vips_runtime.h"
#include "lib/imaging/watermark_painter.h"

namespace proofline::imaging {
namespace {

using vips::VImage;

// From the pixels of a larger rendition, not from its JPEG.
VImage SmallerCopy(const VImage& larger, PixelSize size) {
  if (larger.width() == size.width && larger.height() == size.height) return larger;
  return larger
      .resize(static_cast<double>(size.width) / larger.width(),
              VImage::option()->set("vscale", static_cast<double>(size.height) / larger.height()))
      .copy_memory();
}

absl::StatusOr<VImage> RenderAnyWay(const Picture& picture, const RenderPlan& plan) {
  try {
    if (std::optional<VImage> planar = RenderPlanar(picture, plan)) return *planar;
  } catch (const vips::VError&) {
    vips_error_clear();
  }
  return picture.Render(plan);
}

Rendition Encoded(const RenditionSpec& spec, const VImage& picture) {
  return {.kind = spec.kind,
          .width = picture.width(),
          .height = picture.height(),
          .jpeg = EncodeJpeg(picture, {.quality = spec.quality, .subsample = true})};
}

absl::Status CheckPreviewHolds(const Picture& picture, const PrintPlan& plan) {
  if (picture.developable().ok() || plan.source_pixels_per_pixel >= 1) return absl::OkStatus();
  return absl::FailedPreconditionError(base::Concat(
      "the preview in this camera RAW (", picture.upright().width, " by ", picture.upright().height,
      " pixels) is too small for this page, and ", picture.developable().message()));
}

VImage OnPaper(const VImage& picture, const PrintPlan& plan, const PrintSpec& spec) {
  VImage turned = plan.turned ? picture.rot(VIPS_ANGLE_D90).copy_memory() : picture;
  if (turned.width() == spec.width_px && turned.height() == spec.height_px) return turned;
  return turned.embed(plan.left, plan.top, spec.width_px, spec.height_px,
                      VImage::option()->set("extend", VIPS_EXTEND_WHITE));
}

}  // namespace

absl::StatusOr<Renditions> MakeRenditions(std::string_view original,
                                          const RenditionRequest& request,
                                          const PictureLimits& limits) {
  absl::StatusOr<Picture> picture = Picture::Open(original, limits);
  if (!picture.ok()) return picture.status();
  Renditions result;
  result.facts = picture->facts();
  ApplySidecar(request.sidecar_xmp, result.facts);
  if (std::optional<std::vector<Rendition>> made = MakePlanarRenditions(*picture, request)) {
    result.renditions = *std::move(made);
    return result;
  }
  result.renditions.resize(request.specs.size());

  VImage last;
  for (std::size_t index : LargestFirst(request.specs)) {
    const RenditionSpec& spec = request.specs[index];
    const RenderPlan plan = PlanRendition(picture->upright(), picture->stored_to_upright(),
                                          request.edit, spec.long_edge_px);
    if (last.is_null()) {
      absl::StatusOr<VImage> rendered = RenderAnyWay(*picture, plan);
      if (!rendered.ok()) return rendered.status();
      last = *rendered;
    }
    try {
      last = SmallerCopy(last, plan.output);
      // Smaller renditions come from the picture without its mark.
      absl::StatusOr<VImage> shown =
          spec.watermarked ? WithWatermark(last, *request.watermark) : last;
      if (!shown.ok()) return shown.status();
      result.renditions[index] = Encoded(spec, *shown);
    } catch (const vips::VError& error) {
      return VipsFailure("the rendition", error.what());
    }
  }
  return result;
}

absl::StatusOr<PrintRendering> RenderPrint(std::string_view original, const PrintRequest& request,
                                           const PictureLimits& limits) {
  absl::StatusOr<Picture> picture = Picture::Open(original, limits);
  if (!picture.ok()) return picture.status();
  const PrintPlan plan =
      PlanPrint(picture->upright(), picture->stored_to_upright(), request.edit, request.spec);
  if (absl::Status status = CheckPreviewHolds(*picture, plan); !status.ok()) return status;
  absl::StatusOr<VImage> rendered = picture->Render(plan.picture);
  if (!rendered.ok()) return rendered.status();
  PrintRendering page;
  page.facts = picture->facts();
  page.turned = plan.turned;
  page.source_pixels_per_pixel = plan.source_pixels_per_pixel;
  try {
    page.jpeg = EncodeJpeg(OnPaper(*rendered, plan, request.spec),
                           {.quality = request.spec.quality,
                            .subsample = false,
                            .pixels_per_inch = request.spec.pixels_per_inch});
  } catch (const vips::VError& error) {
    return VipsFailure("the page", error.what());
  }
  return page;
}

absl::StatusOr<ImageFacts> Inspect(std::string_view original, const PictureLimits& limits) {
  absl::StatusOr<Picture> picture = Picture::Open(original, limits);
  if (!picture.ok()) return picture.status();
  return picture->facts();
}

}  // namespace proofline::imaging
