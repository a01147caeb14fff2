#include "daemon/folder_listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "daemon/volume.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace proofline::studio {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using OpenFolder = std::unique_ptr<DIR, CloseFolder>;

OpenFolder Open(const std::string& folder, bool is_root) {
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (is_root ? 0 : O_NOFOLLOW);
  base::UniqueFd fd(::open(folder.c_str(), flags));
  if (!fd) return nullptr;
  OpenFolder open(::fdopendir(fd.get()));
  if (open != nullptr) fd.Release();
  return open;
}

absl::Status Failed(int error, std::string_view what, const std::string& folder) {
  if (error == ENOTDIR || error == ELOOP) error = ENOENT;
  return base::ErrnoStatus(error, base::Concat(what, " ", Readable(folder)));
}

// Copies names into blocks, so that a folder of thousands costs a handful of allocations.
class Names {
 public:
  explicit Names(std::vector<std::unique_ptr<char[]>>& blocks) : blocks_(blocks) {}

  std::string_view Keep(std::string_view name) {
    constexpr std::size_t kBlock = 16 << 10;
    if (left_ < name.size()) {
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(kBlock));
      at_ = blocks_.back().get();
      left_ = kBlock;
    }
    std::memcpy(at_, name.data(), name.size());
    const std::string_view kept(at_, name.size());
    at_ += name.size();
    left_ -= name.size();
    return kept;
  }

 private:
  std::vector<std::unique_ptr<char[]>>& blocks_;
  char* at_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace

absl::StatusOr<FolderListing> ListFolder(const FileRules& rules, const std::string& root,
                                         const std::string& folder, const std::stop_token& stop) {
  const OpenFolder open = Open(folder, folder == root);
  if (open == nullptr) return Failed(errno, "cannot look into", folder);
  const int fd = ::dirfd(open.get());
  struct stat itself {};
  if (::fstat(fd, &itself) != 0) return Failed(errno, "cannot look into", folder);

  FolderListing listing;
  listing.device = itself.st_dev;
  listing.mtime_ns = std::int64_t{itself.st_mtim.tv_sec} * 1'000'000'000 + itself.st_mtim.tv_nsec;
  const VolumeTraits traits = TraitsOf(itself.st_dev, folder);
  listing.reports_events = traits.reports_events;
  Names names(listing.names);
  errno = 0;
  while (const dirent* entry = ::readdir(open.get())) {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    const std::string_view name = entry->d_name;
    unsigned char type = entry->d_type;
    struct stat status {};
    const bool dots = name == "." || name == "..";
    FileKind kind = FileKind::kIgnored;
    if (!dots && type != DT_DIR && type != DT_LNK) kind = rules.KindOf(root, folder, name);
    // Names of folders need no reading, those of ignored files neither.
    if (type == DT_UNKNOWN || kind != FileKind::kIgnored) {
      if (dots || ::fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        errno = 0;
        continue;
      }
      if (S_ISDIR(status.st_mode)) type = DT_DIR;
    }
    if (type == DT_DIR) {
      if (!dots && !rules.IgnoresFolder(root, folder, name)) listing.folders.emplace_back(name);
    } else if (kind != FileKind::kIgnored) {
      const Reading reading = ReadingOf(status, traits.stable_inodes, traits.volume);
      if (reading.is_file()) listing.files.push_back({names.Keep(name), reading.stamp, kind});
    }
    errno = 0;
  }
  // Half a listing would make the other half look deleted.
  if (errno != 0) return Failed(errno, "cannot read the folder", folder);
  std::sort(listing.files.begin(), listing.files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return listing;
}

}  // namespace proofline::studio
