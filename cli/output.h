// What the program prints: tables and facts for people, protobuf JSON for programs.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace proofline::cli {

// Rows under a line of headings, each column as wide as its widest cell. Cells may hold anything:
// they are made printable when they are added.
class Table {
 public:
  // A heading that begins with '>' is set without it and its column to the right: for numbers.
  explicit Table(std::vector<std::string> headings);

  // As many cells as there are headings; fewer are filled up with empty ones.
  void Add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // Ends with a newline; no line ends with a space. `bold` sets the headings in bold.
  std::string Format(bool bold) const;

 private:
  std::vector<std::string> headings_;
  std::vector<bool> to_right_;
  std::vector<std::vector<std::string>> rows_;
};

// Label and value, one to a line; those with an empty value are left out.
using Facts = std::vector<std::pair<std::string, std::string>>;
std::string FormatFacts(const Facts& facts);

// A message as canonical protobuf JSON on one line, fields without a value included.
std::string ToJson(const google::protobuf::Message& message);

// Where the words go. Not thread-safe; the streams stay the caller's and must outlive it.
class Output {
 public:
  Output(std::ostream& out, std::ostream& err, bool out_is_terminal, bool err_is_terminal);

  void set_json(bool json) { json_ = json; }
  void set_quiet(bool quiet) { quiet_ = quiet; }
  bool json() const { return json_; }
  bool quiet() const { return quiet_; }
  // Whether moving text (progress) has a reader.
  bool shows_progress() const { return err_is_terminal_ && !quiet_ && !json_; }

  // Standard output: what was asked for. Each ends with a flush, so that a reader at the other end
  // of a pipe sees a line when it happens.
  void Json(const google::protobuf::Message& message);
  void Line(std::string_view text);
  void Print(const Table& table);
  void Print(const Facts& facts);
  // With --json `message`, otherwise `text` unless --quiet was given: for what was done.
  void Done(const google::protobuf::Message& message, std::string_view text);

  // Standard error: a remark; nothing with --quiet or --json.
  void Note(std::string_view text);
  // Standard error: the one sentence of an error, and with --json the same as an object after it.
  void Error(const absl::Status& status);
  // Standard error as it is; for progress.
  void Raw(std::string_view text);

 private:
  std::ostream& out_;
  std::ostream& err_;
  const bool out_is_terminal_;
  const bool err_is_terminal_;
  bool json_ = false;
  bool quiet_ = false;
};

// The sentence for people: the status' message, or what its code means when it has none. Begins
// with no capital of its own and ends without a full stop, as the message has it.
std::string Sentence(const absl::Status& status);
// {"error":{"code":…,"reason":…,"message":…,"details":{…}}}
std::string ErrorJson(const absl::Status& status);

}  // namespace proofline::cli
