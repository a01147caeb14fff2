#include "bench/arguments.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace proofline::bench {

namespace fs = std::filesystem;

std::vector<fs::path> JpegFiles(int argc, char** argv) {
  std::vector<fs::path> folders(argv + std::min(argc, 2), argv + argc);
  if (folders.empty()) {
    const char* photos = std::getenv("PROOFLINE_TEST_PHOTOS");
    folders = {photos != nullptr ? fs::path(photos) / "camera"
                                 : "/usr/share/backgrounds/mate/nature"};
  }
  std::vector<fs::path> files;
  for (const fs::path& folder : folders) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".jpg") files.push_back(entry.path());
    }
  }
  if (files.empty()) throw std::runtime_error("no JPEG in the folders given");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace proofline::bench
