// Renditions and pages from the bytes of an original. Blocks for as long as decoding takes; runs in
// worker processes, where a decoder may fail as it likes.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "lib/imaging/picture.h"
#include "lib/imaging/print_spec.h"
#include "lib/imaging/rendition.h"

namespace proofline::imaging {

// All renditions of a request from one decode. Size and digest stay empty in the facts: who read
// the bytes knows them.
absl::StatusOr<Renditions> MakeRenditions(std::string_view original,
                                          const RenditionRequest& request,
                                          const PictureLimits& limits);

// One page. A camera RAW is developed unless a preview has the pixels the page needs;
// FailedPrecondition if it has not and LibRaw does not know the camera.
absl::StatusOr<PrintRendering> RenderPrint(std::string_view original, const PrintRequest& request,
                                           const PictureLimits& limits);

// Facts alone.
absl::StatusOr<ImageFacts> Inspect(std::string_view original, const PictureLimits& limits);

}  // namespace proofline::imaging
