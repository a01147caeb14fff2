// The studio's preferences: which photos get which renditions, and which go to the host.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/imaging/rendition.h"

namespace proofline::studio {

// What a preference may look at.
struct PhotoFacts {
  std::string gallery;  // id
  std::string path;     // any bytes
  std::string format;   // by content, empty until the original was first read
  std::int64_t size_bytes = 0;
  int rating = 0;
  std::string label;
  std::vector<std::string> keywords;
};

struct Preferences {
  imaging::RenditionSpec thumbnail = imaging::ThumbnailSpec();
  imaging::RenditionSpec proof = imaging::ProofSpec();
};

struct Selection {
  std::vector<imaging::RenditionSpec> renditions;
  bool sent = false;
  // The preference that decided: 0 is the default.
  int rule = 0;
  std::string reason;  // for people
};

// Pure: equal facts and preferences give equal selections.
Selection Select(const PhotoFacts& photo, const Preferences& preferences);

}  // namespace proofline::studio
