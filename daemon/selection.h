// The studio's preferences: which photos get which renditions, and which go to the host.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/imaging/rendition.h"

namespace proofline::studio {

// What was said about a single photo by hand.
enum class Choice { kRules, kIn, kOut };

// What a preference may look at.
struct PhotoFacts {
  std::string gallery;  // id
  std::string gallery_title;
  std::string path;  // any bytes
  std::string root;  // the watched folder above it
  std::int64_t size_bytes = 0;
  base::WallTime written;  // when the file last changed
  base::WallTime now;
  Choice choice = Choice::kRules;
  // The user has asked for it, where a gallery waits for that.
  bool released = false;

  // The original was looked into as it is now: the facts below are known.
  bool inspected = false;
  std::string format;  // by content
  std::int64_t pixels = 0;
  int rating = 0;
  std::string label;
  std::vector<std::string> keywords;
};

// A comparison of ratings: ">=3", "<0", "=5", "!=-1".
struct RatingCondition {
  enum class Operator { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
  Operator how = Operator::kGreaterOrEqual;
  int rating = 0;

  // InvalidArgument shows the forms there are.
  static absl::StatusOr<RatingCondition> Parse(std::string_view text);
  bool Holds(int of_photo) const;
  std::string ToString() const;
};

// A photo that meets every condition that is set gets what the rule says. Lists are met by any of
// their members; texts are compared without regard to the case of A to Z.
struct SelectionRule {
  std::string name;                    // for people; may be empty
  std::vector<std::string> galleries;  // patterns for its id or title
  std::vector<std::string> paths;      // patterns; see MatchesPath
  std::vector<std::string> types;      // "jpeg", "raw", …
  std::optional<RatingCondition> rating;
  std::vector<std::string> labels;              // patterns
  std::vector<std::string> keywords;            // patterns
  std::int64_t min_bytes = 0, max_bytes = 0;    // 0: no limit; limits are included
  std::int64_t min_pixels = 0, max_pixels = 0;  // width times height
  std::chrono::milliseconds min_age{0}, max_age{0};

  std::vector<imaging::RenditionSpec> renditions;
  bool sent = true;

  // The conditions in one line: "gallery wedding*, rating >=3".
  std::string Conditions() const;
};

// Whether the photos of galleries go through the line by themselves or wait until the user asks.
struct GalleryRule {
  std::string gallery;  // pattern for its id or title
  bool automatic = true;
};

struct Preferences {
  imaging::RenditionSpec thumbnail = imaging::ThumbnailSpec();
  imaging::RenditionSpec proof = imaging::ProofSpec();
  // In order; the first that matches decides.
  std::vector<SelectionRule> rules = {};
  std::vector<GalleryRule> galleries = {};

  // Decisions change with time alone.
  bool UseAge() const;
  // Equal preferences have equal fingerprints, of any process.
  std::string Fingerprint() const;
};

struct Selection {
  std::vector<imaging::RenditionSpec> renditions;
  bool sent = false;
  // The preference that decided: its position from 1, 0 the default, -1 a choice by hand.
  int rule = 0;
  std::string reason = {};  // for people
  // Nothing is made until the user asks for the gallery.
  bool waits = false;
  // The original must be looked into before anything can be said; the rest means nothing.
  bool needs_inspection = false;

  // How the renditions are made: photos with equal recipes (and edits) need no new ones.
  std::string Recipe() const;
};

// Pure: equal facts and preferences give equal selections.
Selection Select(const PhotoFacts& photo, const Preferences& preferences);

// A pattern that begins with a slash is for the whole path, one with a slash inside for the path
// below the watched folder, one without for the file's name.
bool MatchesPath(std::string_view pattern, const PhotoFacts& photo);

}  // namespace proofline::studio
