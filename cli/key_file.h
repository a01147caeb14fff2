// Files that hold one access key.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace proofline::cli {

// OK if a key may be written to `path`: nothing is there yet (a key is never overwritten), and its
// folder is there. AlreadyExists or NotFound otherwise, with a sentence.
absl::Status CheckKeyFile(const std::string& path);

// Writes the key and a newline durably, for its owner alone (mode 0600). Checks the path first.
absl::Status WriteKeyFile(const std::string& path, const std::string& key);

}  // namespace proofline::cli
