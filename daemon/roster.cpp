#include "daemon/roster.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "daemon/catalog_transaction.h"
#include "daemon/csv.h"
#include "daemon/file_stamp.h"
#include "daemon/roster_columns.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

constexpr std::size_t kListedProblems = 1'000;
constexpr int kListedRows = 10'000;
constexpr std::size_t kListedUnmatched = 1'000;
constexpr std::size_t kListedPhotosOfRow = 20;
constexpr std::int64_t kListedPhotos = 20'000;
constexpr std::string_view kFreeField = "fields.";

absl::Status Bad(std::string_view sentence,
                 const std::map<std::string, std::string>& details = {}) {
  return rpc::Error(absl::StatusCode::kInvalidArgument, sentence, "ROSTER_INVALID", details);
}

std::vector<std::string> KeywordsOf(const std::string& value) {
  std::vector<std::string> keywords;
  for (const absl::string_view part :
       absl::StrSplit(value, absl::ByAnyChar(",;"), absl::SkipWhitespace())) {
    std::string keyword(absl::StripAsciiWhitespace(part));
    if (std::find(keywords.begin(), keywords.end(), keyword) == keywords.end()) {
      keywords.push_back(std::move(keyword));
    }
  }
  return keywords;
}

std::string MainPath(const record::Photo& photo) {
  const record::Place* place = MainPlace(photo);
  return place == nullptr ? "" : Readable(place->path());
}

// The column that finds the photos: as asked for, or by its heading.
absl::StatusOr<int> MatchColumn(const CsvTable& table, const std::vector<ColumnUse>& uses,
                                const std::string& wanted, const std::string& match_by) {
  if (!wanted.empty()) {
    absl::StatusOr<int> column = FindColumn(table, wanted);
    if (column.ok() && *column < 0) {
      return Bad(base::Concat("the roster has no column \"", Readable(wanted, 100), "\""),
                 {{"line", "1"}, {"column", wanted}});
    }
    return column;
  }
  const std::string field = RosterField(match_by);
  for (const ColumnUse& use : uses) {
    if (!field.empty() && use.field == field) return use.column;
  }
  int column = -1;
  if (field.empty() && match_by == "folder") {
    column = FirstColumnOf(table, {"folder", "class", "gallery"});
  } else if (field.empty()) {
    column = FirstColumnOf(table, {"file", "filename", "file name", "file_name", "photo", "image"});
  } else if (field == "subject") {
    column = FirstColumnOf(table, {"subject", "key", "id"});
  }
  if (column >= 0) return column;
  return Bad("say which column of the roster finds the photos", {{"line", "1"}});
}

void AddKeyword(const std::string& keyword, pb::Metadata& metadata) {
  auto& known = *metadata.mutable_keywords();
  if (std::find(known.begin(), known.end(), keyword) == known.end()) *known.Add() = keyword;
}

}  // namespace

absl::StatusOr<Roster> Roster::Read(const pb::ImportRosterRequest& request) {
  absl::StatusOr<RosterMatcher> matcher = RosterMatcher::Create(request.match_by());
  if (!matcher.ok()) return matcher.status();
  Roster roster(*std::move(matcher));
  if (absl::Status status = roster.TakeRows(request); !status.ok()) return status;
  return roster;
}

absl::Status Roster::TakeRows(const pb::ImportRosterRequest& request) {
  absl::StatusOr<CsvTable> table = ParseCsv(request.csv());
  if (!table.ok()) return table.status();
  const absl::StatusOr<std::vector<ColumnUse>> uses = MapColumns(*table, request.columns());
  if (!uses.ok()) return uses.status();
  const absl::StatusOr<int> match =
      MatchColumn(*table, *uses, request.match_column(), request.match_by());
  if (!match.ok()) return match.status();
  match_column_ = table->header[static_cast<std::size_t>(*match)];
  for (const ColumnUse& use : *uses) {
    std::string& fields = columns_[table->header[static_cast<std::size_t>(use.column)]];
    fields += base::Concat(fields.empty() ? "" : ",", use.field);
  }
  rows_.reserve(table->rows.size());
  for (CsvRow& from : table->rows) {
    Row row;
    row.line = from.line;
    row.key = from.cells[static_cast<std::size_t>(*match)];
    absl::Status status;
    for (const ColumnUse& use : *uses) {
      const std::string& value = from.cells[static_cast<std::size_t>(use.column)];
      if (value.empty() && !request.clear_empty()) continue;
      status.Update(SetValue(use.field, value, row));
    }
    row.fingerprint = ExactBytes(row.values);
    for (const std::string& path : row.paths) row.fingerprint += "\n" + path;
    for (const std::string& keyword : row.add_keywords) row.fingerprint += "\n+" + keyword;
    record::Photo probe;
    rows_.push_back(std::move(row));
    if (status.ok()) status = Apply(rows_.size() - 1, probe);
    rows_.back().wrong = !status.ok();
    if (!status.ok()) AddProblem(rows_.size() - 1, std::string(base::ToStd(status.message())));
    matcher_.Add(rows_.size() - 1, rows_.back().key);
    from.cells.clear();
  }
  return absl::OkStatus();
}

absl::Status Roster::SetValue(const std::string& field, const std::string& value, Row& row) const {
  pb::Metadata& metadata = *row.values.mutable_metadata();
  if (field == "add_keywords") {
    for (std::string& keyword : KeywordsOf(value)) row.add_keywords.push_back(std::move(keyword));
    return absl::OkStatus();
  }
  const std::string path = base::Concat("metadata.", field);
  if (std::find(row.paths.begin(), row.paths.end(), path) == row.paths.end()) {
    *row.paths.Add() = path;
  }
  if (field == "keywords") {
    for (const std::string& keyword : KeywordsOf(value)) AddKeyword(keyword, metadata);
  } else if (field == "rating") {
    int rating = 0;
    if (!value.empty() && !absl::SimpleAtoi(value, &rating)) {
      return Bad(base::Concat("a rating is -1 (rejected), 0 (none) or 1 to 5 stars, not \"",
                              Readable(value, 50), "\""));
    }
    metadata.set_rating(rating);
  } else if (field.starts_with(kFreeField)) {
    const std::string key = field.substr(kFreeField.size());
    if (!value.empty()) (*metadata.mutable_fields())[key] = value;
  } else {
    const auto* descriptor = pb::Metadata::descriptor()->FindFieldByName(field);
    metadata.GetReflection()->SetString(&metadata, descriptor, value);
  }
  return absl::OkStatus();
}

absl::Status Roster::Apply(std::size_t row, record::Photo& photo) const {
  const Row& from = rows_[row];
  google::protobuf::RepeatedPtrField<std::string> paths = from.paths;
  pb::Photo values = from.values;
  if (!from.add_keywords.empty()) {
    // To what the row sets, or else to what the photo has.
    pb::Metadata& metadata = *values.mutable_metadata();
    if (std::find(paths.begin(), paths.end(), "metadata.keywords") == paths.end()) {
      *metadata.mutable_keywords() = MergedMetadata(photo).keywords();
      *paths.Add() = "metadata.keywords";
    }
    for (const std::string& keyword : from.add_keywords) AddKeyword(keyword, metadata);
  }
  return paths.empty() ? absl::OkStatus() : ApplyUpdate(values, paths, photo);
}

void Roster::AddProblem(std::size_t row, std::string message) {
  ++problem_count_;
  if (problems_.size() < kListedProblems) problems_.emplace_back(row, std::move(message));
}

bool Roster::Contradict(const std::vector<std::size_t>& rows, const record::Photo& photo) {
  for (const std::size_t other : rows) {
    if (rows_[other].fingerprint == rows_[rows.front()].fingerprint) continue;
    if (contradictions_.emplace(std::pair(rows.front(), other), true).second) {
      AddProblem(other, base::Concat("this row and the one on line ", rows_[rows.front()].line,
                                     " both belong to ", MainPath(photo),
                                     " but say different things; leave one out"));
    }
    return true;
  }
  return false;
}

void Roster::Consider(const DeviceName& device, const record::Photo& photo) {
  const std::vector<std::size_t> rows = matcher_.RowsOf(photo);
  v1::RosterPhoto listed;
  listed.set_photo(PhotoName(device, photo));
  listed.set_path(MainPath(photo));
  if (rows.empty()) {
    ++unmatched_photos_;
    if (unmatched_.size() < kListedUnmatched) unmatched_.push_back(std::move(listed));
    return;
  }
  ++matched_photos_;
  for (const std::size_t at : rows) {
    Row& row = rows_[at];
    ++row.photo_count;
    if (row.photos.size() < kListedPhotosOfRow && listed_photos_ < kListedPhotos) {
      row.photos.push_back(listed);
      ++listed_photos_;
    }
    if (at != rows.front()) {
      row.message = base::Concat("the same as the row on line ", rows_[rows.front()].line);
    }
  }
  if (Contradict(rows, photo) || rows_[rows.front()].wrong) return;
  record::Photo changed = photo;
  const absl::Status status = Apply(rows.front(), changed);
  if (!status.ok()) {
    AddProblem(rows.front(), base::Concat(MainPath(photo), ": ", base::ToStd(status.message())));
    return;
  }
  if (ExactBytes(changed) != ExactBytes(photo)) ++changed_photos_;
  assignments_.push_back({photo.id(), rows.front()});
}

absl::Status Roster::problem() const {
  if (problems_.empty()) return absl::OkStatus();
  const auto& [row, message] = problems_.front();
  std::string sentence = base::Concat("line ", rows_[row].line, ": ", message);
  if (problem_count_ > 1) {
    sentence += base::Concat("; ", problem_count_ - 1,
                             " more problems: a dry run lists them. Nothing was changed");
  }
  return Bad(sentence,
             {{"line", base::Concat(rows_[row].line)}, {"problems", base::Concat(problem_count_)}});
}

pb::RosterRow Roster::RowMessage(std::size_t row) const {
  pb::RosterRow message;
  message.set_row(static_cast<std::int64_t>(row) + 1);
  message.set_line(rows_[row].line);
  message.set_key(Readable(rows_[row].key, 500));
  message.set_photo_count(rows_[row].photo_count);
  message.set_message(rows_[row].message);
  return message;
}

pb::ImportRosterResponse Roster::TakeReport() {
  pb::ImportRosterResponse report;
  report.set_rows(static_cast<std::int64_t>(rows_.size()));
  report.set_matched_photos(matched_photos_);
  report.set_changed_photos(changed_photos_);
  report.set_unmatched_photo_count(unmatched_photos_);
  report.set_match_column(match_column_);
  report.mutable_columns()->insert(columns_.begin(), columns_.end());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    pb::RosterRow row = RowMessage(i);
    if (row.photo_count() == 0) {
      report.add_unmatched_rows(row.row());
      row.set_message(matcher_.NothingFound(rows_[i].key));
      if (report.unmatched_size() < kListedRows) *report.add_unmatched() = std::move(row);
      continue;
    }
    report.set_matched_rows(report.matched_rows() + 1);
    if (report.matches_size() == kListedRows) continue;
    for (pb::RosterPhoto& photo : rows_[i].photos) *row.add_photos() = std::move(photo);
    *report.add_matches() = std::move(row);
  }
  for (auto& [row, message] : problems_) {
    pb::RosterRow& problem = *report.add_problems();
    problem = RowMessage(row);
    problem.set_message(message);
  }
  for (pb::RosterPhoto& photo : unmatched_) {
    report.add_unmatched_photos(photo.photo());
    report.add_unmatched_paths(photo.path());
  }
  return report;
}

absl::StatusOr<std::vector<pb::SubjectName>> SubjectsOfRoster(const std::string& csv,
                                                              const std::string& subject_column,
                                                              const std::string& name_column) {
  const absl::StatusOr<CsvTable> table = ParseCsv(csv);
  if (!table.ok()) return table.status();
  const auto find = [&](const std::string& wanted,
                        const std::vector<std::string_view>& headings) -> absl::StatusOr<int> {
    if (wanted.empty()) return FirstColumnOf(*table, headings);
    absl::StatusOr<int> column = FindColumn(*table, wanted);
    if (column.ok() && *column < 0) {
      return Bad(base::Concat("the roster has no column \"", Readable(wanted, 100), "\""),
                 {{"line", "1"}, {"column", wanted}});
    }
    return column;
  };
  const absl::StatusOr<int> subject =
      find(subject_column, {"subject", "key", "id", "subject key", "number"});
  if (!subject.ok()) return subject.status();
  if (*subject < 0) {
    return Bad("say which column of the roster holds the subjects", {{"line", "1"}});
  }
  const absl::StatusOr<int> name =
      find(name_column, {"name", "display name", "customer", "title", "family"});
  if (!name.ok()) return name.status();
  std::vector<pb::SubjectName> subjects;
  std::set<std::string> seen;
  for (const CsvRow& row : table->rows) {
    pb::SubjectName one;
    one.set_subject(row.cells[static_cast<std::size_t>(*subject)]);
    if (one.subject().empty() || !seen.insert(one.subject()).second) continue;
    if (one.subject().size() > 1'000) {
      return Bad(base::Concat("line ", row.line, ": a subject has at most 1,000 bytes"),
                 {{"line", base::Concat(row.line)}});
    }
    if (*name >= 0) one.set_display_name(row.cells[static_cast<std::size_t>(*name)]);
    subjects.push_back(std::move(one));
  }
  return subjects;
}

}  // namespace proofline::studio
