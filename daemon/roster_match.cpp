#include "daemon/roster_match.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "daemon/catalog_transaction.h"
#include "daemon/file_stamp.h"
#include "daemon/photo_message.h"
#include "daemon/roster_columns.h"
#include "lib/base/folded_text.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::studio {
namespace {

std::string_view LastPart(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view WithoutExtension(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  const std::size_t slash = path.rfind('/');
  const std::size_t name = slash == std::string_view::npos ? 0 : slash + 1;
  return dot == std::string_view::npos || dot <= name ? path : path.substr(0, dot);
}

bool EndsWithPath(std::string_view path, std::string_view ending) {
  if (!path.ends_with(ending)) return false;
  return path.size() == ending.size() || path[path.size() - ending.size() - 1] == '/';
}

std::string Trimmed(std::string_view text) {
  return std::string(base::ToStd(absl::StripAsciiWhitespace(base::ToAbsl(text))));
}

}  // namespace

std::string FoldedPath(std::string_view text) {
  std::string folded = base::FoldedText(text);
  std::replace(folded.begin(), folded.end(), '\\', '/');
  return folded;
}

absl::StatusOr<RosterMatcher> RosterMatcher::Create(std::string_view match_by) {
  RosterMatcher matcher;
  std::string by = absl::AsciiStrToLower(base::ToAbsl(match_by));
  std::replace(by.begin(), by.end(), '-', '_');
  if (by == "file_name") return matcher;
  if (by == "folder") {
    matcher.kind_ = Kind::kFolder;
    return matcher;
  }
  matcher.kind_ = Kind::kField;
  matcher.field_ = RosterField(match_by);
  if (matcher.field_ == "subject" || matcher.field_ == "customer_reference" ||
      matcher.field_.starts_with("fields.")) {
    return matcher;
  }
  return rpc::Error(absl::StatusCode::kInvalidArgument,
                    base::Concat("photos are found by file_name, folder, subject, "
                                 "customer_reference or fields.KEY, not by \"",
                                 Readable(match_by, 100), "\""),
                    "ROSTER_INVALID", {{"match_by", Readable(match_by, 100)}});
}

void RosterMatcher::Add(std::size_t row, std::string_view key) {
  if (kind_ == Kind::kField) {
    if (!key.empty()) index_[std::string(key)].push_back({row, std::string(key)});
    return;
  }
  if (kind_ == Kind::kFolder) {
    AddPath(row, key);
    return;
  }
  for (const absl::string_view part :
       absl::StrSplit(base::ToAbsl(key), absl::ByAnyChar(";|"), absl::SkipWhitespace())) {
    AddPath(row, base::ToStd(part));
  }
}

void RosterMatcher::AddPath(std::size_t row, std::string_view text) {
  std::string path = FoldedPath(Trimmed(text));
  while (path.ends_with('/')) path.pop_back();
  while (path.starts_with("./")) path.erase(0, 2);
  while (path.starts_with('/')) path.erase(0, 1);
  if (path.empty()) return;
  const std::string last(LastPart(path));
  index_[last].push_back({row, std::move(path)});
}

void RosterMatcher::FindEndings(const std::string& path, std::vector<std::size_t>& rows) const {
  const auto found = index_.find(std::string(LastPart(path)));
  if (found == index_.end()) return;
  for (const Entry& entry : found->second) {
    if (EndsWithPath(path, entry.key)) rows.push_back(entry.row);
  }
}

void RosterMatcher::FindFile(const record::Place& place, std::vector<std::size_t>& rows) const {
  const std::string path = FoldedPath(place.path());
  FindEndings(path, rows);
  const std::string bare(WithoutExtension(path));
  if (bare.size() != path.size()) FindEndings(bare, rows);
}

void RosterMatcher::FindFolder(const record::Place& place, std::vector<std::size_t>& rows) const {
  const std::size_t root = FoldedPath(place.root()).size();
  // The nearest folder that has rows; the watched folder itself is the last one asked.
  for (std::string folder = FoldedPath(FolderOf(place.path())); folder.size() >= root;
       folder = FolderOf(folder)) {
    const std::size_t before = rows.size();
    FindEndings(folder, rows);
    if (rows.size() > before || folder.size() <= 1) return;
  }
}

void RosterMatcher::FindValue(const record::Photo& photo, std::vector<std::size_t>& rows) const {
  constexpr std::string_view kFreeField = "fields.";
  const v1::Metadata metadata = MergedMetadata(photo);
  std::string value;
  if (field_ == "subject") value = metadata.subject();
  if (field_ == "customer_reference") value = metadata.customer_reference();
  if (field_.starts_with(kFreeField)) {
    const auto free = metadata.fields().find(field_.substr(kFreeField.size()));
    if (free != metadata.fields().end()) value = free->second;
  }
  const auto found = index_.find(Trimmed(value));
  if (value.empty() || found == index_.end()) return;
  for (const Entry& entry : found->second) rows.push_back(entry.row);
}

std::vector<std::size_t> RosterMatcher::RowsOf(const record::Photo& photo) const {
  std::vector<std::size_t> rows;
  if (kind_ == Kind::kField) {
    FindValue(photo, rows);
  } else {
    for (const record::Place& place : photo.places()) {
      // A place that is gone counts only when there is no other.
      if (place.gone() && &place != MainPlace(photo)) continue;
      kind_ == Kind::kFolder ? FindFolder(place, rows) : FindFile(place, rows);
    }
  }
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

std::string RosterMatcher::NothingFound(std::string_view key) const {
  if (key.empty()) return "nothing stands in the column that finds the photos";
  const std::string text = Readable(key, 200);
  switch (kind_) {
    case Kind::kFileName:
      return base::Concat("no photo is called \"", text, "\"");
    case Kind::kFolder:
      return base::Concat("no photo lies in a folder \"", text, "\"");
    case Kind::kField:
      break;
  }
  return base::Concat("no photo has the ", field_, " \"", text, "\"");
}

}  // namespace proofline::studio
