// The photographs that benchmarks work on.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace proofline::bench {

struct Photograph {
  std::filesystem::path path;
  int width = 0;
  int height = 0;
  // A baseline JPEG whose pixels are sRGB: what nearly every camera writes.
  bool ordinary = false;
  bool from_camera = false;
  std::string what;

  double megapixels() const { return width * 1e-6 * height; }
};

// Photographs of 8 to 24 megapixels: cameras' own files from PROOFLINE_TEST_PHOTOS, as they are;
// Debian's mate-backgrounds, as they are (they are progressive) and made baseline by jpegtran; and
// pictures of 16 to 24 megapixels joined from pieces of the cameras' files at their full size. All
// are put into `folder`. The same on every run. Throws std::runtime_error if there is nothing to
// work on.
std::vector<Photograph> MakePhotographs(const std::filesystem::path& folder);

}  // namespace proofline::bench
