#include "daemon/selection_config.h"

#include <algorithm>
#include <set>

#include "lib/base/text.h"

namespace proofline::studio {
namespace {

using base::ConfigType;
using base::kRequired;

absl::Status Wrong(const base::Config& config, std::string_view key, std::string_view sentence) {
  return absl::InvalidArgumentError(base::Concat(config.Where(key), ": \"", key, "\" ", sentence));
}

// A size of a rule in place of the usual one, 0 for the usual one.
int Size(const base::Config& table, std::string_view key, int usual) {
  const auto value = static_cast<int>(table.GetInt(key));
  return value == 0 ? usual : value;
}

absl::Status ReadRenditions(const base::Config& table, const Preferences& usual,
                            SelectionRule& rule) {
  const std::vector<std::string>& kinds = table.GetStringList("renditions");
  if (std::set<std::string>(kinds.begin(), kinds.end()).size() != kinds.size()) {
    return Wrong(table, "renditions", "names a rendition twice");
  }
  if (rule.sent && kinds.empty()) {
    return Wrong(table, "renditions",
                 "is empty, but the photos are sent: name \"thumbnail\", \"proof\" or both, or "
                 "say send = false");
  }
  const auto has = [&](std::string_view kind) {
    return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  };
  if (has("thumbnail")) {
    rule.renditions.push_back({"thumbnail",
                               Size(table, "thumbnail_px", usual.thumbnail.long_edge_px),
                               Size(table, "thumbnail_quality", usual.thumbnail.quality)});
  }
  if (has("proof")) {
    rule.renditions.push_back({"proof", Size(table, "proof_px", usual.proof.long_edge_px),
                               Size(table, "proof_quality", usual.proof.quality)});
  }
  return absl::OkStatus();
}

absl::StatusOr<SelectionRule> ReadRule(const base::Config& table, const Preferences& usual) {
  SelectionRule rule;
  rule.name = table.GetString("name");
  rule.galleries = table.GetStringList("gallery");
  rule.paths = table.GetStringList("path");
  rule.types = table.GetStringList("type");
  rule.labels = table.GetStringList("label");
  rule.keywords = table.GetStringList("keyword");
  if (const std::string& text = table.GetString("rating"); !text.empty()) {
    const absl::StatusOr<RatingCondition> rating = RatingCondition::Parse(text);
    if (!rating.ok()) return Wrong(table, "rating", base::ToStd(rating.status().message()));
    rule.rating = *rating;
  }
  rule.min_bytes = static_cast<std::int64_t>(table.GetSize("min_bytes"));
  rule.max_bytes = static_cast<std::int64_t>(table.GetSize("max_bytes"));
  rule.min_pixels = table.GetInt("min_pixels");
  rule.max_pixels = table.GetInt("max_pixels");
  rule.min_age = table.GetDuration("min_age");
  rule.max_age = table.GetDuration("max_age");
  if (rule.max_bytes != 0 && rule.max_bytes < rule.min_bytes) {
    return Wrong(table, "max_bytes", "is less than \"min_bytes\": no photo can match");
  }
  if (rule.max_pixels != 0 && rule.max_pixels < rule.min_pixels) {
    return Wrong(table, "max_pixels", "is less than \"min_pixels\": no photo can match");
  }
  if (rule.max_age.count() != 0 && rule.max_age < rule.min_age) {
    return Wrong(table, "max_age", "is less than \"min_age\": no photo can match");
  }
  rule.sent = table.GetBool("send");
  if (absl::Status status = ReadRenditions(table, usual, rule); !status.ok()) return status;
  return rule;
}

}  // namespace

std::vector<base::ConfigArray> SelectionArrays() {
  return {
      {"rule",
       "Which photos get which renditions and are sent. The first rule whose conditions a photo "
       "meets decides; without one it gets both renditions and is sent.",
       {{"name", ConfigType::kString, "", "", "What the rule is called when it is explained."},
        {"gallery", ConfigType::kStringList, "", "",
         "Only galleries with such a title or identifier; * and ? stand for anything."},
        {"path", ConfigType::kStringList, "", "",
         "Only such files: a pattern for the name, or with / for the path below the watched "
         "folder (** also crosses folders)."},
        {"type", ConfigType::kStringList, "", "jpeg|tiff|png|webp|heif|avif|raw",
         "Only files that are one of these, by content."},
        {"rating", ConfigType::kString, "", "", "Only such ratings: \">=3\", \"=5\", \"!=-1\"."},
        {"label", ConfigType::kStringList, "", "", "Only such colour labels."},
        {"keyword", ConfigType::kStringList, "", "", "Only photos with one of these keywords."},
        {"min_bytes", ConfigType::kSize, "0", "", "Only files of at least this size."},
        {"max_bytes", ConfigType::kSize, "0", "", "Only files of at most this size; 0: any."},
        {"min_pixels", ConfigType::kInt, "0", "0..", "Only pictures of at least so many pixels."},
        {"max_pixels", ConfigType::kInt, "0", "0..",
         "Only pictures of at most so many pixels; 0: any."},
        {"min_age", ConfigType::kDuration, "0", "", "Only files that are at least this old."},
        {"max_age", ConfigType::kDuration, "0", "",
         "Only files that are at most this old; 0: any."},
        {"renditions", ConfigType::kStringList, "thumbnail,proof", "thumbnail|proof",
         "What is made of them."},
        {"thumbnail_px", ConfigType::kInt, "0", "0..16384", "0: as in [renditions]."},
        {"thumbnail_quality", ConfigType::kInt, "0", "0..100", "0: as in [renditions]."},
        {"proof_px", ConfigType::kInt, "0", "0..16384", "0: as in [renditions]."},
        {"proof_quality", ConfigType::kInt, "0", "0..100", "0: as in [renditions]."},
        {"send", ConfigType::kBool, "true", "", "Sent to the host, or kept here."}}},
      {"gallery",
       "Whether galleries go through the line by themselves; the first that matches decides.",
       {{"name", ConfigType::kString, kRequired, "",
         "Title or identifier of the gallery; * and ? stand for anything."},
        {"start", ConfigType::kString, "automatic", "automatic|ask",
         "Ask: its photos wait for \"proofline studio process\"."}}},
  };
}

absl::Status ReadSelection(const base::Config& config, Preferences& preferences) {
  for (const base::Config& table : config.GetTables("rule")) {
    absl::StatusOr<SelectionRule> rule = ReadRule(table, preferences);
    if (!rule.ok()) return rule.status();
    for (const imaging::RenditionSpec& spec : rule->renditions) {
      if (const absl::Status status = imaging::Validate(spec); !status.ok()) {
        return Wrong(table, base::Concat(spec.kind, "_px"), base::ToStd(status.message()));
      }
    }
    preferences.rules.push_back(*std::move(rule));
  }
  for (const base::Config& table : config.GetTables("gallery")) {
    preferences.galleries.push_back(
        {table.GetString("name"), table.GetString("start") == "automatic"});
  }
  return absl::OkStatus();
}

}  // namespace proofline::studio
