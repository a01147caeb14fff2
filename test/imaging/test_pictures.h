// Pictures that the tests make themselves.
#pragma once

#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>
#include <vips/vips8>

#include "absl/status/statusor.h"
#include "lib/base/unique_fd.h"

namespace proofline::test {

// For tests that use libvips itself before anything else here does it for them: each case may run
// alone.
void StartLibvips();

// A scene without any symmetry and with mild colours: 8 bit sRGB, three bands.
vips::VImage Scene(int width, int height);

// `options` as libvips names them: "[Q=90,interlace=true]".
std::string Encoded(const vips::VImage& picture, const std::string& suffix_and_options);

// The scene as an excellent JPEG, stored as a camera with this orientation would store it.
std::string SceneJpeg(int width, int height, int orientation = 1);

// Equal but for rounding.
inline bool Near(double a, double b) { return std::abs(a - b) <= 1e-6 * (1 + std::abs(b)); }

// Adds EXIF (with a place and a serial number), IPTC and XMP.
struct Tags {
  std::vector<std::pair<std::string, std::string>> exif = {};
  std::vector<std::pair<std::string, std::string>> iptc = {};
  std::vector<std::pair<std::string, std::string>> xmp = {};
};
std::string WithTags(const std::string& file, const Tags& tags);

vips::VImage Decoded(const std::string& file);

// Writes the bytes into a file and opens it for reading.
base::UniqueFd Stored(const std::filesystem::path& path, const std::string& bytes);

// How alike, with the limits for large pictures.
double Ssim(const std::string& a, const std::string& b);
double DeltaE(const std::string& a, const std::string& b);

// The folder in an environment variable, empty if that is not set.
std::filesystem::path FolderFromEnvironment(const char* name);
std::vector<std::filesystem::path> FilesIn(const std::filesystem::path& folder);

}  // namespace proofline::test
