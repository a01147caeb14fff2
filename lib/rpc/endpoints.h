// How other programs of the machine find what a running daemon listens on.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace proofline::rpc {

// Addresses by purpose: {{"api", "127.0.0.1:4312"}, {"control", "unix:/…"}}.
using Endpoints = std::map<std::string, std::string>;

// Writes STATE_DIR/endpoints.json, durably and as a whole. Blocks on the disk.
absl::Status WriteEndpoints(const std::filesystem::path& state_dir, const Endpoints& endpoints);

// What the daemon of this folder wrote. NotFound if it is not running or never did; DataLoss if the
// file is not what we write.
absl::StatusOr<Endpoints> ReadEndpoints(const std::filesystem::path& state_dir);

// When the daemon ends. A file that is not there is fine.
absl::Status RemoveEndpoints(const std::filesystem::path& state_dir);

}  // namespace proofline::rpc
