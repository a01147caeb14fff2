#include "daemon/selection.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "absl/strings/numbers.h"
#include "daemon/glob.h"
#include "lib/base/digest.h"
#include "lib/base/text.h"

namespace proofline::studio {
namespace {

using base::Concat;
using Operator = RatingCondition::Operator;

constexpr std::pair<std::string_view, Operator> kOperators[] = {
    // Longer ones first: they begin like the shorter ones.
    {">=", Operator::kGreaterOrEqual}, {"<=", Operator::kLessOrEqual}, {"!=", Operator::kNotEqual},
    {">", Operator::kGreater},         {"<", Operator::kLess},         {"=", Operator::kEqual}};

enum class Match { kNo, kYes, kUnknown };

bool MatchesAny(const std::vector<std::string>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return MatchesGlob(pattern, text); });
}

bool MatchesGallery(std::string_view pattern, const PhotoFacts& photo) {
  return MatchesGlob(pattern, photo.gallery) || MatchesGlob(pattern, photo.gallery_title);
}

bool Within(std::int64_t value, std::int64_t least, std::int64_t most) {
  return value >= least && (most == 0 || value <= most);
}

// What can be said without having looked into the original.
bool MatchesOutside(const SelectionRule& rule, const PhotoFacts& photo) {
  const auto gallery = [&](const std::string& pattern) { return MatchesGallery(pattern, photo); };
  const auto path = [&](const std::string& pattern) { return MatchesPath(pattern, photo); };
  const auto any = [](const std::vector<std::string>& patterns, const auto& matches) {
    return patterns.empty() || std::any_of(patterns.begin(), patterns.end(), matches);
  };
  const auto age = photo.now - photo.written;
  return any(rule.galleries, gallery) && any(rule.paths, path) &&
         Within(photo.size_bytes, rule.min_bytes, rule.max_bytes) &&
         (rule.min_age.count() == 0 || age >= rule.min_age) &&
         (rule.max_age.count() == 0 || age <= rule.max_age);
}

bool LooksInside(const SelectionRule& rule) {
  return !rule.types.empty() || rule.rating.has_value() || !rule.labels.empty() ||
         !rule.keywords.empty() || rule.min_pixels != 0 || rule.max_pixels != 0;
}

bool MatchesInside(const SelectionRule& rule, const PhotoFacts& photo) {
  const auto keyword = [&](const std::string& word) { return MatchesAny(rule.keywords, word); };
  return (rule.types.empty() || MatchesAny(rule.types, photo.format)) &&
         (!rule.rating.has_value() || rule.rating->Holds(photo.rating)) &&
         (rule.labels.empty() || MatchesAny(rule.labels, photo.label)) &&
         (rule.keywords.empty() ||
          std::any_of(photo.keywords.begin(), photo.keywords.end(), keyword)) &&
         Within(photo.pixels, rule.min_pixels, rule.max_pixels);
}

Match Matches(const SelectionRule& rule, const PhotoFacts& photo) {
  if (!MatchesOutside(rule, photo)) return Match::kNo;
  if (!LooksInside(rule)) return Match::kYes;
  if (!photo.inspected) return Match::kUnknown;
  return MatchesInside(rule, photo) ? Match::kYes : Match::kNo;
}

// The first rule that matches; what remains when none does.
Selection SelectByRules(const PhotoFacts& photo, const Preferences& preferences) {
  Selection selection;
  selection.watermark_digest = preferences.watermark_digest;
  for (const SelectionRule& rule : preferences.rules) {
    ++selection.rule;
    const Match match = Matches(rule, photo);
    if (match == Match::kNo) continue;
    const std::string conditions = rule.Conditions();
    selection.reason =
        Concat("rule ", selection.rule, rule.name.empty() ? "" : Concat(" \"", rule.name, "\""),
               conditions.empty() ? "" : Concat(" (", conditions, ")"));
    if (match == Match::kUnknown) {
      selection.needs_inspection = true;
      selection.reason += " may decide; the original was not looked into yet";
      return selection;
    }
    selection.renditions = rule.renditions;
    selection.sent = rule.sent;
    return selection;
  }
  selection.rule = 0;
  selection.renditions = {preferences.thumbnail, preferences.proof};
  selection.sent = true;
  selection.reason = preferences.rules.empty()
                         ? "every photo gets a thumbnail and a proof and is sent to the host"
                         : "no rule matches: a thumbnail and a proof, sent to the host";
  return selection;
}

bool IsAutomatic(const PhotoFacts& photo, const Preferences& preferences) {
  for (const GalleryRule& rule : preferences.galleries) {
    if (MatchesGallery(rule.gallery, photo)) return rule.automatic;
  }
  return true;
}

void AddList(std::string& text, std::string_view what, const std::vector<std::string>& list) {
  if (list.empty()) return;
  text += Concat(text.empty() ? "" : ", ", what);
  for (const std::string& member : list) {
    text += Concat(&member == list.data() ? " " : " or ", member);
  }
}

struct Unit {
  std::int64_t size;
  std::string_view name;
};

// The largest unit that says the same with a whole number, as people write it in the configuration.
std::string InUnits(std::int64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value % unit.size == 0) return Concat(value / unit.size, unit.name);
  }
  return Concat(value);
}

void AddRange(std::string& text, std::string_view what, std::int64_t least, std::int64_t most,
              std::span<const Unit> units = {}) {
  if (least == 0 && most == 0) return;
  text += Concat(text.empty() ? "" : ", ", what,
                 least == 0 ? "" : Concat(" at least ", InUnits(least, units)),
                 least == 0 || most == 0 ? "" : " and",
                 most == 0 ? "" : Concat(" at most ", InUnits(most, units)));
}

std::string RecipeOf(const std::vector<imaging::RenditionSpec>& specs, std::string_view watermark) {
  std::string recipe;
  for (const imaging::RenditionSpec& spec : specs) {
    recipe += Concat(recipe.empty() ? "" : ", ", spec.kind, " ", spec.long_edge_px, " px quality ",
                     spec.quality, spec.watermarked ? Concat(" watermark ", watermark) : "");
  }
  return recipe;
}

}  // namespace

absl::StatusOr<RatingCondition> RatingCondition::Parse(std::string_view text) {
  const absl::Status wrong = absl::InvalidArgumentError(
      "must compare with a rating from -1 to 5, such as \">=3\", \"=5\", \"<0\" or \"!=-1\"");
  for (const auto& [sign, how] : kOperators) {
    if (!text.starts_with(sign)) continue;
    RatingCondition condition{how, 0};
    if (!absl::SimpleAtoi(base::ToAbsl(text.substr(sign.size())), &condition.rating) ||
        condition.rating < -1 || condition.rating > 5) {
      return wrong;
    }
    return condition;
  }
  return wrong;
}

bool RatingCondition::Holds(int of_photo) const {
  switch (how) {
    case Operator::kEqual:
      return of_photo == rating;
    case Operator::kNotEqual:
      return of_photo != rating;
    case Operator::kLess:
      return of_photo < rating;
    case Operator::kLessOrEqual:
      return of_photo <= rating;
    case Operator::kGreater:
      return of_photo > rating;
    case Operator::kGreaterOrEqual:
      return of_photo >= rating;
  }
  return false;
}

std::string RatingCondition::ToString() const {
  for (const auto& [sign, value] : kOperators) {
    if (value == how) return Concat(sign, rating);
  }
  return {};
}

std::string SelectionRule::Conditions() const {
  std::string text;
  AddList(text, "gallery", galleries);
  AddList(text, "path", paths);
  AddList(text, "type", types);
  if (rating.has_value()) AddList(text, "rating", {rating->ToString()});
  AddList(text, "label", labels);
  AddList(text, "keyword", keywords);
  constexpr std::array kBytes = {Unit{1 << 30, " GiB"}, Unit{1 << 20, " MiB"},
                                 Unit{1 << 10, " KiB"}, Unit{1, " bytes"}};
  constexpr std::array kTime = {Unit{86'400'000, "d"}, Unit{3'600'000, "h"}, Unit{60'000, "m"},
                                Unit{1000, "s"}, Unit{1, "ms"}};
  AddRange(text, "file", min_bytes, max_bytes, kBytes);
  AddRange(text, "pixels", min_pixels, max_pixels);
  AddRange(text, "age", min_age.count(), max_age.count(), kTime);
  return text;
}

bool Preferences::UseAge() const {
  return std::any_of(rules.begin(), rules.end(), [](const SelectionRule& rule) {
    return rule.min_age.count() != 0 || rule.max_age.count() != 0;
  });
}

void Preferences::SetWatermark(imaging::Watermark mark, const std::vector<std::string>& kinds) {
  const auto among = [&](const std::string& kind) {
    return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  };
  thumbnail.watermarked = among(thumbnail.kind);
  proof.watermarked = among(proof.kind);
  watermark_digest =
      base::Sha256Of(Concat(mark.text.size(), ":", mark.text, mark.png.size(), ":", mark.png,
                            static_cast<int>(mark.position), ":", std::to_string(mark.opacity), ":",
                            mark.tiled ? "tiled" : "once", ":", std::to_string(mark.size), ":",
                            std::to_string(mark.margin)))
          .hex()
          .substr(0, 12);
  watermark = std::move(mark);
}

std::string Preferences::Fingerprint() const {
  // Every text stands with its length, so that no two preferences can write the same.
  std::string all;
  const auto add = [&](std::string_view part) { all += Concat(part.size(), ":", part, ";"); };
  add(RecipeOf({thumbnail, proof}, watermark_digest));
  for (const SelectionRule& rule : rules) {
    add(rule.name);
    for (const auto* list :
         {&rule.galleries, &rule.paths, &rule.types, &rule.labels, &rule.keywords}) {
      add(Concat(list->size()));
      for (const std::string& member : *list) add(member);
    }
    add(rule.rating.has_value() ? rule.rating->ToString() : "");
    add(Concat(rule.min_bytes, " ", rule.max_bytes, " ", rule.min_pixels, " ", rule.max_pixels, " ",
               rule.min_age.count(), " ", rule.max_age.count()));
    add(RecipeOf(rule.renditions, watermark_digest));
    add(rule.sent ? "sent" : "kept");
  }
  for (const GalleryRule& rule : galleries) {
    add(rule.gallery);
    add(rule.automatic ? "automatic" : "ask");
  }
  return base::Sha256Of(all).hex();
}

std::string Selection::Recipe() const { return RecipeOf(renditions, watermark_digest); }

bool MatchesPath(std::string_view pattern, const PhotoFacts& photo) {
  std::string_view path = photo.path;
  if (pattern.starts_with('/')) return MatchesGlob(pattern, path);
  if (pattern.find('/') == std::string_view::npos) {
    return MatchesGlob(pattern, path.substr(path.rfind('/') + 1));
  }
  if (path.starts_with(photo.root)) path.remove_prefix(photo.root.size());
  while (path.starts_with('/')) path.remove_prefix(1);
  return MatchesGlob(pattern, path);
}

Selection Select(const PhotoFacts& photo, const Preferences& preferences) {
  if (photo.choice == Choice::kRules && !photo.released && !IsAutomatic(photo, preferences)) {
    Selection selection;
    selection.waits = true;
    selection.reason =
        Concat("waits until you ask for its gallery: proofline studio process ", photo.gallery);
    return selection;
  }
  Selection selection = SelectByRules(photo, preferences);
  if (photo.choice == Choice::kRules || selection.needs_inspection) return selection;
  selection.rule = -1;
  selection.sent = photo.choice == Choice::kIn;
  selection.reason = selection.sent ? "chosen by hand: sent" : "chosen by hand: kept here";
  if (selection.sent && selection.renditions.empty()) {
    selection.renditions = {preferences.thumbnail, preferences.proof};
  }
  return selection;
}

}  // namespace proofline::studio
