// Real photographs, and files made to break decoders, where the environment names folders of them.
#include <cmath>

#include "lib/base/file.h"
#include "lib/imaging/jpeg_header.h"
#include "lib/imaging/text.h"
#include "lib/imaging/worker_pool.h"
#include "test/catch.h"
#include "test/imaging/test_pictures.h"

namespace proofline::imaging {
namespace {

std::unique_ptr<WorkerPool> Pool() {
  return *WorkerPool::Create({.workers = 1, .time_limit = std::chrono::seconds(60)});
}

absl::StatusOr<Renditions> Make(WorkerPool& pool, const std::filesystem::path& path) {
  const absl::StatusOr<base::UniqueFd> fd = base::OpenForReading(path);
  REQUIRE(fd.ok());
  return pool.MakeRenditions(fd->get(), {});
}

bool HasMetadata(const std::string& jpeg) {
  const std::string_view header = SplitJpegHeader(jpeg)->header;
  return header.find("Exif") != std::string_view::npos ||
         header.find("ICC_PROFILE") != std::string_view::npos ||
         header.find("http") != std::string_view::npos ||
         header.find("Photoshop") != std::string_view::npos;
}

void CheckRenditions(const Renditions& made) {
  REQUIRE(made.renditions.size() == 2);
  const ImageFacts& facts = made.facts;
  for (const Rendition& rendition : made.renditions) {
    const int limit = rendition.kind == "proof" ? 1600 : 320;
    const int long_edge = std::min(limit, std::max(facts.width, facts.height));
    CHECK(std::max(rendition.width, rendition.height) == long_edge);
    const double scale = static_cast<double>(long_edge) / std::max(facts.width, facts.height);
    CHECK(std::abs(rendition.width - facts.width * scale) <= 1);
    CHECK(std::abs(rendition.height - facts.height * scale) <= 1);
    CHECK(SplitJpegHeader(rendition.jpeg).ok());
    CHECK_FALSE(HasMetadata(rendition.jpeg));
  }
}

TEST_CASE("the eight real orientation files give the same picture") {
  const std::filesystem::path folder = test::FolderFromEnvironment("PROOFLINE_TEST_PHOTOS");
  if (folder.empty()) return;
  auto pool = Pool();
  const absl::StatusOr<Renditions> upright = Make(*pool, folder / "orientation/Landscape_1.jpg");
  REQUIRE(upright.ok());
  for (int orientation = 2; orientation <= 8; ++orientation) {
    INFO("orientation " << orientation);
    const absl::StatusOr<Renditions> made =
        Make(*pool, folder / ("orientation/Landscape_" + std::to_string(orientation) + ".jpg"));
    REQUIRE(made.ok());
    CHECK(made->facts.orientation == orientation);
    CheckRenditions(*made);
    // Each has its own number painted into the middle.
    CHECK(pool->Compare(upright->renditions[0].jpeg, made->renditions[0].jpeg)->ssim > 0.95);
  }
}

TEST_CASE("every good real photograph gives upright renditions of its shape") {
  const std::filesystem::path folder = test::FolderFromEnvironment("PROOFLINE_TEST_PHOTOS");
  if (folder.empty()) return;
  auto pool = Pool();
  for (const std::filesystem::path& path : test::FilesIn(folder)) {
    INFO(path.string());
    const absl::StatusOr<Renditions> made = Make(*pool, path);
    INFO(made.status().ToString());
    if (path.extension() == ".dng" && !made.ok()) {
      CHECK(absl::IsFailedPrecondition(made.status()));
      continue;
    }
    REQUIRE(made.ok());
    CheckRenditions(*made);
    CHECK(made->facts.size_bytes == std::filesystem::file_size(path));
  }
  CHECK(pool->stats().retries == 0);
}

TEST_CASE("real photographs look like what libvips makes of them at full quality") {
  const std::filesystem::path folder = test::FolderFromEnvironment("PROOFLINE_TEST_PHOTOS");
  if (folder.empty()) return;
  test::StartLibvips();
  auto pool = Pool();
  for (const char* name : {"camera/Canon EOS 5D.jpg", "camera/Apple iPhone 6 plus.jpg",
                           "camera/Nikon D3100.jpg", "heic/IMG_1034.heic"}) {
    INFO(name);
    const absl::StatusOr<Renditions> made = Make(*pool, folder / name);
    REQUIRE(made.ok());
    const Rendition& proof = made->renditions[1];
    const vips::VImage full = vips::VImage::new_from_file((folder / name).c_str()).autorot();
    const vips::VImage reference = full.resize(
        static_cast<double>(proof.width) / full.width(),
        vips::VImage::option()->set("vscale", static_cast<double>(proof.height) / full.height()));
    // What JPEG itself takes away at this quality, and how little more is lost on our way.
    const std::string exact = test::Encoded(reference, ".png");
    const absl::StatusOr<Similarity> best =
        pool->Compare(exact, test::Encoded(reference, ".jpg[Q=82,strip,subsample_mode=on]"));
    const absl::StatusOr<Similarity> ours = pool->Compare(exact, proof.jpeg);
    REQUIRE(best.ok());
    REQUIRE(ours.ok());
    CHECK(ours->ssim > best->ssim - 0.01);
    CHECK(ours->mean_delta_e < best->mean_delta_e + 0.2);
  }
}

TEST_CASE("no hostile file costs more than itself") {
  const std::filesystem::path folder = test::FolderFromEnvironment("PROOFLINE_TEST_HOSTILE");
  if (folder.empty()) return;
  auto pool = Pool();
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  static_cast<void>(Make(*pool, test::FilesIn(folder).front()));
  const auto before = descriptors();
  for (const std::filesystem::path& path : test::FilesIn(folder)) {
    INFO(path.string());
    const absl::StatusOr<Renditions> made = Make(*pool, path);
    if (made.ok()) {
      CheckRenditions(*made);
      continue;
    }
    const std::string reason(made.status().message());
    INFO(reason);
    CHECK(reason.size() > 10);
    CHECK(reason.size() < 300);
    CHECK(IsValidUtf8(reason));
    CHECK(reason.find('\n') == std::string::npos);
  }
  CHECK(descriptors() == before);
}

}  // namespace
}  // namespace proofline::imaging
