// Which gallery a file belongs to.
#pragma once

#include <string>

namespace proofline::studio {

struct GalleryName {
  std::string id;     // a resource id
  std::string title;  // for people

  friend bool operator==(const GalleryName&, const GalleryName&) = default;
};

// A file's gallery is its folder as seen from the watched folder `root`; files directly in the root
// are in a gallery named as the root is. `path` lies under `root`; both are absolute.
GalleryName GalleryOf(const std::string& root, const std::string& path);

}  // namespace proofline::studio
