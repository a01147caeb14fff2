// Renditions: the small JPEGs that customers look at.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/imaging/edit.h"
#include "lib/imaging/image_facts.h"
#include "lib/imaging/watermark.h"

namespace proofline::imaging {

// How a rendition is made. It is a baseline JPEG in sRGB, 4:2:0, with the standard Huffman tables
// and no metadata, so that renditions of one size and quality share their header.
struct RenditionSpec {
  // [a-z0-9-]{1,63}; "thumbnail" and "proof" are the usual ones.
  std::string kind = {};
  // The longer side in pixels, 16 to 16384. A smaller original is never enlarged.
  int long_edge_px = 0;
  // JPEG quality, 1 to 100.
  int quality = 0;
  // Whether the request's watermark is laid over it.
  bool watermarked = false;

  friend bool operator==(const RenditionSpec&, const RenditionSpec&) = default;
};

RenditionSpec ThumbnailSpec();
RenditionSpec ProofSpec();

absl::Status Validate(const RenditionSpec& spec);

// Positions in `specs`: from the renditions with the longest edge to those with the shortest, which
// can be made from the longer ones.
std::vector<std::size_t> LargestFirst(const std::vector<RenditionSpec>& specs);

struct RenditionRequest {
  // At least one, at most 8, of distinct kinds.
  std::vector<RenditionSpec> specs = {ThumbnailSpec(), ProofSpec()};
  Edit edit = {};
  // Needed if any of the specs is watermarked.
  std::optional<Watermark> watermark = std::nullopt;
  // The XMP file that a raw developer has put beside the original, of at most kMaxSidecar bytes;
  // empty when there is none. What it says of rating, label, title, caption, keywords, creator,
  // copyright and location stands in the facts instead of what the original says. A broken one says
  // nothing.
  std::string sidecar_xmp = {};
};

inline constexpr std::size_t kMaxSidecar = std::size_t{1} << 20;

absl::Status Validate(const RenditionRequest& request);

struct Rendition {
  std::string kind = {};
  int width = 0;
  int height = 0;
  std::string jpeg;
};

struct Renditions {
  // In the order of the request.
  std::vector<Rendition> renditions;
  ImageFacts facts;
};

}  // namespace proofline::imaging
