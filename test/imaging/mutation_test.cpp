// Good files with something wrong in them. Meant for builds with sanitizers, where every decoder
// runs inside this process:
//   PROOFLINE_TEST_PHOTOS     a folder of files to damage, beside those the test makes
//   PROOFLINE_TEST_RAWS       another one
//   PROOFLINE_TEST_MUTATIONS  how many of each file (4 when not set)
//   PROOFLINE_TEST_SEED       which ones (a number)
//   PROOFLINE_TEST_MUTANT     a file that always holds the last one tried
#include <cstdlib>
#include <fstream>
#include <random>
#include <vector>

#include "lib/base/file.h"
#include "lib/imaging/render.h"
#include "lib/imaging/text.h"
#include "test/catch.h"
#include "test/imaging/raw_pictures.h"
#include "test/imaging/sampled_jpeg.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

using test::Encoded;
using vips::VImage;

unsigned NumberFromEnvironment(const char* name, unsigned usual) {
  const char* text = std::getenv(name);
  return text == nullptr ? usual : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  std::string Damaged(std::string file, const std::string& other) {
    const int times = 1 + static_cast<int>(Below(3));
    for (int i = 0; i < times && file.size() > 16; ++i) Damage(file, other);
    return file;
  }

 private:
  std::size_t Below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  // Headers are where numbers are believed.
  std::size_t Place(const std::string& file) {
    constexpr std::size_t kHeader = 4096;
    return Below(random_() % 3 != 0 ? std::min(kHeader, file.size()) : file.size());
  }

  void Damage(std::string& file, const std::string& other) {
    const std::size_t at = Place(file);
    const std::size_t some = std::min(file.size() - at, 1 + Below(64));
    switch (Below(6)) {
      case 0:
        file.resize(Below(file.size()));
        break;
      case 1:
        for (int i = 0; i < 8; ++i) file[Place(file)] ^= static_cast<char>(1 << Below(8));
        break;
      case 2:
        file.replace(at, some, other.substr(Below(other.size()), 1 + Below(4096)));
        break;
      case 3:
        file.replace(at, some, some, random_() % 2 == 0 ? '\0' : '\xFF');
        break;
      case 4:
        file.insert(at, file.substr(Place(file), 1 + Below(512)));
        break;
      default:
        // A number of four bytes, near a limit.
        for (std::size_t i = at; i < std::min(at + 4, file.size()); ++i) {
          file[i] = "\0\x01\x7F\x80\xFF"[Below(5)];
        }
    }
  }

  std::mt19937 random_;
};

std::vector<std::string> OwnFiles() {
  const VImage scene = test::Scene(160, 120);
  std::vector<std::string> files = {
      test::WithTags(test::JpegOf(scene, {}),
                     {.exif = {{"Exif.Image.Make", "Canon"}, {"Exif.Photo.ExposureTime", "1/8"}},
                      .iptc = {{"Iptc.Application2.Caption", "words"}},
                      .xmp = {{"Xmp.dc.creator", "Ann"}}}),
      test::JpegOf(scene, {.progressive = true}),
      test::RawFile({.scene = scene, .preview = Encoded(scene, ".jpg")})};
  const VImage p3 = scene.icc_transform("p3", VImage::option()->set("input_profile", "srgb"));
  const VImage cmyk = scene.icc_transform("cmyk", VImage::option()->set("input_profile", "srgb"));
  for (const char* suffix : {".jpg", ".png", ".png[interlace=true]", ".tif[compression=lzw]",
                             ".tif[tile,compression=jpeg]", ".webp"}) {
    files.push_back(Encoded(p3, suffix));
  }
  files.push_back(Encoded(cmyk, ".jpg"));
  files.push_back(Encoded(cmyk, ".tif"));
  return files;
}

std::vector<std::string> AllFiles() {
  std::vector<std::string> files = OwnFiles();
  constexpr std::uintmax_t kLargest = 3'000'000;
  for (const char* name : {"PROOFLINE_TEST_PHOTOS", "PROOFLINE_TEST_RAWS"}) {
    const std::filesystem::path folder = test::FolderFromEnvironment(name);
    if (folder.empty() || std::getenv("PROOFLINE_TEST_MUTATIONS") == nullptr) continue;
    for (const std::filesystem::path& path : test::FilesIn(folder)) {
      if (std::filesystem::file_size(path) > kLargest) continue;
      absl::StatusOr<std::string> file = base::ReadFile(path, kLargest);
      if (file.ok()) files.push_back(*std::move(file));
    }
  }
  return files;
}

void CheckOutcome(const absl::Status& status) {
  if (status.ok()) return;
  const std::string reason(status.message());
  INFO(reason);
  CHECK(reason.size() > 10);
  CHECK(reason.find('\n') == std::string::npos);
  CHECK(IsValidUtf8(reason));
}

TEST_CASE("damaged files of every format never do more than fail with a reason") {
  test::StartLibvips();
  const unsigned count = NumberFromEnvironment("PROOFLINE_TEST_MUTATIONS", 4);
  Mutator mutator(NumberFromEnvironment("PROOFLINE_TEST_SEED", 1));
  const char* kept = std::getenv("PROOFLINE_TEST_MUTANT");
  const std::vector<std::string> files = AllFiles();
  const PictureLimits limits{.max_pixels = 30'000'000};
  const PrintRequest page{.edit = {.straighten_degrees = 2},
                          .spec = {.width_px = 60, .height_px = 40}};
  for (unsigned round = 0; round < count; ++round) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      const std::string damaged = mutator.Damaged(files[i], files[(i + round + 1) % files.size()]);
      if (kept != nullptr) std::ofstream(kept, std::ios::binary) << damaged;
      CheckOutcome(MakeRenditions(damaged, {}, limits).status());
      if (round % 4 == 0) CheckOutcome(RenderPrint(damaged, page, limits).status());
    }
  }
}

}  // namespace
}  // namespace proofline::imaging
