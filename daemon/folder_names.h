// How names are written in their folders.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "daemon/file_stamp.h"

namespace proofline::studio {

// Cards and many shares answer for a name in any case, and some for a name that was renamed: there
// only the listing of a folder tells what is in it. Keeps the names of every folder that it was
// asked about, so it is made for one round of questions. Not thread-safe; blocks on the file
// system.
class FolderNames {
 public:
  // False if `path`, somewhere under `root`, is not written so in the listing of its folder, or a
  // folder above it is not in that of its own. A folder that cannot be listed denies nothing.
  bool Has(const std::string& root, const std::string& path);

 private:
  // By folder; nothing for those that cannot be listed.
  std::map<std::string, std::optional<std::set<std::string>>> names_;
};

// As ReadPath(), but where names are not exact a file is only there under the name that its folder
// lists.
Reading ReadListed(const std::string& root, const std::string& path, FolderNames& names);
Reading ReadListed(const std::string& root, const std::string& path);

}  // namespace proofline::studio
