#include "lib/imaging/contact_sheet.h"

#include <algorithm>
#include <vector>

#include "lib/base/text.h"
#include "lib/imaging/geometry.h"
#include "lib/imaging/jpeg_output.h"
#include "lib/imaging/vips_runtime.h"

namespace proofline::imaging {
namespace {

using vips::VImage;

constexpr int kGapPx = 4;
constexpr int kQuality = 88;
// What JPEG can hold.
constexpr int kMaxSide = 65500;

absl::Status CheckShape(std::size_t count, int columns, int cell_px) {
  if (count < 1 || count > 1000) {
    return absl::InvalidArgumentError(
        base::Concat("a contact sheet holds 1 to 1000 pictures, not ", count));
  }
  if (columns < 1 || columns > 100 || cell_px < 16 || cell_px > 2000) {
    return absl::InvalidArgumentError(
        "a contact sheet has 1 to 100 columns of cells of 16 to 2000 pixels");
  }
  const int rows = (static_cast<int>(count) + columns - 1) / columns;
  if (std::max(rows, columns) * (cell_px + kGapPx) > kMaxSide) {
    return absl::InvalidArgumentError(base::Concat("a contact sheet of ", rows, " rows of ",
                                                   columns, " cells of ", cell_px,
                                                   " pixels is too large for a JPEG"));
  }
  return absl::OkStatus();
}

absl::StatusOr<VImage> Cell(std::string_view bytes, int cell_px, const PictureLimits& limits) {
  absl::StatusOr<Picture> picture = Picture::Open(bytes, limits);
  if (!picture.ok()) return picture.status();
  absl::StatusOr<VImage> small =
      picture->Render(PlanRendition(picture->upright(), picture->stored_to_upright(), {}, cell_px));
  if (!small.ok()) return small.status();
  try {
    const int side = cell_px + kGapPx;
    return small
        ->embed((side - small->width()) / 2, (side - small->height()) / 2, side, side,
                VImage::option()->set("extend", VIPS_EXTEND_WHITE))
        .copy_memory();
  } catch (const vips::VError& error) {
    return VipsFailure("the contact sheet", error.what());
  }
}

}  // namespace

absl::StatusOr<std::string> ContactSheet(std::span<const std::string_view> pictures, int columns,
                                         int cell_px, const PictureLimits& limits) {
  if (absl::Status status = CheckShape(pictures.size(), columns, cell_px); !status.ok()) {
    return status;
  }
  std::vector<VImage> cells;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    absl::StatusOr<VImage> cell = Cell(pictures[i], cell_px, limits);
    if (!cell.ok()) {
      return absl::Status(cell.status().code(),
                          base::Concat("picture ", i + 1, ": ", cell.status().message()));
    }
    cells.push_back(*std::move(cell));
  }
  try {
    const int across = std::min(columns, static_cast<int>(cells.size()));
    const VImage sheet =
        VImage::arrayjoin(cells, VImage::option()
                                     ->set("across", across)
                                     ->set("background", std::vector<double>{255, 255, 255}));
    return EncodeJpeg(sheet, {.quality = kQuality, .subsample = false});
  } catch (const vips::VError& error) {
    return VipsFailure("the contact sheet", error.what());
  }
}

}  // namespace proofline::imaging
