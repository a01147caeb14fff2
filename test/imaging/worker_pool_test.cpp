// A pool with the real worker program.
#include "lib/imaging/worker_pool.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "lib/base/digest.h"
#include "lib/base/sanitized.h"
#include "lib/imaging/render.h"
#include "test/catch.h"
#include "test/imaging/test_pictures.h"
#include "test/temp_dir.h"

namespace proofline::imaging {
namespace {

using test::Stored;

std::unique_ptr<WorkerPool> Pool(WorkerPool::Options options = {}) {
  auto pool = WorkerPool::Create(std::move(options));
  INFO(pool.status().ToString());
  REQUIRE(pool.ok());
  return *std::move(pool);
}

std::size_t OpenDescriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

TEST_CASE("a worker makes what the library makes, and tells digest and size of the original") {
  test::TempDir folder;
  const std::string jpeg = test::SceneJpeg(2000, 1500, 6);
  const base::UniqueFd fd = Stored(folder / "a.jpg", jpeg);
  auto pool = Pool();
  const RenditionRequest request{.specs = {ThumbnailSpec(), ProofSpec()},
                                 .edit = {.crop = Crop{0.1, 0.1, 0.8, 0.8}}};
  const absl::StatusOr<Renditions> made = pool->MakeRenditions(fd.get(), request);
  INFO(made.status().ToString());
  REQUIRE(made.ok());
  const absl::StatusOr<Renditions> here = MakeRenditions(jpeg, request, {});
  REQUIRE(made->renditions.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(made->renditions[i].kind == here->renditions[i].kind);
    CHECK(made->renditions[i].width == here->renditions[i].width);
    CHECK(made->renditions[i].jpeg == here->renditions[i].jpeg);
  }
  CHECK(made->facts.digest == base::Sha256Of(jpeg));
  CHECK(made->facts.size_bytes == jpeg.size());
  CHECK(made->facts.orientation == 6);
  // The descriptor's own offset has not moved, so the same one serves again.
  CHECK(::lseek(fd.get(), 0, SEEK_CUR) == 0);
  CHECK(pool->Inspect(fd.get())->digest == made->facts.digest);

  const PrintRequest print{.edit = {}, .spec = {.width_px = 600, .height_px = 900}};
  const absl::StatusOr<PrintRendering> page = pool->RenderPrint(fd.get(), print);
  REQUIRE(page.ok());
  CHECK(page->turned);
  CHECK(page->jpeg == RenderPrint(jpeg, print, {})->jpeg);
  CHECK(pool->stats().workers_started == 1);
}

TEST_CASE("failures cross the process with their code and reason") {
  test::TempDir folder;
  const std::string jpeg = test::SceneJpeg(400, 300);
  const base::UniqueFd cut = Stored(folder / "cut.jpg", jpeg.substr(0, jpeg.size() / 2));
  const base::UniqueFd large = Stored(folder / "large.jpg", jpeg);
  const base::UniqueFd empty = Stored(folder / "empty.jpg", "");
  auto pool = Pool({.max_pixels = 100'000});
  const absl::Status status = pool->MakeRenditions(cut.get(), {}).status();
  CHECK(absl::IsResourceExhausted(status));
  CHECK(absl::IsResourceExhausted(pool->Inspect(large.get()).status()));
  CHECK(absl::IsInvalidArgument(pool->Inspect(empty.get()).status()));
  auto small_files = Pool({.max_file_bytes = 1000});
  CHECK(absl::IsResourceExhausted(small_files->Inspect(large.get()).status()));
  auto usual = Pool();
  const absl::Status cut_status = usual->MakeRenditions(cut.get(), {}).status();
  CHECK(absl::IsInvalidArgument(cut_status));
  CHECK(std::string(cut_status.message()).find("cut short") != std::string::npos);
  CHECK(usual->stats().retries == 0);
}

TEST_CASE("an original must be a regular file opened for reading only") {
  test::TempDir folder;
  auto pool = Pool();
  Stored(folder / "a.jpg", test::SceneJpeg(64, 48));
  const base::UniqueFd writable(::open((folder / "a.jpg").c_str(), O_RDWR | O_CLOEXEC));
  CHECK(absl::IsInvalidArgument(pool->Inspect(writable.get()).status()));
  const base::UniqueFd directory(::open(folder.path().c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(absl::IsInvalidArgument(pool->Inspect(directory.get()).status()));
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const base::UniqueFd pipe(::open((folder / "pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  CHECK(absl::IsInvalidArgument(pool->Inspect(pipe.get()).status()));
  CHECK_FALSE(pool->Inspect(-1).ok());
  CHECK(pool->stats().workers_started == 0);
}

TEST_CASE("wrong requests are refused without a worker") {
  test::TempDir folder;
  const base::UniqueFd fd = Stored(folder / "a.jpg", test::SceneJpeg(64, 48));
  auto pool = Pool();
  CHECK(absl::IsInvalidArgument(pool->MakeRenditions(fd.get(), {.specs = {}}).status()));
  CHECK(absl::IsInvalidArgument(
      pool->RenderPrint(fd.get(), {.edit = {}, .spec = {.width_px = 1, .height_px = 1}}).status()));
  CHECK(pool->stats().workers_started == 0);
}

TEST_CASE("workers are replaced after their number of pictures, without leaking descriptors") {
  test::TempDir folder;
  const base::UniqueFd fd = Stored(folder / "a.jpg", test::SceneJpeg(64, 48));
  const std::size_t before = OpenDescriptors();
  {
    auto pool = Pool({.workers = 1, .recycle_after = 2});
    for (int i = 0; i < 6; ++i) CHECK(pool->Inspect(fd.get()).ok());
    CHECK(pool->stats().workers_started == 3);
    CHECK(pool->stats().workers_alive == 1);
  }
  CHECK(OpenDescriptors() == before);
}

TEST_CASE("many threads share a few workers") {
  test::TempDir folder;
  const base::UniqueFd fd = Stored(folder / "a.jpg", test::SceneJpeg(400, 300));
  auto pool = Pool({.workers = 2});
  std::atomic<int> done = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 5; ++n) done += pool->MakeRenditions(fd.get(), {}).ok() ? 1 : 0;
      });
    }
  }
  CHECK(done == 40);
  CHECK(pool->stats().workers_started <= 2);
  CHECK(pool->stats().pictures == 40);
}

TEST_CASE("a worker has no descriptors but its own, no daemon's secrets, and lower priority") {
  test::TempDir folder;
  const base::UniqueFd fd = Stored(folder / "a.jpg", test::SceneJpeg(64, 48));
  // One that other code forgot to mark.
  const base::UniqueFd leaky(::open("/dev/null", O_RDONLY));
  ::setenv("PROOFLINE_TEST_SECRET", "do not tell", 1);
  auto pool = Pool({.workers = 1, .nice = 5});
  REQUIRE(pool->Inspect(fd.get()).ok());
  ::unsetenv("PROOFLINE_TEST_SECRET");
  const std::filesystem::path process = "/proc/" + std::to_string(pool->WorkerPids().at(0));
  for (const auto& entry : std::filesystem::directory_iterator(process / "fd")) {
    const std::filesystem::path target = std::filesystem::read_symlink(entry.path());
    if (std::stoi(entry.path().filename()) > 2) CHECK(target != "/dev/null");
    CHECK(target != folder / "a.jpg");
  }
  std::ifstream environment(process / "environ");
  const std::string variables((std::istreambuf_iterator<char>(environment)), {});
  CHECK(variables.find("do not tell") == std::string::npos);
  std::ifstream stat(process / "stat");
  std::string field;
  for (int i = 0; i < 19; ++i) stat >> field;
  CHECK(std::stoi(field) >= 5);
}

TEST_CASE("a picture that needs more memory than allowed fails, and the pool works on") {
  if (base::kSanitized) return;
  test::TempDir folder;
  // Progressive: the decoder keeps all of it.
  const vips::VImage scene = test::Scene(200, 200);
  const vips::VImage wide = scene.replicate(75, 56);
  const base::UniqueFd large =
      Stored(folder / "large.jpg", test::Encoded(wide, ".jpg[Q=30,interlace=true]"));
  const base::UniqueFd small = Stored(folder / "small.jpg", test::SceneJpeg(64, 48));
  auto pool = Pool({.workers = 1, .memory_limit = std::uint64_t{512} << 20});
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = pool->MakeRenditions(large.get(), {}).status();
    INFO(status.ToString());
    CHECK(absl::IsResourceExhausted(status));
    CHECK(std::string(status.message()).find("memory") != std::string::npos);
    CHECK(pool->MakeRenditions(small.get(), {}).ok());
  }
}

TEST_CASE("pictures are compared in a worker") {
  auto pool = Pool();
  const std::string a = test::SceneJpeg(400, 300);
  const absl::StatusOr<Similarity> same = pool->Compare(a, test::SceneJpeg(400, 300, 8));
  REQUIRE(same.ok());
  CHECK(same->ssim > 0.99);
  CHECK(same->mean_delta_e < 0.5);
  const absl::StatusOr<Similarity> scaled = pool->Compare(a, test::SceneJpeg(800, 600));
  CHECK(scaled->ssim > 0.9);
  const absl::StatusOr<Similarity> other =
      pool->Compare(a, test::Encoded(test::Scene(400, 300).rot180(), ".jpg"));
  CHECK(other->ssim < 0.8);
  CHECK(other->mean_delta_e > 5);
  CHECK(absl::IsInvalidArgument(pool->Compare(a, "no picture").status()));
  CHECK_FALSE(pool->Compare("", "").ok());
}

TEST_CASE("a contact sheet shows every picture in its cell") {
  auto pool = Pool();
  const std::vector<std::string> pictures(5, test::SceneJpeg(400, 300));
  const absl::StatusOr<std::string> sheet = pool->ContactSheet(pictures, 3, 100);
  INFO(sheet.status().ToString());
  REQUIRE(sheet.ok());
  const vips::VImage pixels = test::Decoded(*sheet);
  CHECK(pixels.width() == 3 * 104);
  CHECK(pixels.height() == 2 * 104);
  // The sixth cell is empty.
  for (double value : pixels.getpoint(2 * 104 + 52, 104 + 52)) CHECK(value > 250);
  const vips::VImage second = pixels.extract_area(104 + 2, 14, 100, 75);
  CHECK(test::Ssim(test::Encoded(test::Scene(400, 300).resize(0.25), ".png"),
                   test::Encoded(second, ".png")) > 0.9);
  CHECK(absl::IsInvalidArgument(pool->ContactSheet({}, 3, 100).status()));
  CHECK(absl::IsInvalidArgument(pool->ContactSheet(pictures, 0, 100).status()));
  const absl::Status broken = pool->ContactSheet({pictures[0], "no picture"}, 3, 100).status();
  CHECK(std::string(broken.message()).find("picture 2") != std::string::npos);
}

TEST_CASE("a contact sheet has each picture's label below it, whatever that is made of") {
  auto pool = Pool();
  const std::vector<std::string> pictures(3, test::SceneJpeg(400, 300));
  const std::vector<std::string> labels = {
      "DSC_0001.jpg", "", "<b>a & b</b> \n" + std::string(300, 'M') + " Müller é.jpg"};
  const absl::StatusOr<std::string> sheet = pool->ContactSheet(pictures, 3, 200, labels);
  INFO(sheet.status().ToString());
  REQUIRE(sheet.ok());
  const vips::VImage pixels = test::Decoded(*sheet);
  CHECK(pixels.width() == 3 * 204);
  REQUIRE(pixels.height() > 210);
  const auto darkest = [&](int cell) {
    return pixels.extract_area(cell * 204, 204, 204, pixels.height() - 204).min();
  };
  CHECK(darkest(0) < 150);
  CHECK(darkest(1) > 240);
  CHECK(darkest(2) < 150);
  // Pictures stand where they stand without labels.
  CHECK(test::Ssim(test::Encoded(test::Scene(400, 300).resize(0.5), ".png"),
                   test::Encoded(pixels.extract_area(2, 27, 200, 150), ".png")) > 0.9);

  CHECK(absl::IsInvalidArgument(pool->ContactSheet(pictures, 3, 200, {"one"}).status()));
  CHECK(absl::IsInvalidArgument(pool->ContactSheet(pictures, 3, 200, {"a", "b", "\xFF"}).status()));
}

}  // namespace
}  // namespace proofline::imaging
