// How much of the machine the studio daemon takes while other programs want all of it.
//
//   bench_studio_background [SECONDS]
//
// A studio daemon renders pictures for SECONDS (default 10), once alone and then, for each
// work.priority, beside one busy process on every core, which runs in a session of its own as the
// programs of a user do. Printed is the share of the processors that the daemon and its workers
// got, and what they got alone.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <vips/vips8>

#include "bench/process_cpu.h"
#include "lib/base/backoff.h"
#include "test/line/shoot.h"

namespace {

namespace fs = std::filesystem;
using proofline::test::Line;
using proofline::test::Part;
using vips::VImage;

constexpr int kPictures = 12;
constexpr int kCopies = 20;

// Processes that never rest; ended with the object.
class BusyCores {
 public:
  explicit BusyCores(int count) {
    for (int i = 0; i < count; ++i) {
      const pid_t pid = ::fork();
      if (pid == 0) {
        ::setsid();
        while (::getppid() != 1) {
        }
        ::_exit(0);
      }
      if (pid > 0) pids_.push_back(pid);
    }
  }
  ~BusyCores() {
    for (const pid_t pid : pids_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }
  BusyCores(const BusyCores&) = delete;
  BusyCores& operator=(const BusyCores&) = delete;

  double CpuSeconds() const {
    double seconds = 0;
    for (const pid_t pid : pids_) seconds += proofline::bench::TreeCpuSeconds(pid);
    return seconds;
  }

 private:
  std::vector<pid_t> pids_;
};

void MakePictures(const fs::path& folder) {
  fs::create_directories(folder);
  for (int i = 0; i < kPictures; ++i) {
    VImage::gaussnoise(4000, 3000, VImage::option()->set("seed", i)->set("sigma", 30.0))
        .gaussblur(1.5)
        .cast(VIPS_FORMAT_UCHAR)
        .jpegsave((folder / (std::to_string(i) + ".jpg")).c_str(), VImage::option()->set("Q", 90));
  }
}

struct Share {
  double daemon = 0;  // CPU seconds in a second
  double others = 0;
};

Share Measure(const fs::path& pictures, const std::string& priority, int busy, int seconds) {
  Line line;
  std::ofstream(line.config(Part::kStudio), std::ios::app)
      << "[work]\npriority = \"" << priority << "\"\n";
  // No host is needed.
  std::ofstream(line.folder() / "device.key") << "demo.desk.s3cret";
  fs::permissions(line.folder() / "device.key", fs::perms::owner_read | fs::perms::owner_write);
  // Different files: what is the same is rendered once.
  for (int copy = 0; copy < kCopies; ++copy) {
    for (int i = 0; i < kPictures; ++i) {
      const fs::path to =
          line.watched() / (std::to_string(copy) + "-" + std::to_string(i) + ".jpg");
      fs::create_directories(line.watched());
      fs::copy_file(pictures / (std::to_string(i) + ".jpg"), to);
      std::ofstream(to, std::ios::app | std::ios::binary) << "copy " << copy;
    }
  }
  line.Start(Part::kStudio);
  if (!proofline::test::WaitUntil([&] { return line.StudioStatus().rendered() > 2; },
                                  std::chrono::seconds(60))) {
    throw std::runtime_error("the daemon renders nothing");
  }
  const BusyCores cores(busy);
  // The scheduler takes a moment to settle.
  proofline::base::WaitFor({}, std::chrono::seconds(1));
  const pid_t pid = line.pid(Part::kStudio);
  const double others = cores.CpuSeconds();
  const double cpu = proofline::bench::TreeCpuSeconds(pid);
  const auto begin = std::chrono::steady_clock::now();
  proofline::base::WaitFor({}, std::chrono::seconds(seconds));
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  Share share;
  share.daemon = (proofline::bench::TreeCpuSeconds(pid) - cpu) / took;
  share.others = (cores.CpuSeconds() - others) / took;
  return share;
}

int Run(int seconds) {
  const proofline::test::TempDir folder;
  MakePictures(folder / "pictures");
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  std::printf("%d cores, %d s each; CPU seconds in a second\n", cores, seconds);
  std::printf("%-10s%12s%12s%12s\n", "priority", "the daemon", "the others", "its share");
  const auto print = [&](const std::string& name, const Share& share) {
    std::printf("%-10s%12.3f%12.3f%11.1f%%\n", name.c_str(), share.daemon, share.others,
                100 * share.daemon / std::max(0.001, share.daemon + share.others));
  };
  print("alone", Measure(folder / "pictures", "low", 0, seconds));
  for (const char* priority : {"normal", "low", "idle"}) {
    print(priority, Measure(folder / "pictures", priority, cores, seconds));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    proofline::test::StartVips(argv[0]);
    return Run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 10);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_studio_background: %s\n", error.what());
    return 1;
  }
}
