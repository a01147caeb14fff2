// Many pictures on one.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/imaging/picture.h"

namespace proofline::imaging {

// One JPEG with the pictures in rows of `columns` (1 to 100), each fitted into a square of
// `cell_px` (16 to 2000) on white, with a thin white gap around. 1 to 1000 pictures. A picture that
// cannot be decoded fails the sheet, and its number is in the error. `labels`, none or one for each
// picture in UTF-8, stand below the pictures, cut in their middle where they are too long; without
// a font that has their letters their place stays empty.
absl::StatusOr<std::string> ContactSheet(std::span<const std::string_view> pictures,
                                         std::span<const std::string> labels, int columns,
                                         int cell_px, const PictureLimits& limits);

}  // namespace proofline::imaging
