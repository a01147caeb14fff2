#include "bench/photographs.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <vips/vips8>

#include "bench/program.h"

namespace proofline::bench {
namespace {

namespace fs = std::filesystem;
using vips::VImage;

constexpr double kLeastMegapixels = 8;
// Pieces across and down of a joined picture.
constexpr int kPieces = 3;

bool HasOtherProfile(const VImage& picture) {
  if (picture.get_typeof(VIPS_META_ICC_NAME) == 0) return false;
  size_t size = 0;
  const char* data = static_cast<const char*>(picture.get_blob(VIPS_META_ICC_NAME, &size));
  return std::string(data, size).find("sRGB IEC61966-2.1") == std::string::npos;
}

Photograph Described(const fs::path& path, const std::string& what) {
  const VImage header = VImage::new_from_file(path.c_str());
  const bool progressive = header.get_typeof("interlaced") != 0;
  return {.path = path,
          .width = header.width(),
          .height = header.height(),
          .ordinary = !progressive && !HasOtherProfile(header) && header.bands() == 3,
          .what = what};
}

std::vector<fs::path> JpegsIn(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".jpg") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

struct Joined {
  const char* name;
  int width;
  int height;
  const char* quality;
  const char* sampling;
  bool display_p3 = false;
};

// Cameras' sizes, and the qualities and subsamplings that they and exports from editors use.
constexpr Joined kJoined[] = {
    {"24mp-420-q90.jpg", 6000, 4000, "90", "2x2"},
    {"24mp-422-q92.jpg", 6000, 4000, "92", "2x1"},
    {"24mp-tall-420-q95.jpg", 4000, 6000, "95", "2x2"},
    {"20mp-420-q92.jpg", 5472, 3648, "92", "2x2"},
    {"20mp-422-q95.jpg", 5472, 3648, "95", "2x1"},
    {"16mp-422-q90.jpg", 4928, 3264, "90", "2x1"},
    {"20mp-420-q92-display-p3.jpg", 5472, 3648, "92", "2x2", true},
};

// The middle of a photograph, at its full size.
VImage Piece(const fs::path& path, int width, int height) {
  const VImage whole = VImage::new_from_file(path.c_str()).autorot();
  return whole.extract_area((whole.width() - width) / 2, (whole.height() - height) / 2, width,
                            height);
}

fs::path Join(const Joined& wanted, const std::vector<fs::path>& sources, std::size_t first,
              const fs::path& folder) {
  const int width = (wanted.width + kPieces - 1) / kPieces;
  const int height = (wanted.height + kPieces - 1) / kPieces;
  std::vector<VImage> pieces;
  for (std::size_t i = first; pieces.size() < kPieces * kPieces; ++i) {
    const fs::path& source = sources[i % sources.size()];
    const VImage header = VImage::new_from_file(source.c_str()).autorot();
    if (header.width() >= width && header.height() >= height) {
      pieces.push_back(Piece(source, width, height));
    }
    if (i > first + 1000) throw std::runtime_error("no photograph is large enough to be joined");
  }
  VImage joined = VImage::arrayjoin(pieces, VImage::option()->set("across", kPieces))
                      .extract_area(0, 0, wanted.width, wanted.height);
  const fs::path path = folder / wanted.name;
  if (wanted.display_p3) {
    joined.icc_transform("p3", VImage::option()->set("input_profile", "srgb"))
        .jpegsave(path.c_str(), VImage::option()->set("Q", std::atoi(wanted.quality)));
    return path;
  }
  const fs::path pixels = folder / "joined.ppm";
  joined.write_to_file(pixels.c_str());
  RunProgram(
      {"cjpeg", "-quality", wanted.quality, "-sample", wanted.sampling, "-outfile", path, pixels});
  fs::remove(pixels);
  return path;
}

void AddBackgrounds(const fs::path& folder, std::vector<Photograph>& photographs) {
  for (const fs::path& path : JpegsIn("/usr/share/backgrounds/mate")) {
    Photograph stored = Described(path, "mate-backgrounds, as it is");
    if (stored.megapixels() < kLeastMegapixels) continue;
    stored.path = folder / path.filename();
    fs::copy_file(path, stored.path);
    photographs.push_back(stored);
    if (stored.ordinary) continue;
    const fs::path baseline = folder / ("baseline-" + path.filename().string());
    RunProgram({"jpegtran", "-copy", "all", "-outfile", baseline, path});
    photographs.push_back(Described(baseline, "mate-backgrounds, made baseline"));
  }
}

}  // namespace

std::vector<Photograph> MakePhotographs(const fs::path& folder) {
  const char* photos = std::getenv("PROOFLINE_TEST_PHOTOS");
  if (photos == nullptr) {
    throw std::runtime_error("set PROOFLINE_TEST_PHOTOS to a folder of photographs");
  }
  std::vector<Photograph> photographs;
  std::vector<fs::path> sources;
  for (const fs::path& path : JpegsIn(fs::path(photos) / "camera")) {
    Photograph photograph = Described(path, "a camera's own");
    if (photograph.megapixels() >= 5 && photograph.ordinary) sources.push_back(path);
    if (photograph.megapixels() < kLeastMegapixels) continue;
    photograph.path = folder / path.filename();
    photograph.from_camera = true;
    fs::copy_file(path, photograph.path);
    photographs.push_back(photograph);
  }
  if (sources.empty()) throw std::runtime_error("no photographs in PROOFLINE_TEST_PHOTOS");
  AddBackgrounds(folder, photographs);
  std::size_t first = 0;
  for (const Joined& joined : kJoined) {
    photographs.push_back(Described(Join(joined, sources, first, folder), "joined"));
    first += 4;
  }
  return photographs;
}

}  // namespace proofline::bench
