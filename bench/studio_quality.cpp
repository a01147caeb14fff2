// What JPEG quality costs and gives: how near proofs come to their photographs, and in how many
// bytes.
//
//   bench_studio_quality [LONG_EDGE [EVERY]]      (1600 and 1 when not given)
//
// Every photograph of PROOFLINE_TEST_PHOTOS that is larger than the rendition, or every second,
// third and so on, is made smaller by libvips at full quality with lanczos3. Against that it holds,
// at each quality, our rendition (4:2:0), and the reference itself as a JPEG of 4:4:4, which is
// what JPEG alone takes away. SSIM is that of lightness.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <vips/vips8>

#include "lib/base/file.h"
#include "lib/imaging/compare.h"
#include "lib/imaging/jpeg_output.h"
#include "lib/imaging/render.h"
#include "lib/imaging/vips_runtime.h"
#include "test/imaging/reference_picture.h"
#include "test/imaging/test_pictures.h"

namespace {

namespace fs = std::filesystem;
namespace imaging = proofline::imaging;
namespace test = proofline::test;
using vips::VImage;

constexpr int kQualities[] = {80, 85, 88, 90, 92};
constexpr double kWanted = 0.98;

struct Result {
  double ssim = 0;
  std::size_t bytes = 0;
};

// From what it is (ours, 4:2:0, 4:4:4) and its quality.
using Key = std::pair<std::string, int>;
using Results = std::map<Key, std::vector<Result>>;

Result Held(const VImage& reference, const std::string& jpeg) {
  return {imaging::Ssim(reference, test::Decoded(jpeg)), jpeg.size()};
}

bool Measure(const fs::path& path, int long_edge, Results& results) {
  const auto file = proofline::base::ReadFile(path, std::uint64_t{1} << 30);
  if (!file.ok()) throw std::runtime_error(std::string(file.status().message()));
  const auto proof = [&](int quality) {
    return imaging::MakeRenditions(
        *file, {.specs = {{.kind = "proof", .long_edge_px = long_edge, .quality = quality}}}, {});
  };
  const auto first = proof(kQualities[0]);
  if (!first.ok() || std::max(first->facts.width, first->facts.height) < long_edge) return false;
  const imaging::Rendition& shape = first->renditions[0];
  const VImage exact =
      test::ReferenceOf(path, shape.width, shape.height).cast(VIPS_FORMAT_UCHAR).copy_memory();
  for (int quality : kQualities) {
    results[{"ours 4:2:0", quality}].push_back(Held(exact, proof(quality)->renditions[0].jpeg));
    results[{"JPEG alone 4:4:4", quality}].push_back(
        Held(exact, imaging::EncodeJpeg(exact, {.quality = quality, .subsample = false})));
  }
  return true;
}

void Print(const Results& results) {
  std::printf("%-18s%8s%10s%10s%10s%12s%12s\n", "", "quality", "SSIM", "least 5%", "least",
              "at 0.98", "KB each");
  for (const auto& [key, values] : results) {
    std::vector<double> ssim;
    double sum = 0;
    double bytes = 0;
    for (const Result& result : values) {
      ssim.push_back(result.ssim);
      sum += result.ssim;
      bytes += static_cast<double>(result.bytes);
    }
    std::sort(ssim.begin(), ssim.end());
    const auto count = static_cast<double>(values.size());
    const auto reached =
        std::count_if(ssim.begin(), ssim.end(), [](double s) { return s >= kWanted; });
    std::printf("%-18s%8d%10.4f%10.4f%10.4f%11.0f%%%12.1f\n", key.first.c_str(), key.second,
                sum / count, ssim[ssim.size() / 20], ssim.front(),
                100.0 * static_cast<double>(reached) / count, bytes / count / 1000);
  }
}

int Run(int long_edge, std::size_t every) {
  const fs::path folder = test::FolderFromEnvironment("PROOFLINE_TEST_PHOTOS");
  if (folder.empty())
    throw std::runtime_error("set PROOFLINE_TEST_PHOTOS to a folder of photographs");
  if (!imaging::StartVips().ok()) throw std::runtime_error("libvips does not start");
  std::vector<fs::path> paths = test::FilesIn(folder);
  std::erase_if(paths, [](const fs::path& path) { return path.extension() == ".dng"; });
  for (std::size_t i = 0; i * every < paths.size(); ++i) paths[i] = paths[i * every];
  paths.resize((paths.size() + every - 1) / every);
  std::mutex mutex;
  std::size_t next = 0;
  int measured = 0;
  Results all;
  std::exception_ptr failure;
  const auto work = [&] {
    while (true) {
      std::size_t mine = 0;
      {
        const std::lock_guard lock(mutex);
        if (next == paths.size() || failure) return;
        mine = next++;
      }
      Results results;
      bool counts = false;
      try {
        counts = Measure(paths[mine], long_edge, results);
      } catch (const std::exception&) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
        return;
      }
      const std::lock_guard lock(mutex);
      measured += counts ? 1 : 0;
      for (const auto& [key, values] : results) {
        all[key].insert(all[key].end(), values.begin(), values.end());
      }
    }
  };
  {
    std::jthread other(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
  std::printf("%d photographs, long edge %d\n", measured, long_edge);
  Print(all);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int every = argc > 2 ? std::max(1, std::atoi(argv[2])) : 1;
    return Run(argc > 1 ? std::max(16, std::atoi(argv[1])) : 1600, static_cast<std::size_t>(every));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_studio_quality: %s\n", error.what());
    return 1;
  }
}
