// What lies in one folder, as far as it may matter.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/file_rules.h"
#include "daemon/file_stamp.h"

namespace proofline::studio {

// A listing owns the names that it holds. Movable.
struct FolderListing {
  struct File {
    std::string_view name;
    FileStamp stamp;
    FileKind kind = FileKind::kUnknown;
  };
  // In the order of their names, byte by byte.
  std::vector<File> files;
  std::vector<std::string> folders;
  // Of the folder itself, read before its entries.
  std::uint64_t device = 0;
  std::int64_t mtime_ns = 0;
  bool reports_events = true;

  // Where the names lie: blocks that never move.
  std::vector<std::unique_ptr<char[]>> names;
};

// Lists a folder, leaving out what the rules ignore, links, and empty files. A root may be a
// symbolic link; what lies under it may not. A folder that cannot be read to its end is an error,
// with the errno's status code: NotFound when it is not there (any more) or is no folder, Cancelled
// after `stop`. Blocks on the file system.
absl::StatusOr<FolderListing> ListFolder(const FileRules& rules, const std::string& root,
                                         const std::string& folder, const std::stop_token& stop);

}  // namespace proofline::studio
