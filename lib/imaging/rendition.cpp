#include "lib/imaging/rendition.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "lib/base/id.h"
#include "lib/base/text.h"

namespace proofline::imaging {

RenditionSpec ThumbnailSpec() { return {.kind = "thumbnail", .long_edge_px = 320, .quality = 80}; }

RenditionSpec ProofSpec() { return {.kind = "proof", .long_edge_px = 1600, .quality = 85}; }

absl::Status Validate(const RenditionSpec& spec) {
  if (!base::IsValidId(spec.kind)) {
    return absl::InvalidArgumentError(
        "a rendition's kind must be 1 to 63 lower-case letters, digits and hyphens");
  }
  if (spec.long_edge_px < 16 || spec.long_edge_px > 16384) {
    return absl::InvalidArgumentError(base::Concat("the long edge of the rendition ", spec.kind,
                                                   " must be 16 to 16384 pixels, not ",
                                                   spec.long_edge_px));
  }
  if (spec.quality < 1 || spec.quality > 100) {
    return absl::InvalidArgumentError(base::Concat("the quality of the rendition ", spec.kind,
                                                   " must be 1 to 100, not ", spec.quality));
  }
  return absl::OkStatus();
}

std::vector<std::size_t> LargestFirst(const std::vector<RenditionSpec>& specs) {
  std::vector<std::size_t> order(specs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return specs[a].long_edge_px > specs[b].long_edge_px;
  });
  return order;
}

absl::Status Validate(const RenditionRequest& request) {
  if (request.specs.empty() || request.specs.size() > 8) {
    return absl::InvalidArgumentError(base::Concat(
        "1 to 8 renditions can be made of an original at once, not ", request.specs.size()));
  }
  std::set<std::string> kinds;
  for (const RenditionSpec& spec : request.specs) {
    if (absl::Status status = Validate(spec); !status.ok()) return status;
    if (!kinds.insert(spec.kind).second) {
      return absl::InvalidArgumentError(
          base::Concat("the rendition ", spec.kind, " is asked for twice"));
    }
    if (spec.watermarked && !request.watermark) {
      return absl::InvalidArgumentError(
          base::Concat("the rendition ", spec.kind, " needs a watermark, and there is none"));
    }
  }
  if (request.watermark) {
    if (absl::Status status = Validate(*request.watermark); !status.ok()) return status;
  }
  if (request.sidecar_xmp.size() > kMaxSidecar) {
    return absl::InvalidArgumentError(base::Concat("the XMP file beside the original has ",
                                                   request.sidecar_xmp.size(),
                                                   " bytes, above the limit of 1 MiB"));
  }
  return Validate(request.edit);
}

}  // namespace proofline::imaging
