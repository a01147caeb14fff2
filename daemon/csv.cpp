#include "daemon/csv.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::studio {
namespace {

constexpr std::size_t kMaxRows = 200'000;
constexpr std::size_t kMaxColumns = 500;
// The rarer in headings the earlier: where two stand equally often the first one counts.
constexpr std::array kSeparators = {'\t', ';', ','};

absl::Status Bad(int line, std::string_view what) {
  return rpc::Error(absl::StatusCode::kInvalidArgument, base::Concat("line ", line, ": ", what),
                    "ROSTER_INVALID", {{"line", base::Concat(line)}});
}

std::string Trimmed(std::string_view text) {
  return std::string(base::ToStd(absl::StripAsciiWhitespace(base::ToAbsl(text))));
}

// Bytes of the UTF-8 character at the front; 0 if there is none.
std::size_t CharacterSize(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  if (byte(0) < 0x80) return byte(0) == 0 ? 0 : 1;
  const std::size_t size = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond the last character.
  if ((byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xED && byte(1) > 0x9F) ||
      (byte(0) == 0xF0 && byte(1) < 0x90) || (byte(0) == 0xF4 && byte(1) > 0x8F)) {
    return 0;
  }
  return size;
}

absl::Status CheckUtf8(std::string_view text) {
  int line = 1;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = CharacterSize(text.substr(at));
    if (size == 0) {
      return Bad(line,
                 "the file is not UTF-8 text; export it again as CSV with the encoding UTF-8");
    }
    if (text[at] == '\n' || (text[at] == '\r' && text.substr(at, 2) != "\r\n")) ++line;
    at += size;
  }
  return absl::OkStatus();
}

// Takes rows off the front of a text.
class Reader {
 public:
  Reader(std::string_view text, int line) : rest_(text), line_(line) {}

  bool AtEnd() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  absl::StatusOr<CsvRow> Next(char separator) {
    CsvRow row;
    row.line = line_;
    while (true) {
      absl::StatusOr<std::string> cell = Cell(separator);
      if (!cell.ok()) return cell.status();
      row.cells.push_back(Trimmed(*cell));
      if (row.cells.size() > kMaxColumns) {
        return Bad(row.line, base::Concat("a table has at most ", kMaxColumns, " columns"));
      }
      if (rest_.empty() || TakeLineEnd()) return row;
      rest_.remove_prefix(1);  // the separator
    }
  }

 private:
  bool TakeLineEnd() {
    if (rest_.front() != '\r' && rest_.front() != '\n') return false;
    rest_.remove_prefix(rest_.starts_with("\r\n") ? 2 : 1);
    ++line_;
    return true;
  }

  bool AtCellEnd(char separator) const {
    return rest_.empty() || rest_.front() == separator || rest_.front() == '\r' ||
           rest_.front() == '\n';
  }

  void SkipSpaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }

  absl::StatusOr<std::string> Cell(char separator) {
    std::string cell;
    const std::size_t text = rest_.find_first_not_of(' ');
    if (text == std::string_view::npos || rest_[text] != '"') {
      while (!AtCellEnd(separator)) {
        cell += rest_.front();
        rest_.remove_prefix(1);
      }
      return cell;
    }
    rest_.remove_prefix(text + 1);
    const int opened = line_;
    while (!rest_.empty()) {
      if (rest_.front() == '"') {
        if (rest_.substr(0, 2) != "\"\"") break;
        rest_.remove_prefix(1);
      }
      const bool line_end = rest_.front() == '\n' || rest_.front() == '\r';
      if (line_end) {
        TakeLineEnd();
        cell += '\n';
        continue;
      }
      cell += rest_.front();
      rest_.remove_prefix(1);
    }
    if (rest_.empty()) {
      return Bad(opened, "a quoted value that begins here does not end; close it with a quote");
    }
    rest_.remove_prefix(1);
    SkipSpaces();
    if (!AtCellEnd(separator)) {
      return Bad(line_,
                 "there is text after the end of a quoted value; write a quote inside a value "
                 "twice");
    }
    return cell;
  }

  std::string_view rest_;
  int line_;
};

// The separator that stands most often in the header, outside of quotes.
char SeparatorOf(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  std::array<int, kSeparators.size()> counts{};
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\r' || c == '\n') break;
    for (std::size_t i = 0; i < kSeparators.size(); ++i) counts[i] += c == kSeparators[i] ? 1 : 0;
  }
  const auto most = std::max_element(counts.begin(), counts.end());
  return kSeparators[static_cast<std::size_t>(most - counts.begin())];
}

bool IsEmpty(const CsvRow& row) {
  return std::all_of(row.cells.begin(), row.cells.end(),
                     [](const std::string& cell) { return cell.empty(); });
}

}  // namespace

absl::StatusOr<CsvTable> ParseCsv(std::string_view text) {
  if (text.size() > kMaxCsvBytes) {
    return Bad(1, "the file has more than 16 MiB; split it");
  }
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    return Bad(1, "the file is UTF-16 text; export it again as CSV with the encoding UTF-8");
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (absl::Status utf8 = CheckUtf8(text); !utf8.ok()) return utf8;

  CsvTable table;
  int first_line = 1;
  table.separator = SeparatorOf(text);
  // A first line that spreadsheets write and read for themselves.
  if (text.starts_with("sep=") && text.size() > 5 && (text[5] == '\r' || text[5] == '\n')) {
    table.separator = text[4];
    text.remove_prefix(text.substr(5).starts_with("\r\n") ? 7 : 6);
    first_line = 2;
  }
  Reader reader(text, first_line);
  while (!reader.AtEnd()) {
    absl::StatusOr<CsvRow> row = reader.Next(table.separator);
    if (!row.ok()) return row.status();
    if (IsEmpty(*row)) continue;
    if (table.header.empty()) {
      table.header = std::move(row->cells);
      while (table.header.back().empty()) table.header.pop_back();
      continue;
    }
    // Some programs end every line with a separator.
    while (row->cells.size() > table.header.size() && row->cells.back().empty()) {
      row->cells.pop_back();
    }
    if (row->cells.size() != table.header.size()) {
      return Bad(row->line,
                 base::Concat("the row has ", row->cells.size(), " values, but the header names ",
                              table.header.size(),
                              " columns; look for a separator that is missing, or one inside a "
                              "value that is not in quotes"));
    }
    if (table.rows.size() == kMaxRows) {
      return Bad(row->line, base::Concat("the file has more than ", kMaxRows, " rows; split it"));
    }
    table.rows.push_back(*std::move(row));
  }
  if (table.header.empty()) {
    return Bad(first_line, "the file is empty; its first line names the columns");
  }
  return table;
}

}  // namespace proofline::studio
