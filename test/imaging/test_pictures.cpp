#include "test/imaging/test_pictures.h"

#include <algorithm>
#include <cstdlib>
#include <exiv2/exiv2.hpp>
#include <stdexcept>

#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/imaging/compare.h"
#include "lib/imaging/vips_runtime.h"

namespace proofline::test {
namespace {

using vips::VImage;

void Disc(VImage& canvas, std::vector<double> ink, double x, double y, double radius) {
  const int side = std::min(canvas.width(), canvas.height());
  canvas.draw_circle(std::move(ink), static_cast<int>(x * canvas.width()),
                     static_cast<int>(y * canvas.height()), static_cast<int>(radius * side),
                     VImage::option()->set("fill", true));
}

}  // namespace

void StartLibvips() { PROOFLINE_CHECK(imaging::StartVips().ok(), "libvips starts"); }

VImage Scene(int width, int height) {
  StartLibvips();
  const VImage grid = VImage::xyz(width, height);
  const VImage x = grid.extract_band(0) / width;
  const VImage y = grid.extract_band(1) / height;
  const VImage ripple = ((x * 17 + y * 9) * 360).sin() * 12;
  const std::vector<VImage> bands = {x * 110 + 60 + ripple, y * 120 + 60 + ripple,
                                     (x * y) * -90 + 170 + ripple};
  VImage scene = VImage::bandjoin(bands)
                     .cast(VIPS_FORMAT_UCHAR)
                     .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB))
                     .copy_memory();
  Disc(scene, {200, 70, 60}, 0.2, 0.25, 0.12);
  Disc(scene, {60, 150, 80}, 0.75, 0.3, 0.08);
  Disc(scene, {70, 80, 190}, 0.3, 0.8, 0.06);
  Disc(scene, {230, 220, 210}, 0.85, 0.85, 0.04);
  return scene;
}

std::string Encoded(const VImage& picture, const std::string& suffix_and_options) {
  void* data = nullptr;
  size_t size = 0;
  picture.write_to_buffer(suffix_and_options.c_str(), &data, &size);
  std::string bytes(static_cast<const char*>(data), size);
  g_free(data);
  return bytes;
}

std::string SceneJpeg(int width, int height, int orientation) {
  VImage scene = Scene(width, height);
  // The inverse of what the tag asks a viewer to do.
  switch (orientation) {
    case 2:
      scene = scene.flip(VIPS_DIRECTION_HORIZONTAL);
      break;
    case 3:
      scene = scene.rot180();
      break;
    case 4:
      scene = scene.flip(VIPS_DIRECTION_VERTICAL);
      break;
    case 5:
      scene = scene.rot90().flip(VIPS_DIRECTION_HORIZONTAL);
      break;
    case 6:
      scene = scene.rot270();
      break;
    case 7:
      scene = scene.rot270().flip(VIPS_DIRECTION_HORIZONTAL);
      break;
    case 8:
      scene = scene.rot90();
      break;
    default:
      break;
  }
  const std::string jpeg = Encoded(scene, ".jpg[Q=96,subsample_mode=off]");
  if (orientation == 1) return jpeg;
  return WithTags(
      jpeg,
      {.exif = {{"Exif.Image.Orientation", std::to_string(orientation)}}, .iptc = {}, .xmp = {}});
}

std::string WithTags(const std::string& file, const Tags& tags) {
  const auto image =
      Exiv2::ImageFactory::open(reinterpret_cast<const Exiv2::byte*>(file.data()), file.size());
  image->readMetadata();
  for (const auto& [key, value] : tags.exif) image->exifData()[key] = value;
  for (const auto& [key, value] : tags.xmp) image->xmpData()[key] = value;
  for (const auto& [key, value] : tags.iptc) {
    Exiv2::StringValue text(value);
    image->iptcData().add(Exiv2::IptcKey(key), &text);
  }
  image->writeMetadata();
  Exiv2::BasicIo& io = image->io();
  io.open();
  std::string bytes(io.size(), '\0');
  io.read(reinterpret_cast<Exiv2::byte*>(bytes.data()), io.size());
  return bytes;
}

VImage Decoded(const std::string& file) {
  StartLibvips();
  return VImage::new_from_buffer(file.data(), file.size(), "").copy_memory();
}

base::UniqueFd Stored(const std::filesystem::path& path, const std::string& bytes) {
  if (!base::WriteFileDurably(path, bytes).ok()) throw std::runtime_error("cannot write a file");
  absl::StatusOr<base::UniqueFd> fd = base::OpenForReading(path);
  if (!fd.ok()) throw std::runtime_error("cannot open a file");
  return *std::move(fd);
}

double Ssim(const std::string& a, const std::string& b) {
  StartLibvips();
  const absl::StatusOr<imaging::Similarity> similarity = imaging::Compare(a, b, {});
  if (!similarity.ok()) throw std::runtime_error(std::string(similarity.status().message()));
  return similarity->ssim;
}

double DeltaE(const std::string& a, const std::string& b) {
  StartLibvips();
  const absl::StatusOr<imaging::Similarity> similarity = imaging::Compare(a, b, {});
  if (!similarity.ok()) throw std::runtime_error(std::string(similarity.status().message()));
  return similarity->mean_delta_e;
}

std::filesystem::path FolderFromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::filesystem::path() : std::filesystem::path(value);
}

std::vector<std::filesystem::path> FilesIn(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (folder.empty()) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() != ".md") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace proofline::test
