#include "cli/output.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/cord.h"
#include "cli/text.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "lib/base/check.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"
#include "proofline/v1/error.pb.h"

namespace proofline::cli {
namespace {

constexpr std::string_view kGap = "  ";

// Appends a cell, padded to `width` on its left or right.
void AppendCell(std::string& line, const std::string& cell, std::size_t width, bool to_right) {
  const std::string padding(width - DisplayWidth(cell), ' ');
  line += to_right ? padding + cell : cell + padding;
}

std::string WithoutTrailingSpaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

google::protobuf::Value TextValue(std::string_view text) {
  google::protobuf::Value value;
  value.set_string_value(std::string(text));
  return value;
}

// At \n, \r\n and \r.
std::vector<std::string> LinesIn(std::string_view text) {
  std::vector<std::string> lines(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (text[i] == '\r' || text[i] == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += text[i];
    }
  }
  return lines;
}

bool WantsNoColour() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color != nullptr && *no_color != '\0';
}

}  // namespace

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {
  for (std::string& heading : headings_) {
    to_right_.push_back(heading.starts_with('>'));
    if (to_right_.back()) heading.erase(0, 1);
  }
}

void Table::Add(std::vector<std::string> cells) {
  PROOFLINE_CHECK(cells.size() <= headings_.size(), "a row has more cells than the table columns");
  cells.resize(headings_.size());
  for (std::string& cell : cells) cell = Printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::Format(bool bold) const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < headings_.size(); ++column) {
    std::size_t width = DisplayWidth(headings_[column]);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[column]));
    widths.push_back(width);
  }
  const auto format_row = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t column = 0; column < row.size(); ++column) {
      if (column > 0) line += kGap;
      AppendCell(line, row[column], widths[column], to_right_[column]);
    }
    return WithoutTrailingSpaces(std::move(line));
  };
  std::string text = format_row(headings_);
  if (bold) text = "\x1b[1m" + text + "\x1b[0m";
  text += '\n';
  for (const auto& row : rows_) text += format_row(row) + '\n';
  return text;
}

std::string FormatFacts(const Facts& facts) {
  std::size_t width = 0;
  for (const auto& [label, value] : facts) {
    if (!value.empty()) width = std::max(width, DisplayWidth(label));
  }
  std::string text;
  for (const auto& [label, value] : facts) {
    if (value.empty()) continue;
    // A caption may have lines of its own; they stay below each other.
    std::string shown = label;
    for (const std::string& line : LinesIn(value)) {
      AppendCell(text, std::exchange(shown, ""), width, false);
      text += base::Concat(kGap, Printable(line), "\n");
    }
  }
  return text;
}

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  PROOFLINE_CHECK(status.ok(), "a message of the API has no JSON form");
  return json;
}

Output::Output(std::ostream& out, std::ostream& err, bool out_is_terminal, bool err_is_terminal)
    : out_(out), err_(err), out_is_terminal_(out_is_terminal), err_is_terminal_(err_is_terminal) {}

void Output::Json(const google::protobuf::Message& message) { Line(ToJson(message)); }

void Output::Line(std::string_view text) { out_ << text << '\n' << std::flush; }

void Output::Print(const Table& table) {
  out_ << table.Format(out_is_terminal_ && !WantsNoColour()) << std::flush;
}

void Output::Print(const Facts& facts) { out_ << FormatFacts(facts) << std::flush; }

void Output::Done(const google::protobuf::Message& message, std::string_view text) {
  if (json_) {
    Json(message);
  } else if (!quiet_) {
    Line(Printable(text));
  }
}

void Output::Note(std::string_view text) {
  if (!quiet_ && !json_) err_ << Printable(text) << '\n' << std::flush;
}

void Output::Error(const absl::Status& status) {
  err_ << "proofline: " << Printable(Sentence(status)) << '\n';
  if (json_) err_ << ErrorJson(status) << '\n';
  err_ << std::flush;
}

void Output::Raw(std::string_view text) { err_ << text << std::flush; }

std::string Sentence(const absl::Status& status) {
  if (!status.message().empty()) return std::string(base::ToStd(status.message()));
  switch (status.code()) {
    case absl::StatusCode::kUnimplemented:
      return "the daemon does not know this verb; is it older than this program?";
    case absl::StatusCode::kUnauthenticated:
      return "the credential was not accepted";
    case absl::StatusCode::kPermissionDenied:
      return "this is not allowed";
    case absl::StatusCode::kNotFound:
      return "what was named is not there";
    default:
      return "it failed without a reason (" + absl::StatusCodeToString(status.code()) + ")";
  }
}

std::string ErrorJson(const absl::Status& status) {
  google::protobuf::Struct details;
  v1::ErrorInfo info;
  const auto payload = status.GetPayload(base::ToAbsl(rpc::kErrorInfoUrl));
  if (payload && info.ParseFromString(std::string(*payload))) {
    for (const auto& [name, value] : info.metadata()) {
      (*details.mutable_fields())[name] = TextValue(value);
    }
  }
  google::protobuf::Struct error;
  auto& fields = *error.mutable_fields();
  fields["code"] = TextValue(absl::StatusCodeToString(status.code()));
  fields["reason"] = TextValue(rpc::ReasonOf(status));
  fields["message"] = TextValue(Sentence(status));
  *fields["details"].mutable_struct_value() = details;
  google::protobuf::Struct whole;
  *(*whole.mutable_fields())["error"].mutable_struct_value() = error;
  return ToJson(whole);
}

}  // namespace proofline::cli
