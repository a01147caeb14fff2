// The whole program but for main().
#pragma once

#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "cli/exit_code.h"

namespace proofline::cli {

struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
};

// Reads the command line (without the program's name) and runs its verb. Blocks until the verb is
// done. Everything is written to the streams; nothing is thrown.
ExitCode RunCommandLine(const std::vector<std::string>& arguments, const Streams& streams);

}  // namespace proofline::cli
