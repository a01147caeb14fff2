#include "daemon/folder_names.h"

#include <filesystem>
#include <system_error>

#include "daemon/volume.h"

namespace proofline::studio {
namespace {

std::optional<std::set<std::string>> NamesIn(const std::string& folder) {
  std::error_code error;
  std::set<std::string> names;
  std::filesystem::directory_iterator at(folder, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    names.insert(at->path().filename().string());
  }
  if (error) return std::nullopt;
  return names;
}

}  // namespace

bool FolderNames::Has(const std::string& root, const std::string& path) {
  if (path.size() <= root.size()) return true;
  const std::string folder = FolderOf(path);
  auto known = names_.find(folder);
  if (known == names_.end()) known = names_.emplace(folder, NamesIn(folder)).first;
  if (known->second.has_value() && !known->second->contains(NameOf(path))) return false;
  return Has(root, folder);
}

Reading ReadListed(const std::string& root, const std::string& path, FolderNames& names) {
  const Reading reading = ReadPath(path);
  if (!reading.is_file() || TraitsOf(reading.stamp.device, path).exact_names) return reading;
  return names.Has(root, path) ? reading : Reading();
}

Reading ReadListed(const std::string& root, const std::string& path) {
  FolderNames names;
  return ReadListed(root, path, names);
}

}  // namespace proofline::studio
