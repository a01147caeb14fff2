#include "daemon/roster_columns.h"

#include <algorithm>
#include <array>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "daemon/file_stamp.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::studio {
namespace {

constexpr std::string_view kFreeField = "fields.";
constexpr std::array<std::string_view, 11> kFields = {
    "title",  "caption",      "subject", "event",   "keywords", "customer_reference",
    "rating", "add_keywords", "label",   "creator", "copyright"};

absl::Status Bad(std::string_view sentence, std::string_view column) {
  return rpc::Error(absl::StatusCode::kInvalidArgument, sentence, "ROSTER_INVALID",
                    {{"line", "1"}, {"column", std::string(column)}});
}

std::string Headings(const CsvTable& table) {
  std::string text;
  for (const std::string& heading : table.header) {
    if (heading.empty()) continue;
    text += base::Concat(text.empty() ? "" : ", ", Readable(heading, 100));
    if (text.size() > 500) return text + ", …";
  }
  return text;
}

bool SameHeading(const std::string& a, std::string_view b) {
  return absl::EqualsIgnoreCase(a, base::ToAbsl(b));
}

// Several columns may fill these together.
bool TakesSeveral(std::string_view field) { return field == "keywords" || field == "add_keywords"; }

}  // namespace

std::string RosterField(std::string_view text) {
  const std::string trimmed(absl::StripAsciiWhitespace(base::ToAbsl(text)));
  if (absl::StartsWithIgnoreCase(trimmed, base::ToAbsl(kFreeField))) {
    return trimmed.size() == kFreeField.size()
               ? ""
               : base::Concat(kFreeField, trimmed.substr(kFreeField.size()));
  }
  std::string field = absl::AsciiStrToLower(trimmed);
  std::replace_if(
      field.begin(), field.end(), [](char c) { return c == ' ' || c == '-'; }, '_');
  if (field == "customer") field = "customer_reference";
  if (field == "keyword") field = "keywords";
  const bool known = std::find(kFields.begin(), kFields.end(), field) != kFields.end();
  return known ? field : "";
}

absl::StatusOr<int> FindColumn(const CsvTable& table, std::string_view heading) {
  std::vector<int> exact;
  std::vector<int> alike;
  for (std::size_t i = 0; i < table.header.size(); ++i) {
    if (table.header[i] == heading) exact.push_back(static_cast<int>(i));
    if (SameHeading(table.header[i], heading)) alike.push_back(static_cast<int>(i));
  }
  const std::vector<int>& found = exact.empty() ? alike : exact;
  if (found.size() > 1) {
    return Bad(base::Concat("two columns of the roster are called \"", Readable(heading, 100),
                            "\"; rename one of them"),
               heading);
  }
  return found.empty() ? -1 : found.front();
}

int FirstColumnOf(const CsvTable& table, const std::vector<std::string_view>& headings) {
  for (const std::string_view heading : headings) {
    for (std::size_t i = 0; i < table.header.size(); ++i) {
      if (SameHeading(table.header[i], heading)) return static_cast<int>(i);
    }
  }
  return -1;
}

absl::StatusOr<std::vector<ColumnUse>> MapColumns(
    const CsvTable& table, const google::protobuf::Map<std::string, std::string>& wanted) {
  std::vector<ColumnUse> uses;
  if (wanted.empty()) {
    for (std::size_t i = 0; i < table.header.size(); ++i) {
      const std::string field = RosterField(table.header[i]);
      if (!field.empty()) uses.push_back({static_cast<int>(i), field});
    }
  }
  for (const auto& [heading, fields] : wanted) {
    const absl::StatusOr<int> column = FindColumn(table, heading);
    if (!column.ok()) return column.status();
    if (*column < 0) {
      return Bad(base::Concat("the roster has no column \"", Readable(heading, 100),
                              "\"; its columns are ", Headings(table)),
                 heading);
    }
    for (const absl::string_view part : absl::StrSplit(fields, ',')) {
      const std::string field = RosterField(base::ToStd(part));
      if (field.empty()) {
        return Bad(base::Concat("\"", Readable(base::ToStd(part), 100),
                                "\" is no field that a roster can set; those are title, caption, "
                                "subject, event, keywords, add_keywords, customer, rating, label, "
                                "creator, copyright and fields.KEY"),
                   heading);
      }
      uses.push_back({*column, field});
    }
  }
  if (uses.empty()) {
    return Bad(base::Concat("no column of the roster is called like a field; say which column sets "
                            "what, the columns are ",
                            Headings(table)),
               "");
  }
  std::sort(uses.begin(), uses.end(), [](const ColumnUse& a, const ColumnUse& b) {
    return a.column != b.column ? a.column < b.column : a.field < b.field;
  });
  std::map<std::string, int> column_of;
  for (const ColumnUse& use : uses) {
    const auto [first, is_first] = column_of.emplace(use.field, use.column);
    if (is_first || TakesSeveral(use.field)) continue;
    return Bad(
        base::Concat("the columns \"",
                     Readable(table.header[static_cast<std::size_t>(first->second)], 100),
                     "\" and \"", Readable(table.header[static_cast<std::size_t>(use.column)], 100),
                     "\" both set ", use.field, "; leave one out"),
        table.header[static_cast<std::size_t>(use.column)]);
  }
  return uses;
}

}  // namespace proofline::studio
