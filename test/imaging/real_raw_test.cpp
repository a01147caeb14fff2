// Camera RAW files of real cameras, where PROOFLINE_TEST_RAWS names a folder of them.
#include <chrono>
#include <cmath>

#include "lib/base/file.h"
#include "lib/imaging/image_format.h"
#include "lib/imaging/worker_pool.h"
#include "test/catch.h"
#include "test/imaging/test_pictures.h"
#include "test/temp_dir.h"

namespace proofline::imaging {
namespace {

std::vector<std::filesystem::path> RawFiles() {
  const std::filesystem::path folder = test::FolderFromEnvironment("PROOFLINE_TEST_RAWS");
  return folder.empty() ? std::vector<std::filesystem::path>() : test::FilesIn(folder);
}

RenditionRequest OfSize(int long_edge) {
  return {.specs = {{.kind = "proof", .long_edge_px = long_edge, .quality = 92}}};
}

TEST_CASE("a real RAW is upright, of its shape, and alike from its preview and developed") {
  auto pool = *WorkerPool::Create({.workers = 1, .time_limit = std::chrono::seconds(120)});
  for (const std::filesystem::path& path : RawFiles()) {
    INFO(path.string());
    const base::UniqueFd fd = *base::OpenForReading(path);
    const absl::StatusOr<Renditions> small = pool->MakeRenditions(fd.get(), OfSize(300));
    INFO(small.status().ToString());
    if (!small.ok()) {
      // Of a camera that this LibRaw does not know, without a preview to look at.
      CHECK(absl::IsFailedPrecondition(small.status()));
      continue;
    }
    const ImageFacts& facts = small->facts;
    CHECK(facts.format == "raw");
    CHECK_FALSE(facts.camera_model.empty());
    CHECK_FALSE(facts.capture_time.empty());
    const absl::StatusOr<Renditions> large = pool->MakeRenditions(fd.get(), OfSize(16384));
    REQUIRE(large.ok());
    for (const Renditions* made : {&*small, &*large}) {
      const Rendition& rendition = made->renditions[0];
      const double shape = static_cast<double>(rendition.width) / rendition.height;
      CHECK(std::abs(shape * facts.height / facts.width - 1) < 0.03);
    }
    const absl::StatusOr<Similarity> alike =
        pool->Compare(small->renditions[0].jpeg, large->renditions[0].jpeg);
    REQUIRE(alike.ok());
    CHECK(alike->ssim > 0.6);
    CHECK(alike->mean_delta_e < 12);
  }
  CHECK(pool->stats().retries == 0);
}

TEST_CASE("a real RAW that was cut short is no picture") {
  auto pool = *WorkerPool::Create({.workers = 1, .time_limit = std::chrono::seconds(120)});
  for (const std::filesystem::path& path : RawFiles()) {
    const absl::StatusOr<std::string> whole = base::ReadFile(path, 1 << 30);
    REQUIRE(whole.ok());
    for (double part : {0.3, 0.6, 0.9}) {
      INFO(path.string() << ", part " << part);
      test::TempDir folder;
      const base::UniqueFd cut = test::Stored(
          folder / "cut", whole->substr(0, static_cast<std::size_t>(part * whole->size())));
      CHECK_FALSE(pool->MakeRenditions(cut.get(), OfSize(300)).ok());
    }
  }
}

}  // namespace
}  // namespace proofline::imaging
