// proofline: one command line for the studio daemon, the host, the lab and customers.
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "cli/command_line.h"
#include "lib/base/log.h"

int main(int argc, char** argv) {
  // What gRPC would say of a refused connection is said by the verbs, in one sentence.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);
  if (!proofline::base::SetUpLog("warn", false).ok()) return EXIT_FAILURE;
  const proofline::cli::Streams streams{std::cin, std::cout, std::cerr,
                                        ::isatty(STDOUT_FILENO) == 1, ::isatty(STDERR_FILENO) == 1};
  return static_cast<int>(
      proofline::cli::RunCommandLine(std::vector<std::string>(argv + 1, argv + argc), streams));
}
