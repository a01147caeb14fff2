// The catalog of a studio is lost, or built anew: customers and labs do not notice, and next to
// nothing goes over the line.
#include <algorithm>
#include <csignal>
#include <stdexcept>

#include "lib/rpc/channel.h"
#include "test/catch.h"
#include "test/line/shoot.h"

namespace proofline::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr int kPhotos = 10;
constexpr Size k4x6{1200, 1800};
constexpr Size k8x10{2400, 3000};

std::vector<fs::path> TenPhotographs(const fs::path& scratch) {
  std::vector<fs::path> files = Photographs({"camera"}, scratch);
  files.erase(std::remove_if(files.begin(), files.end(),
                             [](const fs::path& file) { return !UprightSize(file).has_value(); }),
              files.end());
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return fs::file_size(a) > fs::file_size(b);
  });
  files.resize(kPhotos);
  return files;
}

void Update(const Line& line, const v1::UpdateLocalPhotoRequest& request) {
  grpc::ClientContext context;
  rpc::WithDeadline(context, seconds(30));
  v1::LocalPhoto changed;
  const grpc::Status status = line.Studio()->UpdateLocalPhoto(&context, request, &changed);
  REQUIRE(status.error_message() == "");
}

// A title and a class for the first photograph, a crop for the second.
void EnterAndEdit(const Line& line, const std::map<std::string, v1::Photo>& photos,
                  const std::vector<fs::path>& files) {
  v1::UpdateLocalPhotoRequest entered;
  *entered.mutable_photo() = photos.at(files[0].filename());
  entered.mutable_photo()->clear_etag();
  entered.mutable_photo()->mutable_metadata()->set_title("entered by us");
  (*entered.mutable_photo()->mutable_metadata()->mutable_fields())["class"] = "4b";
  entered.mutable_update_mask()->add_paths("metadata.title");
  entered.mutable_update_mask()->add_paths("metadata.fields.class");
  Update(line, entered);
  v1::UpdateLocalPhotoRequest edited;
  edited.mutable_photo()->set_name(photos.at(files[1].filename()).name());
  v1::Crop* crop = edited.mutable_photo()->mutable_edit()->mutable_crop();
  crop->set_left(0.25);
  crop->set_top(0.25);
  crop->set_width(0.5);
  crop->set_height(0.5);
  edited.mutable_update_mask()->add_paths("edit");
  Update(line, edited);
}

Wish WishFor(const std::map<std::string, v1::Photo>& photos, const fs::path& file, bool large) {
  Wish wish;
  wish.photo = photos.at(file.filename());
  wish.original = file;
  wish.product = large ? "8x10" : "4x6";
  wish.page = large ? k8x10 : k4x6;
  wish.part = PartOfShape(wish.photo, wish.page, 0, 0.4);
  return wish;
}

// The customer sees the very same records.
void CheckSame(const std::map<std::string, v1::Photo>& before,
               const std::map<std::string, v1::Photo>& now) {
  REQUIRE(now.size() == before.size());
  for (const auto& [file, photo] : before) {
    INFO(file);
    REQUIRE(now.contains(file));
    CHECK(now.at(file).ShortDebugString() == photo.ShortDebugString());
  }
}

struct School {
  School() {
    StartVips("test_line");
    files = TenPhotographs(line.folder() / "own");
    line.StartAll();
    Bring(line, "school", files);
    line.WaitForPhotos(kPhotos);
    session = line.SignInWithGalleries(LocalGalleries(line));
    EnterAndEdit(line, VisiblePhotos(line, session), files);
    REQUIRE(WaitUntil(
        [&] {
          before = VisiblePhotos(line, session);
          return before.at(files[0].filename()).metadata().title() == "entered by us" &&
                 before.at(files[1].filename()).edit().has_crop();
        },
        seconds(60)));
    sent_bytes = line.WaitForPhotos(kPhotos).sent_bytes();
  }
  // A record is some hundred bytes; the smallest proof is a hundred times as much.
  void CheckSentNextToNothing(std::int64_t since) const {
    const std::int64_t sent = line.StudioStatus().sent_bytes() - since;
    INFO(sent << " bytes were sent, " << sent_bytes << " the first time");
    CHECK(sent < kPhotos * 2'000);
    CHECK(sent * 20 < sent_bytes);
  }

  Line line;
  std::vector<fs::path> files;
  std::string session;
  std::map<std::string, v1::Photo> before;
  std::int64_t sent_bytes = 0;
};

}  // namespace

TEST_CASE("a studio that has lost its catalog takes its photos and orders up where they were") {
  School school;
  Line& line = school.line;
  const std::vector<Wish> printed = {WishFor(school.before, school.files[2], false)};
  const std::string done = PlaceOrder(line, school.session, "printed", printed).name();
  line.WaitForOrder(school.session, done, v1::ORDER_STATE_COMPLETED);

  CHECK(line.Stop(Part::kStudio) == 0);
  const std::vector<Wish> open = {WishFor(school.before, school.files[0], true),
                                  WishFor(school.before, school.files[3], false)};
  const std::string order = PlaceOrder(line, school.session, "open", open).name();
  fs::remove_all(line.state(Part::kStudio) / "catalog");

  SECTION("the daemon is killed when the host has told it of its photos") {
    line.SetEnvironment(Part::kStudio, {"PROOFLINE_KILL_POINT=studio.rebuild.remembered"});
    try {
      line.Start(Part::kStudio);
    } catch (const std::runtime_error&) {
      // It may die before it is ready.
    }
    CHECK(line.WaitForEnd(Part::kStudio, seconds(60)) == 128 + SIGKILL);
    line.SetEnvironment(Part::kStudio, {});
    line.Start(Part::kStudio);
  }
  SECTION("the host is away at first") {
    CHECK(line.Stop(Part::kHost) == 0);
    line.Start(Part::kStudio);
    REQUIRE(WaitUntil([&] { return line.StudioStatus().rendered() == kPhotos; }, seconds(120)));
    CHECK(line.StudioStatus().catalog_message() != "");
    line.Start(Part::kHost);
  }
  REQUIRE(WaitUntil(
      [&] {
        return line.StudioStatus().published() == kPhotos &&
               line.StudioStatus().catalog_message().empty();
      },
      seconds(120)));
  school.CheckSentNextToNothing(0);
  CheckSame(school.before, VisiblePhotos(line, school.session));
  const auto local = LocalPhotos(line, v1::LOCAL_PHOTO_STATE_PUBLISHED);
  CHECK(local.at(school.files[0].filename()).photo().metadata().fields().at("class") == "4b");
  CHECK(local.at(school.files[1].filename()).photo().edit().crop().width() == 0.5);
  CHECK(LocalPhotos(line, v1::LOCAL_PHOTO_STATE_MISSING).empty());

  line.WaitForOrder(school.session, order, v1::ORDER_STATE_COMPLETED);
  std::vector<Wish> all = printed;
  all.insert(all.end(), open.begin(), open.end());
  CHECK(JudgePages(line.Pages(), all) == "");
}

TEST_CASE("an order that is at the lab while the catalog is lost comes back to the customer") {
  School school;
  Line& line = school.line;
  const std::vector<Wish> wishes = {WishFor(school.before, school.files[2], true),
                                    WishFor(school.before, school.files[4], false)};
  // The lab has the job, and the daemon dies without having heard of its end.
  line.SetEnvironment(Part::kStudio, {"PROOFLINE_KILL_POINT=studio.lab.job_closed"});
  CHECK(line.Stop(Part::kStudio) == 0);
  line.Start(Part::kStudio);
  const std::string order = PlaceOrder(line, school.session, "at the lab", wishes).name();
  CHECK(line.WaitForEnd(Part::kStudio, seconds(60)) == 128 + SIGKILL);
  REQUIRE(WaitUntil([&] { return line.Pages().size() == 2; }, seconds(120)));

  // What was printed needs its original no longer.
  fs::remove_all(line.state(Part::kStudio) / "catalog");
  fs::remove(line.watched() / "school" / school.files[4].filename());
  line.SetEnvironment(Part::kStudio, {});
  line.Start(Part::kStudio);
  line.WaitForOrder(school.session, order, v1::ORDER_STATE_COMPLETED);
  CHECK(JudgePages(line.Pages(), wishes) == "");
  REQUIRE(WaitUntil([&] { return line.StudioStatus().catalog_message().empty(); }, seconds(60)));
  const auto missing = LocalPhotos(line, v1::LOCAL_PHOTO_STATE_MISSING);
  CHECK(missing.size() == 1);
  CHECK(missing.contains(school.files[4].filename()));
  CheckSame(school.before, VisiblePhotos(line, school.session));
}

TEST_CASE("a catalog is built anew while the daemon runs, and nothing of it is lost") {
  School school;
  Line& line = school.line;
  fs::remove(line.watched() / "school" / school.files[5].filename());
  REQUIRE(WaitUntil([&] { return LocalPhotos(line, v1::LOCAL_PHOTO_STATE_MISSING).size() == 1; },
                    seconds(60)));
  const std::int64_t sent = line.StudioStatus().sent_bytes();
  const RunResult result = Run({fs::path(PROOFLINE_PROGRAMS) / "proofline", "studio", "rebuild",
                                "--yes", "--state", line.state(Part::kStudio)},
                               line.folder(), {}, seconds(180));
  INFO(result.output);
  CHECK(result.exit_code == 0);
  CHECK(result.output.find("9 photos, 9 of them known to the host; 1 that the host has are missing "
                           "here") != std::string::npos);
  line.WaitForPhotos(kPhotos - 1);
  school.CheckSentNextToNothing(sent);
  CheckSame(school.before, VisiblePhotos(line, school.session));
  const auto local = LocalPhotos(line, v1::LOCAL_PHOTO_STATE_PUBLISHED);
  CHECK(local.at(school.files[0].filename()).photo().metadata().title() == "entered by us");
  int copies = 0;
  for (const auto& entry : fs::directory_iterator(line.state(Part::kStudio))) {
    copies += entry.path().filename().string().starts_with("catalog-before-") ? 1 : 0;
  }
  CHECK(copies == 1);
  // It goes on as ever.
  Bring(line, "school", {school.files[5]});
  line.WaitForPhotos(kPhotos);
  CheckSame(school.before, VisiblePhotos(line, school.session));
}

}  // namespace proofline::test
