#include "daemon/gallery.h"

#include "absl/strings/str_replace.h"
#include "daemon/file_stamp.h"
#include "lib/base/id.h"

namespace proofline::studio {

GalleryName GalleryOf(const std::string& root, const std::string& path) {
  constexpr std::size_t kMaxTitle = 1000;
  const std::string folder = FolderOf(path);
  std::string relative;
  if (folder.size() > root.size()) relative = folder.substr(root == "/" ? 1 : root.size() + 1);
  if (relative.empty()) relative = NameOf(root);
  if (relative.empty()) relative = "root";
  const std::string title = absl::StrReplaceAll(Readable(relative), {{"/", " / "}});
  return {base::Slug(relative), Readable(title, kMaxTitle)};
}

}  // namespace proofline::studio
