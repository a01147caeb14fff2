// The lab's configuration file, read into what the parts need.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "labd/product.h"
#include "lib/base/config.h"
#include "lib/rpc/serving_config.h"

namespace proofline::lab {

struct StudioConfig {
  std::string id;
  std::filesystem::path key_file;
};

enum class PrinterKind { kIpp, kFile };

struct PrinterConfig {
  std::string id;
  PrinterKind kind = PrinterKind::kIpp;
  std::string uri;               // ipp://host:port/path or ipps://…, for kIpp
  std::filesystem::path folder;  // for kFile
};

// Immutable, checked as a whole.
struct LabConfig {
  std::filesystem::path state;
  std::string log_level;
  std::string lab_id;
  std::string lab_name;
  std::string intake_address;
  rpc::ServingConfig serving;
  std::uint64_t max_original = 0;
  std::uint64_t spool_limit = 0;
  std::chrono::milliseconds spool_keep{0};
  std::chrono::milliseconds jobs_keep{0};
  std::filesystem::path imaging_worker;  // empty: beside the program
  int imaging_workers = 0;               // 0: one for each core
  std::uint64_t imaging_memory = 0;
  std::chrono::milliseconds imaging_time_limit{0};
  std::uint64_t imaging_max_pixels = 0;
  std::vector<StudioConfig> studios;
  std::vector<PrinterConfig> printers;
  Products products;
  std::string metrics_address;  // empty: off
};

// Every key the file may have.
const base::ConfigTable& LabConfigTable();

// Reads and checks the file: identifiers valid and used once, products with papers that can be read
// and printers that exist, printers complete. Errors are one sentence with file and line.
absl::StatusOr<LabConfig> ReadLabConfig(const std::filesystem::path& path);
// The same for text in memory; `path` stands in sentences and anchors relative paths.
absl::StatusOr<LabConfig> ParseLabConfig(std::string_view text, const std::filesystem::path& path);

}  // namespace proofline::lab
