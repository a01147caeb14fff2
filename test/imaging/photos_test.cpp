// Real photographs, and files made to break decoders, where the environment names folders of them.
#include <cmath>

#include "lib/base/file.h"
#include "lib/imaging/jpeg_header.h"
#include "lib/imaging/text.h"
#include "lib/imaging/worker_pool.h"
#include "test/catch.h"
#include "test/imaging/reference_picture.h"
#include "test/imaging/test_pictures.h"
#include "test/temp_dir.h"

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

TEST_CASE("every real photograph looks like what libvips makes of it at full quality") {
  const std::filesystem::path folder = test::FolderFromEnvironment("PROOFLINE_TEST_PHOTOS");
  if (folder.empty()) return;
  test::StartLibvips();
  auto pool = Pool();
  int limited_by_jpeg = 0;
  for (const std::filesystem::path& path : test::FilesIn(folder)) {
    // libvips has no development of its own to compare with.
    if (path.extension() == ".dng") continue;
    INFO(path.string());
    // What JPEG takes away at usual quality is the same for everybody, and more than is looked for
    // here.
    const base::UniqueFd fd = *base::OpenForReading(path);
    const absl::StatusOr<Renditions> made = pool->MakeRenditions(
        fd.get(), {.specs = {{.kind = "proof", .long_edge_px = 1600, .quality = 100}}});
    REQUIRE(made.ok());
    const Rendition& proof = made->renditions[0];
    const std::string exact =
        test::Encoded(test::ReferenceOf(path, proof.width, proof.height), ".png[strip]");
    const absl::StatusOr<Similarity> ours = pool->Compare(exact, proof.jpeg);
    REQUIRE(ours.ok());
    if (ours->ssim >= 0.98 && ours->mean_delta_e <= 2) continue;
    // Every proof has half of the colours' resolution, and in a few pictures (tiny, or full of
    // colours at the edge of sRGB) that alone is more: nothing else may be lost there.
    ++limited_by_jpeg;
    const absl::StatusOr<Similarity> best =
        pool->Compare(exact, test::Encoded(test::Decoded(exact), ".jpg[Q=100,subsample_mode=on]"));
    REQUIRE(best.ok());
    CHECK((best->ssim < 0.98 || best->mean_delta_e > 2));
    CHECK(ours->ssim >= best->ssim - 0.002);
    CHECK(ours->mean_delta_e <= best->mean_delta_e + 0.05);
  }
  CHECK(limited_by_jpeg <= 3);
}

TEST_CASE("at the usual quality hardly more is lost than JPEG itself takes away") {
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
    const vips::VImage reference = test::ReferenceOf(folder / name, proof.width, proof.height);
    const std::string exact = test::Encoded(reference, ".png");
    const absl::StatusOr<Similarity> best =
        pool->Compare(exact, test::Encoded(reference, ".jpg[Q=85,strip,subsample_mode=on]"));
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
  // Nothing got so far as to end a worker, or to keep it busy without end.
  CHECK(pool->stats().retries == 0);
  test::TempDir folder_of_good;
  const base::UniqueFd good = test::Stored(folder_of_good / "a.jpg", test::SceneJpeg(640, 480));
  CHECK(pool->MakeRenditions(good.get(), {}).ok());
}

}  // namespace
}  // namespace proofline::imaging
