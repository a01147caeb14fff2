// How soon a customer sees a photograph that is new in a watched folder.
//
//   bench_line_visible [PHOTOGRAPHS [FOLDER…]]
//
// A studio daemon, its image workers and a host run as programs, and talk over TLS. One after
// another, photographs (JPEG files of at least 1 MB from FOLDER, from PROOFLINE_TEST_PHOTOS, or
// Debian's mate-backgrounds) are copied into the watched folder. Each time is the one from the end
// of the copying until a customer who looks again and again has the photo in a listing and its
// proof in hand, without the settle time, for which a file has to be left alone to count as
// complete.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/arguments.h"
#include "test/line/shoot.h"

namespace {

namespace fs = std::filesystem;
namespace v1 = proofline::v1;
using proofline::test::Line;
using proofline::test::Part;
using Clock = std::chrono::steady_clock;

// The settle time of the test line's config.
constexpr double kSettleSeconds = 0.3;
constexpr double kWantedSeconds = 1;
constexpr auto kLongest = std::chrono::seconds(30);

// Until the customer has the proof of the photo.
double SecondsUntilSeen(const Line& line, const std::string& session, const std::string& name) {
  const Clock::time_point start = Clock::now();
  while (Clock::now() - start < kLongest) {
    const auto photos = proofline::test::VisiblePhotos(line, session, 100);
    const auto photo = photos.find(name);
    if (photo == photos.end()) continue;
    const std::string proof =
        proofline::test::Fetch(line, session, photo->second, v1::RENDITION_KIND_PROOF);
    if (proof.empty()) throw std::runtime_error(name + ": the proof is empty");
    return std::chrono::duration<double>(Clock::now() - start).count() - kSettleSeconds;
  }
  throw std::runtime_error(name + " is not visible to the customer");
}

int Measure(std::size_t count, std::vector<fs::path> files) {
  std::erase_if(files, [](const fs::path& file) {
    return fs::file_size(file) <= 1'000'000 || !proofline::test::UprightSize(file).has_value();
  });
  if (files.size() < 2) throw std::runtime_error("there are not two photographs of 1 MB or more");
  Line line;
  line.Start(Part::kHost);
  line.EnrolDevice();
  line.Start(Part::kStudio);
  // The customer needs a gallery to be shared.
  proofline::test::Bring(line, "shoot", {files.back()});
  line.WaitForPhotos(1);
  files.pop_back();
  files.resize(std::min(count, files.size()));
  const std::string session = line.SignInWithGalleries(proofline::test::LocalGalleries(line));

  std::vector<double> times;
  for (const fs::path& file : files) {
    fs::copy_file(file, line.watched() / "shoot" / file.filename());
    times.push_back(SecondsUntilSeen(line, session, file.filename()));
    std::printf("%-42s%6.1f MB%8.3f s\n", file.filename().c_str(),
                static_cast<double>(fs::file_size(file)) / 1e6, times.back());
  }
  std::sort(times.begin(), times.end());
  const double worst = times.back();
  std::printf("%zu photographs: median %.3f s, longest %.3f s   wanted: below %.0f s   %s\n",
              times.size(), times[times.size() / 2], worst, kWantedSeconds,
              worst < kWantedSeconds ? "reached" : "MISSED");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    proofline::test::StartVips(argv[0]);
    const int count = argc > 1 ? std::max(1, std::atoi(argv[1])) : 20;
    return Measure(static_cast<std::size_t>(count), proofline::bench::JpegFiles(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_line_visible: %s\n", error.what());
    return 1;
  }
}
