// The host's configuration file, read into what the parts need.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/config.h"
#include "lib/rpc/serving_config.h"

namespace proofline::host {

// Immutable, checked as a whole.
struct HostConfig {
  std::filesystem::path state;
  std::string log_level;
  std::string sync_address;
  std::string storefront_address;
  rpc::ServingConfig serving;
  std::uint64_t store_cache = 0;
  std::chrono::milliseconds session_lifetime{0};
  std::string metrics_address;  // empty: off
};

// Every key the file may have.
const base::ConfigTable& HostConfigTable();

// Reads and checks the file. Errors are one sentence with file and line.
absl::StatusOr<HostConfig> ReadHostConfig(const std::filesystem::path& path);
// The same for text in memory; `path` stands in sentences and anchors relative paths.
absl::StatusOr<HostConfig> ParseHostConfig(std::string_view text,
                                           const std::filesystem::path& path);

}  // namespace proofline::host
