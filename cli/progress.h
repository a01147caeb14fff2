// How far something is, on a terminal's last line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/output.h"

namespace proofline::cli {

// Columns of the terminal that standard error is; 0 if it is none, or does not say.
std::size_t TerminalColumns();

// Writes one line over and over on standard error, only where a person watches (see
// Output::shows_progress), cut to the terminal's width, and clears it when the object goes.
class Progress {
 public:
  explicit Progress(Output& output) : output_(output) {}
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(std::string_view text);
  // "fetching 3 of 12"
  void Show(std::string_view verb, std::int64_t done, std::int64_t total);
  // Before something else is printed.
  void Clear();

 private:
  Output& output_;
  std::string shown_;
};

}  // namespace proofline::cli
