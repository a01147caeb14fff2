#include "lib/imaging/contact_sheet.h"

#include <glib.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "lib/base/text.h"
#include "lib/imaging/geometry.h"
#include "lib/imaging/jpeg_output.h"
#include "lib/imaging/text.h"
#include "lib/imaging/vips_runtime.h"

namespace proofline::imaging {
namespace {

using vips::VImage;

constexpr int kGapPx = 4;
constexpr int kQuality = 88;
// What JPEG can hold.
constexpr int kMaxSide = 65500;

// Labels are as high as letters that can be read without being larger than the picture asks for.
int LetterPx(int cell_px) { return std::clamp(cell_px / 18, 9, 24); }

absl::Status CheckShape(std::size_t count, std::size_t labels, int columns, int cell_px) {
  if (count < 1 || count > 1000) {
    return absl::InvalidArgumentError(
        base::Concat("a contact sheet holds 1 to 1000 pictures, not ", count));
  }
  if (columns < 1 || columns > 100 || cell_px < 16 || cell_px > 2000) {
    return absl::InvalidArgumentError(
        "a contact sheet has 1 to 100 columns of cells of 16 to 2000 pixels");
  }
  if (labels != 0 && labels != count) {
    return absl::InvalidArgumentError(
        base::Concat("a contact sheet of ", count, " pictures has no ", labels, " labels"));
  }
  const int label_px = labels == 0 ? 0 : 2 * LetterPx(cell_px);
  const int rows = (static_cast<int>(count) + columns - 1) / columns;
  if (columns * (cell_px + kGapPx) > kMaxSide || rows * (cell_px + kGapPx + label_px) > kMaxSide) {
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

struct GFree {
  void operator()(char* text) const { g_free(text); }
};

// One band, 0 to 255.
VImage Letters(const std::string& text, int letter_px) {
  // libvips reads its text as Pango markup.
  const std::unique_ptr<char, GFree> escaped(
      g_markup_escape_text(text.data(), static_cast<gssize>(text.size())));
  const std::string font = base::Concat("sans ", letter_px);
  return VImage::text(escaped.get(), VImage::option()->set("font", font.c_str())->set("dpi", 72));
}

// The text with what is too much in its middle replaced, `keep` bytes of it left at most.
std::string Shortened(const std::string& text, std::size_t keep) {
  const auto starts = [&](std::size_t at) {
    return at >= text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
  };
  std::size_t head = keep / 2;
  std::size_t tail = text.size() - (keep - head);
  while (head > 0 && !starts(head)) --head;
  while (!starts(tail)) ++tail;
  return text.substr(0, head) + "…" + text.substr(tail);
}

// The label on white, as wide as a cell.
VImage Label(std::string text, int cell_px) {
  constexpr double kInk = 60;
  const int side = cell_px + kGapPx;
  const int letter_px = LetterPx(cell_px);
  const int height = 2 * letter_px;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  VImage page = (VImage::black(side, height) + 255).cast(VIPS_FORMAT_UCHAR);
  if (text.find_first_not_of(' ') == std::string::npos || !IsValidUtf8(text)) return page;
  VImage letters = Letters(text, letter_px);
  for (std::size_t keep = text.size(); letters.width() > cell_px && keep > 4;) {
    const auto fits =
        static_cast<std::size_t>(static_cast<double>(keep) * cell_px / letters.width());
    keep = std::max<std::size_t>(4, std::min(keep - 1, fits));
    letters = Letters(Shortened(text, keep), letter_px);
  }
  const int width = std::min(letters.width(), side);
  const int rows = std::min(letters.height(), height);
  const VImage ink = letters.crop(0, 0, width, rows).linear(-(255 - kInk) / 255, 255);
  return page
      .insert(ink.cast(VIPS_FORMAT_UCHAR), (side - width) / 2,
              std::max(0, (letter_px * 3 / 2 - rows) / 2))
      .copy_memory();
}

absl::StatusOr<VImage> WithLabel(const VImage& cell, const std::string& label, int cell_px) {
  try {
    const VImage line = Label(label, cell_px);
    const std::vector<VImage> bands = {line, line, line};
    return cell
        .join(VImage::bandjoin(bands).copy(
                  VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB)),
              VIPS_DIRECTION_VERTICAL)
        .copy_memory();
  } catch (const vips::VError& error) {
    return VipsFailure("the contact sheet", error.what());
  }
}

}  // namespace

absl::StatusOr<std::string> ContactSheet(std::span<const std::string_view> pictures,
                                         std::span<const std::string> labels, int columns,
                                         int cell_px, const PictureLimits& limits) {
  absl::Status status = CheckShape(pictures.size(), labels.size(), columns, cell_px);
  if (!status.ok()) return status;
  std::vector<VImage> cells;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    absl::StatusOr<VImage> cell = Cell(pictures[i], cell_px, limits);
    if (cell.ok() && !labels.empty()) cell = WithLabel(*cell, labels[i], cell_px);
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
