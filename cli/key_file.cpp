#include "cli/key_file.h"

#include <filesystem>

#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::cli {

using base::Concat;

absl::Status CheckKeyFile(const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(path, error))) {
    return absl::AlreadyExistsError(Concat(
        path, " is there already and may hold a key in use; remove it or name another file"));
  }
  const std::filesystem::path folder = std::filesystem::absolute(path, error).parent_path();
  if (!std::filesystem::is_directory(folder, error)) {
    return absl::NotFoundError(Concat("the folder ", folder, " for the key file is not there"));
  }
  return absl::OkStatus();
}

absl::Status WriteKeyFile(const std::string& path, const std::string& key) {
  if (absl::Status status = CheckKeyFile(path); !status.ok()) return status;
  return base::WriteFileDurably(path, key + "\n", 0600);
}

}  // namespace proofline::cli
