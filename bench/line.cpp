// How fast photographs get from a watched folder to the host, and what that costs.
//
//   bench_line [ROUNDS [FOLDER…]]
//
// Each round runs, on the same JPEG files (at least 1 MB each, from FOLDER, from
// PROOFLINE_TEST_PHOTOS, or Debian's mate-backgrounds):
//   ours   studio daemon, image workers and host: from the files' appearance in a watched folder
//   until the host has
//          acknowledged all of them, durably
//   peer   vipsthumbnail twice, 1600 and 320 pixels, one thread
// and prints the rounds' figures and their ratios. The proofs are compared with the peer's
// pictures.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/arguments.h"
#include "bench/process_cpu.h"
#include "test/line/shoot.h"

namespace {

namespace fs = std::filesystem;
namespace v1 = proofline::v1;
using proofline::bench::FinishedChildrenCpuSeconds;
using proofline::bench::TreeCpuSeconds;
using proofline::test::Line;
using proofline::test::Part;
using Clock = std::chrono::steady_clock;

// The settle time of the test line's config: a file is only then known to be whole.
constexpr double kSettleSeconds = 0.3;

struct Figures {
  double seconds = 0;
  double cpu = 0;
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<fs::path> Files(int argc, char** argv) {
  std::vector<fs::path> files = proofline::bench::JpegFiles(argc, argv);
  std::erase_if(files, [](const fs::path& file) {
    return fs::file_size(file) <= 1'000'000 || !proofline::test::UprightSize(file).has_value();
  });
  return files;
}

// vipsthumbnail twice; the larger pictures stay in `folder`.
Figures RunPeer(const std::vector<fs::path>& files, const fs::path& folder) {
  const double before = FinishedChildrenCpuSeconds();
  const Clock::time_point start = Clock::now();
  for (const auto& [size, output] : {std::pair{"1600x1600>", "large-%s.jpg[Q=85,strip]"},
                                     std::pair{"320x320>", "small-%s.jpg[Q=80,strip]"}}) {
    std::vector<std::string> arguments = {"vipsthumbnail", "--size", size, "-o", folder / output};
    arguments.insert(arguments.end(), files.begin(), files.end());
    const auto run =
        proofline::test::Run(arguments, folder, {"VIPS_CONCURRENCY=1"}, std::chrono::minutes(10));
    if (run.exit_code != 0) throw std::runtime_error("vipsthumbnail: " + run.output);
  }
  return {SecondsSince(start), FinishedChildrenCpuSeconds() - before};
}

// Every proof is the picture that the peer made.
void CheckProofs(const Line& line, const std::vector<fs::path>& files, const fs::path& peers) {
  const std::string session = line.SignInWithGalleries(proofline::test::LocalGalleries(line));
  const auto photos = proofline::test::VisiblePhotos(line, session, 100);
  for (const fs::path& file : files) {
    const std::string proof =
        proofline::test::Fetch(line, session, photos.at(file.filename()), v1::RENDITION_KIND_PROOF);
    const std::string peer =
        proofline::test::ReadText(peers / ("large-" + file.stem().string() + ".jpg"));
    // At a quarter of their size: the peer may lie half a pixel beside, which fine texture would
    // show.
    const double similarity = proofline::test::Similarity(proof, peer, 4);
    if (similarity < 0.95) {
      throw std::runtime_error(file.string() + ": the proof and the peer's picture differ: " +
                               std::to_string(similarity));
    }
  }
}

Figures RunOurs(const std::vector<fs::path>& files, const fs::path& peers, bool check) {
  Line line;
  line.Start(Part::kHost);
  line.EnrolDevice();
  line.Start(Part::kStudio);
  // Beside the watched folder, so that the files appear by a rename, all at once.
  const fs::path aside = line.folder() / "aside";
  fs::create_directories(aside);
  for (const fs::path& file : files) fs::copy_file(file, aside / file.filename());
  const auto cpu = [&] {
    return TreeCpuSeconds(line.pid(Part::kHost)) + TreeCpuSeconds(line.pid(Part::kStudio));
  };
  const double before = cpu();
  const Clock::time_point start = Clock::now();
  fs::rename(aside, line.watched() / "shoot");
  line.WaitForPhotos(static_cast<int64_t>(files.size()));
  Figures figures{SecondsSince(start), cpu() - before};
  if (line.StudioStatus().published() != static_cast<int64_t>(files.size())) {
    throw std::runtime_error("not every photo was published");
  }
  if (check) CheckProofs(line, files, peers);
  return figures;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Measure(int rounds, const std::vector<fs::path>& files) {
  const double count = static_cast<double>(files.size());
  std::printf("%zu photographs, %d rounds\n", files.size(), rounds);
  std::printf("%-7s%14s%18s%14s%18s%12s\n", "round", "ours, ph/s", "ours, CPU s/ph", "peer, ph/s",
              "peer, CPU s/ph", "CPU ratio");
  std::vector<double> rates;
  std::vector<double> costs;
  std::vector<double> ratios;
  const proofline::test::TempDir peers;
  for (int round = 1; round <= rounds; ++round) {
    const Figures peer = RunPeer(files, peers.path());
    const Figures ours = RunOurs(files, peers.path(), round == 1);
    rates.push_back(count / (ours.seconds - kSettleSeconds));
    costs.push_back(ours.cpu / count);
    ratios.push_back(ours.cpu / peer.cpu);
    std::printf("%-7d%14.1f%18.4f%14.1f%18.4f%12.2f\n", round, rates.back(), costs.back(),
                count / peer.seconds, peer.cpu / count, ratios.back());
  }
  std::printf(
      "median: %.1f photos/s from file event to acknowledged (settle time of %.1f s left out), "
      "%.4f CPU "
      "seconds a photo, %.2f of vipsthumbnail twice\n",
      Median(rates), kSettleSeconds, Median(costs), Median(ratios));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    proofline::test::StartVips(argv[0]);
    const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 3;
    return Measure(rounds, Files(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_line: %s\n", error.what());
    return 1;
  }
}
