// Which rows of a roster a photo belongs to.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/record.pb.h"

namespace proofline::studio {

// Text as files and folders are compared: folded, backslashes as slashes.
std::string FoldedPath(std::string_view text);

// Finds rows by what stands in one of their columns. Not thread-safe.
class RosterMatcher {
 public:
  // `match_by` as ImportRosterRequest has it; InvalidArgument (ROSTER_INVALID) for others.
  static absl::StatusOr<RosterMatcher> Create(std::string_view match_by);

  void Add(std::size_t row, std::string_view key);
  // The rows in rising order, each once. A photo that lies in several places belongs to the rows of
  // all of them.
  std::vector<std::size_t> RowsOf(const record::Photo& photo) const;
  // "no photo is called \"7.jpg\"": why a row with this key has found nothing.
  std::string NothingFound(std::string_view key) const;

 private:
  enum class Kind { kFileName, kFolder, kField };
  struct Entry {
    std::size_t row = 0;
    std::string key;  // the whole of it, where the index has the last part only
  };

  void AddPath(std::size_t row, std::string_view text);
  void FindEndings(const std::string& path, std::vector<std::size_t>& rows) const;
  void FindFile(const record::Place& place, std::vector<std::size_t>& rows) const;
  void FindFolder(const record::Place& place, std::vector<std::size_t>& rows) const;
  void FindValue(const record::Photo& photo, std::vector<std::size_t>& rows) const;

  Kind kind_ = Kind::kFileName;
  std::string field_;
  std::unordered_map<std::string, std::vector<Entry>> index_;
};

}  // namespace proofline::studio
