#include "daemon/renderer.h"

#include "daemon/ingest.h"
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;
namespace fs = std::filesystem;

// A renderer with real workers. The ingest does not run: what goes back to settling stays there.
class Rendering {
 public:
  explicit Rendering(const char* worker = PROOFLINE_WORKER)
      : ingest({std::chrono::seconds(1), std::chrono::seconds(1)}, studio.catalog()) {
    imaging::WorkerPool::Options options;
    options.worker_path = worker;
    options.workers = 1;
    absl::StatusOr<std::unique_ptr<imaging::WorkerPool>> made =
        imaging::WorkerPool::Create(options);
    REQUIRE(made.ok());
    pool = *std::move(made);
    renderer.emplace(Renderer::Options{1}, studio.catalog(), ingest, *pool, metrics);
  }

  Studio studio;
  Ingest ingest;
  std::unique_ptr<imaging::WorkerPool> pool;
  rpc::Metrics metrics;
  std::optional<Renderer> renderer;
};

// A picture that every decoder reads: 24 bit TIFF without compression.
std::string Tiff(std::uint16_t width, std::uint16_t height) {
  std::string bytes("II*\0\x08\0\0\0", 8);
  const auto number = [&](std::uint32_t value, int count) {
    for (int i = 0; i < count; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  };
  const std::uint32_t pixels = std::uint32_t{width} * height * 3;
  constexpr std::uint32_t kEntries = 10;
  constexpr std::uint32_t kBits = 8 + 2 + kEntries * 12 + 4;
  constexpr std::uint32_t kData = kBits + 6;
  number(kEntries, 2);
  const auto entry = [&](std::uint32_t tag, std::uint32_t type, std::uint32_t count,
                         std::uint32_t value) {
    number(tag, 2);
    number(type, 2);
    number(count, 4);
    number(value, 4);
  };
  entry(256, 3, 1, width);
  entry(257, 3, 1, height);
  entry(258, 3, 3, kBits);
  entry(259, 3, 1, 1);
  entry(262, 3, 1, 2);
  entry(273, 4, 1, kData);
  entry(277, 3, 1, 3);
  entry(278, 3, 1, height);
  entry(279, 4, 1, pixels);
  entry(284, 3, 1, 1);
  number(0, 4);
  for (int i = 0; i < 3; ++i) number(8, 2);
  for (std::uint32_t i = 0; i < pixels; ++i) bytes.push_back(static_cast<char>(i * 7));
  return bytes;
}

TEST_CASE("a picture gets both renditions and waits to be published") {
  Rendering r;
  r.studio.Add("a.tif", Tiff(640, 480));
  r.renderer->Start();
  REQUIRE(Eventually([&] { return r.studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0; }));
  const record::Photo photo = r.studio.At("a.tif");
  INFO(photo.state_message());
  REQUIRE(photo.state() == pb::LOCAL_PHOTO_STATE_RENDERED);
  CHECK(photo.width_px() == 640);
  CHECK(photo.edited_height_px() == 480);
  CHECK(photo.format() == "tiff");
  CHECK(photo.digest() == base::Sha256Of(Tiff(640, 480)).bytes());
  REQUIRE(photo.renditions_size() == 2);
  CHECK(photo.renditions(0).kind() == pb::RENDITION_KIND_THUMBNAIL);
  CHECK(photo.renditions(0).width_px() == 320);
  CHECK(photo.renditions(1).kind() == pb::RENDITION_KIND_PROOF);
  CHECK(photo.renditions(1).width_px() == 640);
}

TEST_CASE(
    "a file that is no picture is a failed photo with a reason, and the next one is rendered") {
  Rendering r;
  r.studio.Add("a.jpg", "not a picture at all");
  r.studio.Add("b.tif", Tiff(64, 48));
  r.renderer->Start();
  REQUIRE(Eventually([&] { return r.studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0; }));
  CHECK(r.studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_FAILED);
  CHECK_FALSE(r.studio.At("a.jpg").state_message().empty());
  CHECK(r.studio.At("b.tif").state() == pb::LOCAL_PHOTO_STATE_RENDERED);
}

TEST_CASE("a file that is not as it settled goes back to settling") {
  Rendering r;
  r.studio.Add("changed.tif", Tiff(64, 48));
  r.studio.Add("gone.tif", Tiff(64, 49));
  r.studio.Add("link.tif", Tiff(64, 50));
  WriteFile(r.studio.path("changed.tif"), Tiff(64, 64));
  fs::remove(r.studio.path("gone.tif"));
  fs::rename(r.studio.path("link.tif"), r.studio.path("target.tif"));
  fs::create_symlink(r.studio.path("target.tif"), r.studio.path("link.tif"));
  r.renderer->Start();
  REQUIRE(Eventually([&] { return r.ingest.settling() == 3; }));
  for (const char* name : {"changed.tif", "gone.tif", "link.tif"}) {
    CHECK(r.studio.At(name).state() == pb::LOCAL_PHOTO_STATE_WAITING);
    CHECK(r.studio.At(name).ticket() == 0);
  }
}

TEST_CASE("a file that a worker saw changing goes back to settling, even if it looks as before") {
  proofline::test::TempDir folder;
  const std::filesystem::path worker = folder / "saw-a-change";
  fs::create_symlink(PROOFLINE_TEST_WORKER, worker);
  Rendering r(worker.c_str());
  r.studio.Add("a.tif", Tiff(64, 48));
  r.renderer->Start();
  REQUIRE(Eventually([&] { return r.ingest.settling() == 1; }));
  CHECK(r.studio.At("a.tif").state() == pb::LOCAL_PHOTO_STATE_WAITING);
  CHECK(r.studio.At("a.tif").ticket() == 0);
}

std::string Rated(int rating) {
  return "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
         "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description "
         "xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Rating='" +
         std::to_string(rating) + "'/></rdf:RDF></x:xmpmeta>";
}

TEST_CASE("rules see what the sidecar says, and decide again when it says something else") {
  Rendering r;
  Preferences preferences;
  SelectionRule rule;
  rule.rating = *RatingCondition::Parse("<3");
  rule.sent = false;
  if (GENERATE(true, false)) rule.renditions = {preferences.thumbnail};
  preferences.rules = {rule};
  REQUIRE(r.studio.catalog().UsePreferences(preferences).ok());
  r.studio.Add("a.xmp", Rated(4));
  r.studio.Add("a.tif", Tiff(64, 48));
  r.studio.Add("b.tif", Tiff(64, 49));
  r.renderer->Start();
  const auto is = [&](pb::LocalPhotoState state) {
    return Eventually([&] { return r.studio.At("a.tif").state() == state; });
  };
  CHECK(is(pb::LOCAL_PHOTO_STATE_RENDERED));
  CHECK(Eventually([&] { return r.studio.At("b.tif").state() == pb::LOCAL_PHOTO_STATE_KEPT; }));
  r.studio.AcknowledgeAll();
  r.studio.Add("a.xmp", Rated(1) + "\n");
  CHECK(is(pb::LOCAL_PHOTO_STATE_KEPT));
  REQUIRE(r.studio.Pending().size() == 1);
  CHECK(r.studio.Pending()[0].withdrawal);
  r.studio.AcknowledgeAll();
  r.studio.Add("a.xmp", Rated(5) + "\n\n");
  CHECK(is(pb::LOCAL_PHOTO_STATE_RENDERED));
  CHECK(r.studio.Pending().at(0).contents.size() == 2);
}

TEST_CASE("what the sidecar says is in the photo's metadata, and follows the sidecar") {
  Rendering r;
  const auto xmp = Rated;
  r.studio.Add("a.xmp", xmp(3));
  r.studio.Add("a.tif", Tiff(64, 48));
  r.renderer->Start();
  REQUIRE(Eventually([&] { return r.studio.Count(pb::LOCAL_PHOTO_STATE_RENDERED) == 1; }));
  CHECK(r.studio.At("a.tif").from_file().rating() == 3);
  r.studio.AcknowledgeAll();
  r.studio.Add("a.xmp", xmp(5) + "\n");
  REQUIRE(Eventually([&] { return r.studio.At("a.tif").from_file().rating() == 5; }));
  REQUIRE(r.studio.Pending().size() == 1);
  CHECK(r.studio.Pending()[0].contents.empty());
}

TEST_CASE("a second identical file is not rendered") {
  Rendering r;
  r.studio.Add("a.tif", Tiff(64, 48));
  r.renderer->Start();
  REQUIRE(Eventually([&] { return r.studio.Count(pb::LOCAL_PHOTO_STATE_RENDERED) == 1; }));
  const std::uint64_t pictures = r.pool->stats().pictures;
  r.studio.Add("b.tif", Tiff(64, 48));
  REQUIRE(Eventually([&] { return r.studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0; }));
  CHECK(r.pool->stats().pictures == pictures);
  CHECK(r.studio.At("b.tif").id() == r.studio.At("a.tif").id());
}

}  // namespace
}  // namespace proofline::studio::test
