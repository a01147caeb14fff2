// From a watched folder to a printed page, with real photographs where PROOFLINE_TEST_PHOTOS names
// them.
#include <algorithm>
#include <fstream>
#include <set>

#include "lib/rpc/channel.h"
#include "test/catch.h"
#include "test/line/shoot.h"

namespace proofline::test {
namespace {

namespace fs = std::filesystem;

constexpr Size k4x6{1200, 1800};
constexpr Size k5x7{1500, 2100};
constexpr Size k8x10{2400, 3000};
// 5 mm at 300 pixels per inch.
constexpr int kBorder = 59;

// Whether any file below `folder` holds `bytes`.
bool AnyFileHolds(const fs::path& folder, const std::string& bytes) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    if (ReadText(entry.path()).find(bytes) != std::string::npos) return true;
  }
  return false;
}

// 64 bytes from the middle of a file: in a JPEG the entropy-coded data of this very picture.
std::string Fingerprint(const fs::path& file) {
  const std::string content = ReadText(file);
  return content.substr(content.size() / 2, 64);
}

Wish MakeWish(const std::map<std::string, v1::Photo>& photos, const fs::path& original,
              const std::string& product, Size page, int border, double shift) {
  Wish wish;
  wish.photo = photos.at(original.filename());
  wish.original = original;
  wish.product = product;
  wish.page = page;
  wish.border = border;
  wish.part = PartOfShape(wish.photo, page, border, shift);
  return wish;
}

// The three largest pictures: large enough for 8 x 10.
std::vector<fs::path> LargestOf(std::vector<fs::path> files) {
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return fs::file_size(a) > fs::file_size(b);
  });
  files.resize(3);
  return files;
}

}  // namespace

TEST_CASE("photographs go from a watched folder to the customer, and the ordered ones to paper") {
  StartVips("test_line");
  Line line;
  const std::vector<fs::path> camera = Photographs({"camera"}, line.folder() / "own");
  const std::vector<fs::path> other = Photographs({"heic", "other"}, line.folder() / "own2");
  REQUIRE(camera.size() >= 30);
  line.StartAll();
  Bring(line, "Smith wedding/church", camera);
  if (std::getenv("PROOFLINE_TEST_PHOTOS") != nullptr) Bring(line, "phones", other);
  std::ofstream(line.watched() / "Smith wedding/church/broken.jpg")
      << ReadText(camera.front()).substr(0, fs::file_size(camera.front()) / 3);
  const int64_t files = std::distance(fs::recursive_directory_iterator(line.watched()), {});
  int64_t folders = 0;
  for (const auto& entry : fs::recursive_directory_iterator(line.watched())) {
    folders += entry.is_directory() ? 1 : 0;
  }
  line.WaitForPhotos(files - folders);

  const std::string session = line.SignInWithGalleries(LocalGalleries(line));
  const std::map<std::string, v1::Photo> photos = VisiblePhotos(line, session);
  const std::map<std::string, v1::LocalPhoto> failed =
      LocalPhotos(line, v1::LOCAL_PHOTO_STATE_FAILED);

  SECTION("every good photograph is there, upright and whole, and a broken one has a reason") {
    CHECK(failed.count("broken.jpg") == 1);
    for (const auto& [name, photo] : failed) {
      INFO(name);
      CHECK(photos.count(name) == 0);
      CHECK(photo.state_message().size() > 10);
    }
    for (const fs::path& file : camera) {
      const std::string name = file.filename();
      INFO(name);
      const std::optional<Size> size = UprightSize(file);
      if (!size.has_value()) {
        CHECK(failed.count(name) == 1);
        continue;
      }
      REQUIRE(photos.count(name) == 1);
      const v1::Photo& photo = photos.at(name);
      CHECK(photo.width_px() == size->width);
      CHECK(photo.height_px() == size->height);
      const std::string proof = Fetch(line, session, photo, v1::RENDITION_KIND_PROOF);
      const std::string reference = RenditionReference(file, 1600);
      const Size proof_size = SizeOf(proof);
      CHECK(proof_size.width == SizeOf(reference).width);
      CHECK(proof_size.height == SizeOf(reference).height);
      // JPEG at quality 85 costs a noisy picture some likeness; another picture has below 0.6.
      CHECK(Similarity(proof, reference) > 0.9);
      const Size thumbnail = SizeOf(Fetch(line, session, photo, v1::RENDITION_KIND_THUMBNAIL));
      CHECK(std::max(thumbnail.width, thumbnail.height) <= 320);
      CHECK(std::abs(thumbnail.aspect() / size->aspect() - 1) < 0.02);
    }
  }

  SECTION("nothing but renditions is at the host, nothing but ordered originals at the lab") {
    const std::vector<fs::path> ordered = LargestOf(camera);
    const std::vector<Wish> wishes = {
        MakeWish(photos, ordered[0], "8x10", k8x10, 0, 0.2),
        MakeWish(photos, ordered[1], "4x6", k4x6, 0, 0.9),
        MakeWish(photos, ordered[2], "5x7-bordered", k5x7, kBorder, 0.5),
        MakeWish(photos, ordered[2], "4x6", k4x6, 0, 0.0),
    };
    const v1::Order order = PlaceOrder(line, session, "first", wishes);
    const v1::Order done = line.WaitForOrder(session, order.name(), v1::ORDER_STATE_COMPLETED);
    CHECK(JudgePages(line.Pages(), wishes) == "");

    std::vector<v1::OrderState> states;
    for (const v1::OrderStateChange& change : done.history()) states.push_back(change.state());
    CHECK(std::is_sorted(states.begin(), states.end()));
    CHECK(states.front() == v1::ORDER_STATE_RECEIVED);
    CHECK(states.back() == v1::ORDER_STATE_COMPLETED);

    for (const Wish& wish : wishes) {
      CHECK(AnyFileHolds(line.state(Part::kLab), Fingerprint(wish.original)));
    }
    for (size_t i = 0; i < camera.size(); i += 7) {
      INFO(camera[i]);
      CHECK_FALSE(AnyFileHolds(line.state(Part::kHost), Fingerprint(camera[i])));
      if (std::find(ordered.begin(), ordered.end(), camera[i]) == ordered.end()) {
        CHECK_FALSE(AnyFileHolds(line.state(Part::kLab), Fingerprint(camera[i])));
      }
    }
    // Originals are as they were.
    for (const fs::path& file : camera) {
      CHECK(ReadText(file) == ReadText(line.watched() / "Smith wedding/church" / file.filename()));
    }
  }

  SECTION("an edit is what the customer sees and what is printed") {
    const fs::path original = LargestOf(camera).front();
    v1::UpdateLocalPhotoRequest request;
    request.mutable_photo()->set_name(photos.at(original.filename()).name());
    v1::Crop* crop = request.mutable_photo()->mutable_edit()->mutable_crop();
    crop->set_left(0.25);
    crop->set_top(0.25);
    crop->set_width(0.5);
    crop->set_height(0.5);
    request.mutable_update_mask()->add_paths("edit");
    grpc::ClientContext context;
    rpc::WithDeadline(context, std::chrono::seconds(30));
    v1::LocalPhoto changed;
    const grpc::Status status = line.Studio()->UpdateLocalPhoto(&context, request, &changed);
    REQUIRE(status.error_message() == "");
    std::map<std::string, v1::Photo> now;
    REQUIRE(WaitUntil(
        [&] {
          now = VisiblePhotos(line, session);
          return now.at(original.filename()).edit().has_crop();
        },
        std::chrono::seconds(60)));
    Wish wish;
    wish.photo = now.at(original.filename());
    wish.original = original;
    wish.product = "4x6";
    wish.page = k4x6;
    const v1::Order order = PlaceOrder(line, session, "edited", {wish});
    line.WaitForOrder(session, order.name(), v1::ORDER_STATE_COMPLETED);
    wish.part = {0.25, 0.25, 0.5, 0.5};
    CHECK(JudgePages(line.Pages(), {wish}) == "");
  }
}

TEST_CASE("the eight orientations of a picture look the same to the customer and on paper") {
  StartVips("test_line");
  Line line;
  line.StartAll();
  const std::vector<fs::path> files = EightOrientations(line.folder() / "own");
  Bring(line, "orientations", files);
  line.WaitForPhotos(8);
  const std::string session = line.SignInWithGalleries(LocalGalleries(line));
  const std::map<std::string, v1::Photo> photos = VisiblePhotos(line, session);
  REQUIRE(photos.size() == 8);
  const std::string reference = RenditionReference(files.front(), 1600);
  std::vector<Wish> wishes;
  for (const fs::path& file : files) {
    INFO(file);
    const v1::Photo& photo = photos.at(file.filename());
    CHECK(Similarity(Fetch(line, session, photo, v1::RENDITION_KIND_PROOF), reference) > 0.9);
    wishes.push_back(MakeWish(photos, file, "4x6", k4x6, 0, 0.3));
  }
  const v1::Order order = PlaceOrder(line, session, "eight", wishes);
  line.WaitForOrder(session, order.name(), v1::ORDER_STATE_COMPLETED);
  CHECK(JudgePages(line.Pages(), wishes) == "");
  const std::string first = PageReference(files.front(), wishes.front().part, k4x6);
  for (const fs::path& page : line.Pages()) {
    INFO(page);
    // The files themselves differ by this much: they were encoded one by one.
    CHECK(Similarity(ReadText(page), first) > 0.9);
  }
}

TEST_CASE("a customer sees nothing that was not shared") {
  StartVips("test_line");
  Line line;
  line.StartAll();
  std::vector<fs::path> files = EightOrientations(line.folder() / "own");
  Bring(line, "mine", {files[0], files[1]});
  Bring(line, "theirs", {files[2], files[3]});
  line.WaitForPhotos(4);
  const std::vector<std::string> galleries = LocalGalleries(line);
  REQUIRE(galleries.size() == 2);
  const std::string mine = line.SignInWithGalleries({galleries[0]});
  const std::string theirs = line.SignInWithGalleries({galleries[1]});
  const auto seen_by_me = VisiblePhotos(line, mine);
  const auto seen_by_them = VisiblePhotos(line, theirs);
  CHECK(seen_by_me.size() == 2);
  CHECK(seen_by_them.size() == 2);
  const v1::Photo& foreign = seen_by_them.begin()->second;

  grpc::ClientContext context;
  rpc::WithDeadline(context, std::chrono::seconds(30));
  v1::GetRenditionRequest request;
  request.set_photo(foreign.name());
  request.set_kind(v1::RENDITION_KIND_THUMBNAIL);
  v1::GetRenditionResponse response;
  CHECK(line.Storefront(mine)->GetRendition(&context, request, &response).error_code() ==
        grpc::StatusCode::NOT_FOUND);
  Wish wish;
  wish.photo = foreign;
  wish.product = "4x6";
  CHECK_THROWS(PlaceOrder(line, mine, "foreign", {wish}));
}

}  // namespace proofline::test
