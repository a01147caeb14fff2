// Files that come slowly, in all the ways in which they do: never half a picture reaches the host.
#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "lib/base/backoff.h"
#include "lib/base/digest.h"
#include "lib/base/unique_fd.h"
#include "test/catch.h"
#include "test/line/mounts.h"
#include "test/line/shoot.h"

namespace proofline::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How a file is written: in pieces, with pauses by turns shorter and longer than the quiet time.
struct Pace {
  int pieces = 8;
  milliseconds shorter{100};
  milliseconds longer{900};
  void Rest(int piece) const { base::WaitFor({}, piece % 2 == 0 ? shorter : longer); }
};

// A picture of some hundred kilobytes, as a camera's.
std::string NoisyPicture(int seed, const fs::path& scratch) {
  const fs::path file = scratch / ("noisy" + std::to_string(seed) + ".jpg");
  vips::VImage::gaussnoise(1200, 800, vips::VImage::option()->set("seed", seed)->set("sigma", 40.0))
      .cast(VIPS_FORMAT_UCHAR)
      .jpegsave(file.c_str(), vips::VImage::option()->set("Q", 92));
  return ReadText(file);
}

void WriteAt(int fd, const std::string& bytes, std::size_t from, std::size_t to) {
  while (from < to) {
    const ssize_t put = ::pwrite(fd, bytes.data() + from, to - from, static_cast<off_t>(from));
    if (put <= 0) throw std::runtime_error("cannot write");
    from += static_cast<std::size_t>(put);
  }
}

enum class Way { kGrow, kTruncate, kAllocate, kBackwards, kMapped };

void WriteSlowly(Way way, const fs::path& file, const std::string& bytes, const Pace& pace) {
  const base::UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  const auto size = static_cast<off_t>(bytes.size());
  if (way == Way::kTruncate || way == Way::kBackwards || way == Way::kMapped) {
    if (::ftruncate(fd.get(), size) != 0) throw std::runtime_error("cannot truncate");
  }
  if (way == Way::kAllocate && ::posix_fallocate(fd.get(), 0, size) != 0) {
    throw std::runtime_error("cannot allocate");
  }
  char* mapped = nullptr;
  if (way == Way::kMapped) {
    void* memory = ::mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (memory == MAP_FAILED) throw std::runtime_error("cannot map");
    mapped = static_cast<char*>(memory);
  }
  for (int i = 0; i < pace.pieces; ++i) {
    const int piece = way == Way::kBackwards ? pace.pieces - 1 - i : i;
    const std::size_t from = bytes.size() * static_cast<std::size_t>(piece) / pace.pieces;
    const std::size_t to = bytes.size() * static_cast<std::size_t>(piece + 1) / pace.pieces;
    if (mapped != nullptr) {
      std::memcpy(mapped + from, bytes.data() + from, to - from);
    } else {
      WriteAt(fd.get(), bytes, from, to);
    }
    if (i + 1 < pace.pieces) pace.Rest(i);
  }
  if (mapped != nullptr) ::munmap(mapped, bytes.size());
}

Pace PaceOfThisRun() {
  Pace pace;
  // By hand, with the settings as they come: PROOFLINE_TEST_SLOW=180 takes three minutes.
  const char* slow = std::getenv("PROOFLINE_TEST_SLOW");
  if (slow == nullptr) return pace;
  pace.pieces = 36;
  pace.shorter = milliseconds(std::atoi(slow) * 1000 / pace.pieces / 4);
  pace.longer = pace.shorter * 7;
  return pace;
}

}  // namespace

TEST_CASE("files that grow slowly are published whole or not at all") {
  StartVips("test_shares");
  Line line;
  const Pace pace = PaceOfThisRun();
  const bool by_hand = std::getenv("PROOFLINE_TEST_SLOW") != nullptr;
  std::string config = ReadText(line.config(Part::kStudio));
  const std::string quiet = "quiet = \"300ms\"";
  config.replace(config.find(quiet), quiet.size(),
                 by_hand ? "longest = \"10m\"" : quiet + "\nlongest = \"2s\"");
  std::ofstream(line.config(Part::kStudio), std::ios::trunc) << config;
  line.Start(Part::kHost);
  line.EnrolDevice();
  line.Start(Part::kStudio);
  fs::create_directories(line.watched() / "shoot");
  PutPicture(line.watched() / "shoot/first.jpg", 1);
  line.WaitForPhotos(1);
  const std::string session = line.SignInWithGalleries(LocalGalleries(line));

  const std::map<std::string, Way> ways = {{"grow.jpg", Way::kGrow},
                                           {"truncate.jpg", Way::kTruncate},
                                           {"allocate.jpg", Way::kAllocate},
                                           {"backwards.jpg", Way::kBackwards},
                                           {"mapped.jpg", Way::kMapped}};
  std::map<std::string, std::string> whole;
  int seed = 0;
  for (const auto& [name, way] : ways) whole[name] = NoisyPicture(++seed, line.folder());
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::string> halves;
  int looks = 0;
  {
    std::vector<std::jthread> writers;
    for (const auto& [name, way] : ways) {
      const fs::path file = line.watched() / "shoot" / name;
      writers.emplace_back([file, way = way, &bytes = whole.at(name), &pace] {
        WriteSlowly(way, file, bytes, pace);
      });
    }
    // Whatever the customer sees at any moment is whole.
    const auto all_there = [&] {
      ++looks;
      std::size_t there = 0;
      for (const v1::Photo& photo : AllVisible(line, session)) {
        const auto its = whole.find(photo.file_name());
        if (its == whole.end()) continue;
        if (photo.original_digest() == std::string(base::Sha256Of(its->second).bytes())) {
          ++there;
        } else {
          halves.push_back(photo.file_name());
        }
      }
      return there == whole.size();
    };
    CHECK(WaitUntil(all_there, by_hand ? seconds(900) : seconds(60)));
  }
  for (const std::string& half : halves) FAIL_CHECK("half of " << half << " was published");
  WARN(
      looks << " looks in "
            << std::chrono::duration_cast<seconds>(std::chrono::steady_clock::now() - begin).count()
            << " s");
  line.WaitForPhotos(6);
  CHECK(line.StudioStatus().failed() == 0);
}

}  // namespace proofline::test
