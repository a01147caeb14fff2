// A roster: a table of people, and which photos are theirs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/photo_message.h"
#include "daemon/roster_match.h"
#include "proofline/v1/studio_control_service.pb.h"

namespace proofline::studio {

// A roster on its way into the catalog: read it, show it every photo, then ask for what was found.
// Not thread-safe; blocks on nothing. Memory: the table, and a few hundred bytes for each photo
// that matches.
class Roster {
 public:
  // What one photo gets.
  struct Assignment {
    std::string photo;
    std::size_t row = 0;  // counted from 0
  };

  // InvalidArgument (ROSTER_INVALID) for what cannot be read or asks for what there cannot be; the
  // details name the line. Rows with wrong values are problems, not errors.
  static absl::StatusOr<Roster> Read(const v1::ImportRosterRequest& request);

  // Looks for the photo's row. Two rows that say different things about one photo are a problem.
  void Consider(const DeviceName& device, const record::Photo& photo);

  // The first problem, with how many more there are; OK if there is none.
  absl::Status problem() const;
  const std::vector<Assignment>& assignments() const { return assignments_; }
  // Makes the photo say what the row says.
  absl::Status Apply(std::size_t row, record::Photo& photo) const;
  // What was found; to be asked once, after the last photo.
  v1::ImportRosterResponse TakeReport();

 private:
  struct Row {
    int line = 0;
    std::string key;
    v1::Photo values;
    google::protobuf::RepeatedPtrField<std::string> paths;
    std::vector<std::string> add_keywords;
    std::string fingerprint;  // equal for rows that say the same
    bool wrong = false;       // has values that cannot be set: a problem already
    std::int64_t photo_count = 0;
    std::vector<v1::RosterPhoto> photos;
    std::string message;
  };

  explicit Roster(RosterMatcher matcher) : matcher_(std::move(matcher)) {}
  absl::Status TakeRows(const v1::ImportRosterRequest& request);
  absl::Status SetValue(const std::string& field, const std::string& value, Row& row) const;
  void AddProblem(std::size_t row, std::string message);
  bool Contradict(const std::vector<std::size_t>& rows, const record::Photo& photo);
  v1::RosterRow RowMessage(std::size_t row) const;

  RosterMatcher matcher_;
  std::map<std::string, std::string> columns_;
  std::string match_column_;
  std::vector<Row> rows_;
  std::vector<std::pair<std::size_t, std::string>> problems_;
  std::int64_t problem_count_ = 0;
  std::map<std::pair<std::size_t, std::size_t>, bool> contradictions_;
  std::vector<Assignment> assignments_;
  std::int64_t matched_photos_ = 0;
  std::int64_t changed_photos_ = 0;
  std::int64_t unmatched_photos_ = 0;
  std::int64_t listed_photos_ = 0;
  std::vector<v1::RosterPhoto> unmatched_;
};

// The subjects that a roster names, in its order, each once, with what their customers are called.
// Empty column names: found by their headings. InvalidArgument (ROSTER_INVALID).
absl::StatusOr<std::vector<v1::SubjectName>> SubjectsOfRoster(const std::string& csv,
                                                              const std::string& subject_column,
                                                              const std::string& name_column);

}  // namespace proofline::studio
