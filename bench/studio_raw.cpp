// What it costs to look at a camera RAW: by its embedded preview, and by developing it.
//
//   bench_studio_raw [ROUNDS [FOLDER…]]
//
// Makes RAW files of 24 megapixels (DNG, 16 bit, not compressed, so that developing them is as
// cheap as it can be) from the three largest JPEGs of each FOLDER, of PROOFLINE_TEST_PHOTOS, or of
// Debian's mate-backgrounds, with the two kinds of preview that cameras write, and without one.
// Each round makes both renditions of every file in turn:
//   large preview    a JPEG of the full size, as most cameras embed
//   small preview    a JPEG of 1620 pixels, as some do
//   half             no preview: developed at half size, as the proof then is
//   full             developed at full size, as a raw developer does it and pages need it
// and prints CPU seconds and their ratios. One thread. The proofs are compared with each other.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/arguments.h"
#include "bench/process_cpu.h"
#include "lib/imaging/render.h"
#include "test/imaging/raw_pictures.h"
#include "test/imaging/test_pictures.h"

namespace {

namespace fs = std::filesystem;
namespace imaging = proofline::imaging;
namespace test = proofline::test;
using proofline::bench::OwnCpuSeconds;
using vips::VImage;

constexpr int kWidth = 6000;
constexpr int kHeight = 4000;
constexpr std::size_t kFiles = 3;

struct Original {
  std::string name;
  std::string large_preview;
  std::string small_preview;
  std::string plain;
};

std::vector<fs::path> Photographs(int argc, char** argv) {
  std::vector<fs::path> files = proofline::bench::JpegFiles(argc, argv);
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return fs::file_size(a) > fs::file_size(b);
  });
  files.resize(std::min(files.size(), kFiles));
  return files;
}

VImage Filling(const fs::path& path) {
  const VImage picture = VImage::thumbnail(
      path.c_str(), kWidth,
      VImage::option()->set("height", kHeight)->set("crop", VIPS_INTERESTING_CENTRE));
  return picture.extract_band(0, VImage::option()->set("n", 3)).copy_memory();
}

Original Make(const fs::path& path) {
  const VImage scene = Filling(path);
  const std::string large = test::Encoded(scene, ".jpg[Q=92,subsample_mode=on,strip]");
  const std::string small =
      test::Encoded(scene.resize(1620.0 / kWidth), ".jpg[Q=85,subsample_mode=on,strip]");
  return {.name = path.filename(),
          .large_preview = test::RawFile({.scene = scene, .preview = large}),
          .small_preview = test::RawFile({.scene = scene, .preview = small}),
          .plain = test::RawFile({.scene = scene})};
}

// The proof, which is the second of both renditions.
std::string Render(const std::string& raw, double& cpu) {
  const double start = OwnCpuSeconds();
  const absl::StatusOr<imaging::Renditions> made = imaging::MakeRenditions(raw, {}, {});
  cpu += OwnCpuSeconds() - start;
  if (!made.ok()) throw std::runtime_error(std::string(made.status().message()));
  return made->renditions[1].jpeg;
}

// The same renditions of a picture developed at full size, as by way of a raw developer.
void DevelopInFull(const std::string& raw, double& cpu) {
  const double start = OwnCpuSeconds();
  const absl::StatusOr<imaging::RawHeader> header = imaging::ReadRawHeader(raw, 400'000'000);
  if (!header.ok()) throw std::runtime_error(std::string(header.status().message()));
  const absl::StatusOr<VImage> pixels =
      imaging::DevelopRaw(raw, *header, imaging::RawScale::kFull, 400'000'000);
  if (!pixels.ok()) throw std::runtime_error(std::string(pixels.status().message()));
  const VImage proof = pixels->resize(1600.0 / pixels->width()).copy_memory();
  static_cast<void>(test::Encoded(imaging::ToSrgb(proof), ".jpg[Q=85,strip]"));
  cpu += OwnCpuSeconds() - start;
}

void CheckAlike(const std::string& name, const std::string& preview, const std::string& developed) {
  const double ssim = test::Ssim(developed, preview);
  std::printf("%-32s preview and development alike: SSIM %.3f\n", name.c_str(), ssim);
  if (ssim < 0.8) throw std::runtime_error("a preview does not show what the RAW shows");
}

int Run(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 3;
  test::StartLibvips();
  std::vector<Original> originals;
  for (const fs::path& path : Photographs(argc, argv)) originals.push_back(Make(path));
  std::array<double, 4> cpu{};
  for (int round = 0; round < rounds; ++round) {
    for (const Original& original : originals) {
      const std::string large = Render(original.large_preview, cpu[0]);
      const std::string small = Render(original.small_preview, cpu[1]);
      const std::string half = Render(original.plain, cpu[2]);
      DevelopInFull(original.plain, cpu[3]);
      if (round > 0) continue;
      CheckAlike(original.name, large, half);
      CheckAlike(original.name, small, half);
    }
  }
  const double pictures = static_cast<double>(rounds) * static_cast<double>(originals.size());
  const char* const names[] = {"large preview", "small preview", "half", "full"};
  for (std::size_t i = 0; i < cpu.size(); ++i) {
    std::printf("%-14s %7.1f ms of CPU a picture\n", names[i], cpu[i] * 1000 / pictures);
  }
  for (std::size_t i : {0, 1}) {
    std::printf("%s: %.1f times less than half, %.1f times less than full (wanted: 10)\n", names[i],
                cpu[2] / cpu[i], cpu[3] / cpu[i]);
  }
  return cpu[3] >= 10 * cpu[0] && cpu[3] >= 10 * cpu[1] ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  // LibRaw's threads are counted when the program is loaded.
  if (std::getenv("OMP_NUM_THREADS") == nullptr) {
    ::setenv("OMP_NUM_THREADS", "1", 1);
    ::execv("/proc/self/exe", argv);
  }
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_studio_raw: %s\n", error.what());
    return 1;
  }
}
