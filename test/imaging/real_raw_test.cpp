// Camera RAW files of real cameras, where PROOFLINE_TEST_RAWS names a folder of them.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/file.h"
#include "lib/imaging/image_format.h"
#include "lib/imaging/raw_file.h"
#include "lib/imaging/worker_pool.h"
#include "test/catch.h"
#include "test/imaging/test_pictures.h"
#include "test/temp_dir.h"

namespace proofline::imaging {
namespace {

// Where test/raws/fetch has put them, or all of a folder of one's own.
std::vector<std::filesystem::path> RawFiles(const char* kind) {
  const std::filesystem::path folder = test::FolderFromEnvironment("PROOFLINE_TEST_RAWS");
  if (folder.empty()) {
    WARN("skipped: PROOFLINE_TEST_RAWS names no folder of camera RAWs; test/raws/fetch makes one");
    return {};
  }
  if (std::filesystem::is_directory(folder / kind)) return test::FilesIn(folder / kind);
  return std::string_view(kind) == "whole" ? test::FilesIn(folder)
                                           : std::vector<std::filesystem::path>();
}

// For eyes, where PROOFLINE_TEST_SHOW names a folder.
void Show(const std::filesystem::path& raw, const std::string& what, const std::string& jpeg) {
  const std::filesystem::path folder = test::FolderFromEnvironment("PROOFLINE_TEST_SHOW");
  if (folder.empty()) return;
  const std::string name = raw.filename().string() + "." + what + ".jpg";
  REQUIRE(base::WriteFileDurably(folder / name, jpeg).ok());
}

RenditionRequest OfSize(int long_edge) {
  return {.specs = {{.kind = "proof", .long_edge_px = long_edge, .quality = 92}}};
}

TEST_CASE("a real RAW is upright, of its shape, and alike from its preview and developed") {
  auto pool = *WorkerPool::Create({.workers = 1, .time_limit = std::chrono::seconds(120)});
  for (const std::filesystem::path& path : RawFiles("whole")) {
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
    CHECK_FALSE(facts.lens.empty());
    CHECK(facts.exposure_time.has_value());
    CHECK(facts.iso.has_value());
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
    CHECK(alike->mean_delta_e < 6);
    Show(path, "small", small->renditions[0].jpeg);
    Show(path, "large", large->renditions[0].jpeg);
  }
  CHECK(pool->stats().retries == 0);
}

TEST_CASE("a real RAW is printed as its proof shows it") {
  auto pool = *WorkerPool::Create({.workers = 1, .time_limit = std::chrono::seconds(120)});
  for (const std::filesystem::path& path : RawFiles("whole")) {
    INFO(path.string());
    const base::UniqueFd fd = *base::OpenForReading(path);
    const absl::StatusOr<Renditions> proof = pool->MakeRenditions(fd.get(), OfSize(1600));
    if (!proof.ok()) continue;
    Show(path, "proof", proof->renditions[0].jpeg);
    const bool lying = proof->facts.width > proof->facts.height;
    for (int long_side : {1800, 4500}) {
      const int short_side = long_side * 2 / 3;
      const PrintSpec spec{.width_px = lying ? long_side : short_side,
                           .height_px = lying ? short_side : long_side,
                           .fit = Fit::kFit};
      const absl::StatusOr<PrintRendering> page =
          pool->RenderPrint(fd.get(), {.edit = {}, .spec = spec});
      INFO(page.status().ToString());
      REQUIRE(page.ok());
      CHECK_FALSE(page->turned);
      Show(path, "page-" + std::to_string(long_side), page->jpeg);
      const absl::StatusOr<Similarity> alike = pool->Compare(proof->renditions[0].jpeg, page->jpeg);
      REQUIRE(alike.ok());
      CHECK(alike->mean_delta_e < 6);
    }
  }
}

// A file built like a little-endian TIFF whose first directory says another orientation; empty for
// other files.
std::string Oriented(std::string file, char orientation) {
  const auto number = [&](std::size_t at, std::size_t size) {
    std::size_t value = 0;
    for (std::size_t i = size; i-- > 0;) {
      value = value << 8 | static_cast<unsigned char>(file.at(at + i));
    }
    return value;
  };
  constexpr std::size_t kOrientation = 0x0112;
  if (!file.starts_with("II*")) return {};
  const std::size_t directory = number(4, 4);
  for (std::size_t i = 0; i < number(directory, 2); ++i) {
    const std::size_t entry = directory + 2 + i * 12;
    if (number(entry, 2) != kOrientation) continue;
    file[entry + 8] = orientation;
    return file;
  }
  return {};
}

TEST_CASE("a real RAW of a camera that was held upright comes upright, by preview and developed") {
  auto pool = *WorkerPool::Create({.workers = 1, .time_limit = std::chrono::seconds(120)});
  for (const std::filesystem::path& path : RawFiles("whole")) {
    INFO(path.string());
    const absl::StatusOr<std::string> whole = base::ReadFile(path, 1 << 30);
    REQUIRE(whole.ok());
    const std::string turned = Oriented(*whole, 6);
    const std::string lying = Oriented(*whole, 1);
    if (turned.empty()) continue;
    test::TempDir folder;
    const base::UniqueFd turned_fd = test::Stored(folder / "turned", turned);
    const base::UniqueFd lying_fd = test::Stored(folder / "lying", lying);
    for (int long_edge : {300, 16384}) {
      const absl::StatusOr<Renditions> made =
          pool->MakeRenditions(turned_fd.get(), OfSize(long_edge));
      INFO(made.status().ToString());
      REQUIRE(made.ok());
      CHECK(made->facts.orientation == 6);
      CHECK(made->facts.height > made->facts.width);
      const Rendition& rendition = made->renditions[0];
      CHECK(rendition.height > rendition.width);
      const absl::StatusOr<Renditions> wanted =
          pool->MakeRenditions(lying_fd.get(), OfSize(long_edge));
      REQUIRE(wanted.ok());
      const std::string upright = test::Encoded(
          test::Decoded(wanted->renditions[0].jpeg).rot(VIPS_ANGLE_D90), ".jpg[Q=95]");
      CHECK(test::DeltaE(upright, rendition.jpeg) < 1.5);
      Show(path, "turned-" + std::to_string(long_edge), rendition.jpeg);
    }
  }
}

TEST_CASE("a pruned RAW is a failed photo with a plain reason, or shown by its preview") {
  auto pool = *WorkerPool::Create({.workers = 1, .time_limit = std::chrono::seconds(60)});
  for (const std::filesystem::path& path : RawFiles("pruned")) {
    INFO(path.string());
    const base::UniqueFd fd = *base::OpenForReading(path);
    const absl::StatusOr<Renditions> proof = pool->MakeRenditions(fd.get(), OfSize(1600));
    const absl::Status page =
        pool->RenderPrint(fd.get(), {.edit = {}, .spec = {.width_px = 1800, .height_px = 1200}})
            .status();
    static_cast<void>(pool->Inspect(fd.get()));
    for (const absl::Status& status : {proof.status(), page}) {
      if (status.ok()) continue;
      INFO(status.ToString());
      CHECK((absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status)));
      CHECK(status.message().size() > 20);
    }
    if (!proof.ok()) continue;
    // There is no sensor data to develop: what is shown was made by the camera.
    const Rendition& rendition = proof->renditions[0];
    CHECK(std::max(rendition.width, rendition.height) >= 1000);
    CHECK_FALSE(proof->facts.camera_model.empty());
    CHECK(test::Decoded(rendition.jpeg).deviate() > 10);
    Show(path, "proof", rendition.jpeg);
  }
  // None has broken its worker.
  CHECK(pool->stats().retries == 0);
  CHECK(pool->stats().workers_started <= 1);
}

TEST_CASE("pruned RAWs are known by their content, and say which camera made them") {
  for (const std::filesystem::path& path : RawFiles("pruned")) {
    INFO(path.string());
    const absl::StatusOr<std::string> file = base::ReadFile(path, 1 << 30);
    REQUIRE(file.ok());
    // One is a file of text that was made to look like a RAF to one reader of metadata.
    const bool made_up = path.filename().string().find("issue_857") != std::string::npos;
    CHECK((SniffFormat(*file) == ImageFormat::kRaw) == !made_up);
    if (made_up) continue;
    const absl::StatusOr<RawHeader> header = ReadRawHeader(*file, 400'000'000);
    if (header.ok()) CHECK_FALSE(header->facts.camera_model.empty());
  }
}

TEST_CASE("a real RAW that was cut short is no picture") {
  auto pool = *WorkerPool::Create({.workers = 1, .time_limit = std::chrono::seconds(120)});
  for (const std::filesystem::path& path : RawFiles("whole")) {
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
