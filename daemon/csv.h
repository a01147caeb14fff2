// Tables as spreadsheets export them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace proofline::studio {

inline constexpr std::size_t kMaxCsvBytes = std::size_t{16} << 20;

struct CsvRow {
  int line = 0;                    // of the file, from 1, where the row begins
  std::vector<std::string> cells;  // as many as the header has
};

struct CsvTable {
  char separator = ',';
  std::vector<std::string> header;
  std::vector<CsvRow> rows;  // without empty ones
};

// Reads a table as RFC 4180 has it, and as programs write it: with or without a byte order mark,
// any line ends, line breaks in quoted values, comma, semicolon or tab between the values (told
// from the header, or from a first line "sep=;"). Spaces around values go. Pure. InvalidArgument
// (ROSTER_INVALID, with the line) for anything else: not UTF-8, an open quote, a row with more or
// fewer values than the header, no header, more than 16 MiB, 200,000 rows or 500 columns.
absl::StatusOr<CsvTable> ParseCsv(std::string_view text);

}  // namespace proofline::studio
