// What the studio daemon's work on a photograph costs, beside its floor and its peers.
//
//   bench_studio_renditions [ROUNDS]
//
// Each round runs, in turn, on the same photographs of 8 to 24 megapixels (bench/photographs.h):
//   ours           the daemon's catalog, renderer and worker processes: from the waiting photo to
//                  both renditions, SHA-256, metadata and a durable record
//   djpeg          the floor: decoding alone, at the least M/8 that holds the proof, to nowhere
//   sharp          the same two renditions, from one read of the file
//   vipsthumbnail  twice, once for each rendition
// and prints the CPU seconds of each (user and system, children included) and their ratios. What
// runs for long, our workers and sharp's Node, is started before the measurement; the others are
// programs, and start once for each file and rendition, as a script on a watched folder starts
// them. The cameras' own files and the pictures made for the benchmark are measured apart: how many
// bytes a megapixel has decides how much of the time is Huffman decoding, which all share.
//
// Before that it holds every proof, and vipsthumbnail's, against the whole picture made smaller by
// libvips with lanczos3: unless each of ours is as near to it as vipsthumbnail's, within 0.1 dB,
// the figures do not count, and the program fails.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>
#include <vips/vips8>

#include "bench/photographs.h"
#include "bench/process_cpu.h"
#include "bench/program.h"
#include "daemon/catalog.h"
#include "daemon/ingest.h"
#include "daemon/renderer.h"
#include "lib/base/file.h"
#include "lib/imaging/worker_pool.h"
#include "lib/rpc/metrics.h"
#include "test/temp_dir.h"

namespace {

namespace fs = std::filesystem;
namespace studio = proofline::studio;
namespace imaging = proofline::imaging;
using proofline::bench::Photograph;
using proofline::bench::RunProgram;
using proofline::bench::Used;
using vips::VImage;
using Clock = std::chrono::steady_clock;

constexpr int kWorkers = 2;
constexpr double kGuardDb = 0.1;

void Check(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

template <typename Value>
Value Checked(absl::StatusOr<Value> value) {
  Check(value.status());
  return *std::move(value);
}

// ---- Ours

double CpuSecondsOf(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::unique_ptr<imaging::WorkerPool> StartPool() {
  imaging::WorkerPool::Options options;
  options.workers = kWorkers;
  options.worker_path = fs::path(PROOFLINE_PROGRAMS) / "proofline-imaging-worker";
  // A replaced worker would take its seconds along.
  options.recycle_after = 1'000'000;
  return Checked(imaging::WorkerPool::Create(options));
}

double OurCpuSeconds(const imaging::WorkerPool& pool) {
  double seconds = proofline::bench::OwnCpuSeconds();
  for (int pid : pool.WorkerPids()) seconds += CpuSecondsOf(pid);
  return seconds;
}

// Renders the photographs of a new catalog, as the daemon does.
Used RunOurs(imaging::WorkerPool& pool, const std::vector<Photograph>& photographs,
             const fs::path& folder) {
  const proofline::test::TempDir state;
  auto catalog = Checked(studio::Catalog::Open(
      {state.path() / "catalog", std::uint64_t{64} << 20, {"studio", "device"}},
      proofline::base::RealClock()));
  studio::Ingest ingest({std::chrono::seconds(1), std::chrono::seconds(1)}, *catalog);
  proofline::rpc::Metrics metrics;
  studio::Renderer renderer({kWorkers, {}}, *catalog, ingest, pool, metrics);
  std::vector<studio::SettledPath> settled;
  for (const Photograph& photograph : photographs) {
    settled.push_back({folder, photograph.path, studio::ReadPath(photograph.path)});
  }
  const double before = OurCpuSeconds(pool);
  const Clock::time_point start = Clock::now();
  Check(catalog->RecordSettled(settled));
  renderer.Start();
  const auto rendered = [&] {
    return catalog->counts().in(proofline::v1::LOCAL_PHOTO_STATE_RENDERED);
  };
  std::uint64_t revision = 0;
  while (rendered() < static_cast<std::int64_t>(photographs.size())) {
    revision = catalog->changes().WaitBeyond(revision, {});
    if (catalog->counts().in(proofline::v1::LOCAL_PHOTO_STATE_FAILED) > 0) {
      throw std::runtime_error("a photograph could not be rendered");
    }
  }
  const std::chrono::duration<double> took = Clock::now() - start;
  return {OurCpuSeconds(pool) - before, took.count()};
}

// ---- The others

int Eighths(const Photograph& photograph) {
  const int edge = imaging::ProofSpec().long_edge_px;
  return std::min(8, (8 * edge - 1) / std::max(photograph.width, photograph.height) + 1);
}

Used RunDjpeg(const std::vector<Photograph>& photographs) {
  Used used;
  for (const Photograph& photograph : photographs) {
    used += RunProgram({"djpeg", "-scale", std::to_string(Eighths(photograph)) + "/8", "-outfile",
                        "/dev/null", photograph.path});
  }
  return used;
}

std::string Edge(const imaging::RenditionSpec& spec) {
  const std::string edge = std::to_string(spec.long_edge_px);
  return edge + "x" + edge + ">";
}

std::string Quality(const imaging::RenditionSpec& spec) { return std::to_string(spec.quality); }

// The pictures stay in `folder`.
Used RunVipsthumbnail(const std::vector<Photograph>& photographs, const fs::path& folder) {
  Used used;
  for (const Photograph& photograph : photographs) {
    for (const imaging::RenditionSpec& spec : {imaging::ProofSpec(), imaging::ThumbnailSpec()}) {
      used += RunProgram({"vipsthumbnail", "--size", Edge(spec), "-o",
                          folder / (spec.kind + "-%s.jpg[strip,Q=" + Quality(spec) + "]"),
                          photograph.path});
    }
  }
  return used;
}

class Sharp {
 public:
  // Installs it if need be.
  Sharp() {
    try {
      RunProgram({PROOFLINE_BENCH_SOURCES "/install_sharp", PROOFLINE_BENCH_SHARP});
      there_ = true;
    } catch (const std::exception& error) {
      std::printf("no comparison with sharp: %s\n", error.what());
    }
  }
  bool there() const { return there_; }

  Used Run(const std::vector<Photograph>& photographs, const fs::path& folder) const {
    std::vector<std::string> arguments = {
        "node", PROOFLINE_BENCH_SOURCES "/sharp_renditions.cjs", PROOFLINE_BENCH_SHARP, folder,
        Quality(imaging::ProofSpec()) + "," + Quality(imaging::ThumbnailSpec())};
    for (const Photograph& photograph : photographs) arguments.push_back(photograph.path);
    const fs::path said = folder / "sharp.txt";
    RunProgram(arguments, {}, said);
    Used used;
    std::ifstream(said) >> used.cpu_seconds >> used.seconds;
    return used;
  }

 private:
  bool there_ = false;
};

// ---- The guard

double Psnr(const VImage& reference, const VImage& picture) {
  const VImage difference = reference.cast(VIPS_FORMAT_FLOAT) - picture.cast(VIPS_FORMAT_FLOAT);
  return 10 * std::log10(255.0 * 255.0 / (difference * difference).avg());
}

// How near a JPEG is to the whole picture made smaller with lanczos3, without any help of the
// decoder.
double PsnrOfProof(const VImage& whole, const VImage& proof) {
  const VImage reference =
      whole
          .resize(static_cast<double>(proof.width()) / whole.width(),
                  VImage::option()
                      ->set("vscale", static_cast<double>(proof.height()) / whole.height())
                      ->set("kernel", VIPS_KERNEL_LANCZOS3))
          .extract_area(0, 0, proof.width(), proof.height());
  return Psnr(reference, proof);
}

// Whether our proofs hold the guard.
bool CheckGuard(imaging::WorkerPool& pool, const std::vector<Photograph>& photographs,
                const fs::path& folder) {
  RunVipsthumbnail(photographs, folder);
  double sum = 0;
  double least = 1e9;
  std::printf("%-42s%10s%14s%12s\n", "PSNR of the proof, dB", "ours", "vipsthumbnail",
              "difference");
  for (const Photograph& photograph : photographs) {
    const auto fd = Checked(proofline::base::OpenForReading(photograph.path));
    const imaging::Renditions made =
        Checked(pool.MakeRenditions(fd.get(), {.specs = {imaging::ProofSpec()}, .edit = {}}));
    const std::string& jpeg = made.renditions[0].jpeg;
    const VImage whole = VImage::new_from_file(photograph.path.c_str()).autorot().copy_memory();
    const double ours = PsnrOfProof(whole, VImage::new_from_buffer(jpeg.data(), jpeg.size(), ""));
    const fs::path peer = folder / ("proof-" + photograph.path.stem().string() + ".jpg");
    const double theirs = PsnrOfProof(whole, VImage::new_from_file(peer.c_str()));
    std::printf("%-42s%10.2f%14.2f%12.2f\n", photograph.path.filename().c_str(), ours, theirs,
                ours - theirs);
    sum += ours - theirs;
    least = std::min(least, ours - theirs);
  }
  const double mean = sum / static_cast<double>(photographs.size());
  std::printf("mean difference %+.2f dB, least %+.2f dB\n", mean, least);
  return least >= -kGuardDb;
}

// ---- The rounds

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

using Contender = std::pair<std::string, std::function<Used()>>;
// What each contender used for a group of photographs, round for round.
using Rounds = std::map<std::string, std::vector<Used>>;

Rounds RunRounds(int rounds, std::size_t count, const std::vector<Contender>& contenders) {
  Rounds all;
  std::printf("\n%-8s", "CPU ms");
  for (const Contender& contender : contenders) std::printf("%16s", contender.first.c_str());
  std::printf("\n");
  for (int round = 1; round <= rounds; ++round) {
    std::printf("round %-2d", round);
    for (const Contender& contender : contenders) {
      all[contender.first].push_back(contender.second());
      std::printf("%16.1f",
                  1000 * all[contender.first].back().cpu_seconds / static_cast<double>(count));
      std::fflush(stdout);
    }
    std::printf("\n");
  }
  return all;
}

void Add(const Rounds& group, Rounds& all) {
  for (const auto& [name, used] : group) {
    std::vector<Used>& sum = all[name];
    sum.resize(used.size());
    for (std::size_t i = 0; i < used.size(); ++i) sum[i] += used[i];
  }
}

double MedianRatio(const std::vector<Used>& above, const std::vector<Used>& below) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < above.size(); ++i) {
    ratios.push_back(above[i].cpu_seconds / below[i].cpu_seconds);
  }
  return Median(ratios);
}

void PrintVerdict(const char* what, double ratio, double target, bool at_most) {
  const bool reached = at_most ? ratio <= target : ratio >= target;
  std::printf("%-52s%6.2f   wanted: at %s %.2f   %s\n", what, ratio, at_most ? "most" : "least",
              target, reached ? "reached" : "MISSED");
}

void PrintVerdicts(const Rounds& all) {
  const std::vector<Used>& ours = all.at("ours");
  PrintVerdict("ours / djpeg", MedianRatio(ours, all.at("djpeg")), 1.3, true);
  if (all.contains("sharp")) {
    PrintVerdict("ours / sharp", MedianRatio(ours, all.at("sharp")), 0.45, true);
  }
  PrintVerdict("vipsthumbnail twice / ours", MedianRatio(all.at("vipsthumbnail"), ours), 4.5,
               false);
  std::vector<double> cores;
  for (const Used& used : ours) cores.push_back(used.cpu_seconds / used.seconds);
  std::printf("ours: CPU seconds for each second of the clock %.2f with %d workers\n\n",
              Median(cores), kWorkers);
}

void PrintPhotographs(const char* title, const std::vector<Photograph>& photographs) {
  std::printf("%s: %zu\n", title, photographs.size());
  for (const Photograph& photograph : photographs) {
    std::printf("  %-42s%5d x %d  %4.1f megapixels  %5.1f MB  djpeg %d/8  %s\n",
                photograph.path.filename().c_str(), photograph.width, photograph.height,
                photograph.megapixels(), static_cast<double>(fs::file_size(photograph.path)) / 1e6,
                Eighths(photograph), photograph.what.c_str());
  }
}

struct Group {
  const char* title;
  bool has_targets;
  std::vector<Photograph> photographs;
};

std::vector<Group> MakeGroups(const fs::path& folder) {
  std::vector<Group> groups = {{"baseline sRGB JPEGs as cameras wrote them", true, {}},
                               {"baseline sRGB JPEGs made for the benchmark", true, {}},
                               {"others (progressive, other profiles)", false, {}}};
  for (Photograph& photograph : proofline::bench::MakePhotographs(folder)) {
    const int group = !photograph.ordinary ? 2 : photograph.from_camera ? 0 : 1;
    groups[group].photographs.push_back(std::move(photograph));
  }
  return groups;
}

int Measure(int rounds) {
  const proofline::test::TempDir folder;
  const fs::path shoot = folder.path() / "shoot";
  const fs::path peers = folder.path() / "peers";
  fs::create_directory(shoot);
  fs::create_directory(peers);
  const std::vector<Group> groups = MakeGroups(shoot);
  const auto pool = StartPool();
  const Sharp sharp;
  bool guarded = true;
  Rounds together;
  for (const Group& group : groups) {
    const std::vector<Photograph>& photographs = group.photographs;
    if (photographs.empty()) continue;
    PrintPhotographs(group.title, photographs);
    if (group.has_targets) guarded = CheckGuard(*pool, photographs, peers) && guarded;
    std::vector<Contender> contenders = {
        {"ours", [&] { return RunOurs(*pool, photographs, shoot); }},
        {"djpeg", [&] { return RunDjpeg(photographs); }},
        {"vipsthumbnail", [&] { return RunVipsthumbnail(photographs, peers); }}};
    if (sharp.there()) {
      contenders.push_back({"sharp", [&] { return sharp.Run(photographs, peers); }});
    }
    // Until every worker has started.
    RunOurs(*pool, photographs, shoot);
    const Rounds used = RunRounds(group.has_targets ? rounds : 1, photographs.size(), contenders);
    if (!group.has_targets) continue;
    PrintVerdicts(used);
    Add(used, together);
  }
  std::printf("all baseline sRGB JPEGs together\n");
  PrintVerdicts(together);
  if (guarded) return 0;
  std::printf("FAILED: proofs are behind vipsthumbnail's\n");
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (VIPS_INIT(argv[0]) != 0) throw std::runtime_error("libvips does not start");
    return Measure(argc > 1 ? std::max(1, std::atoi(argv[1])) : 5);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_studio_renditions: %s\n", error.what());
    return 1;
  }
}
