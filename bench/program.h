// Programs that a benchmark compares with.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace proofline::bench {

struct Used {
  // User and system, of the program and of all it has waited for.
  double cpu_seconds = 0;
  double seconds = 0;

  Used& operator+=(const Used& other) {
    cpu_seconds += other.cpu_seconds;
    seconds += other.seconds;
    return *this;
  }
};

// Starts a program, found on PATH, with `environment` (NAME=value) added to our own; whoever calls
// waits for it. Standard output and errors go to the files given, else where ours go. Throws
// std::runtime_error if it cannot be started.
pid_t StartProgram(const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment = {},
                   const std::filesystem::path& output = {},
                   const std::filesystem::path& errors = {});

// Runs a program, found on PATH, to its end with `environment` (NAME=value) added to our own.
// Standard output goes to `output` if that is given. Throws std::runtime_error if it cannot be
// started or fails.
Used RunProgram(const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment = {},
                const std::filesystem::path& output = {});

}  // namespace proofline::bench
