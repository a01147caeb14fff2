// Any part of the line may be stopped or killed at any time: nothing is lost and no page is printed
// twice.
#include <algorithm>

#include "lib/rpc/channel.h"
#include "test/catch.h"
#include "test/line/shoot.h"

namespace proofline::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr Size k4x6{1200, 1800};
constexpr Size k8x10{2400, 3000};

enum class Way { kStop, kKill };

void Restart(Line& line, Part part, Way way) {
  if (way == Way::kStop) {
    CHECK(line.Stop(part) == 0);
  } else {
    line.Kill(part);
  }
  line.Start(part);
}

std::vector<Wish> WishesFor(const std::map<std::string, v1::Photo>& photos,
                            const std::vector<fs::path>& files) {
  std::vector<Wish> wishes;
  for (const fs::path& file : files) {
    for (const bool large : {false, true}) {
      Wish wish;
      wish.photo = photos.at(file.filename());
      wish.original = file;
      wish.product = large ? "8x10" : "4x6";
      wish.page = large ? k8x10 : k4x6;
      wish.part = PartOfShape(wish.photo, wish.page, 0, 0.4);
      wishes.push_back(wish);
    }
  }
  return wishes;
}

// The files that every restart test brings: thirty good ones, the largest first.
std::vector<fs::path> ThirtyPhotographs(const fs::path& scratch) {
  std::vector<fs::path> files = Photographs({"camera"}, scratch);
  files.erase(std::remove_if(files.begin(), files.end(),
                             [](const fs::path& file) { return !UprightSize(file).has_value(); }),
              files.end());
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return fs::file_size(a) > fs::file_size(b);
  });
  files.resize(30);
  return files;
}

void FinishOrder(const Line& line, const std::string& session, const std::string& order,
                 const std::vector<Wish>& wishes) {
  const bool completed = WaitUntil(
      [&] {
        ActAsOperator(line, wishes);
        return StateOf(line, session, order) == v1::ORDER_STATE_COMPLETED;
      },
      seconds(180));
  INFO(line.Log(Part::kLab));
  INFO(line.Log(Part::kStudio));
  INFO(line.Log(Part::kHost));
  REQUIRE(completed);
  CHECK(JudgePages(line.Pages(), wishes) == "");
}

}  // namespace

TEST_CASE("stopping or killing any daemon on the way changes nothing") {
  StartVips("test_line");
  const Way way = GENERATE(Way::kStop, Way::kKill);
  INFO((way == Way::kStop ? "by SIGTERM" : "by kill -9"));
  Line line;
  const std::vector<fs::path> files = ThirtyPhotographs(line.folder() / "own");
  line.StartAll();
  Bring(line, "school", files);

  // Each restart waits for a little more to be done, so that it comes in the middle.
  int64_t done = 0;
  for (const Part part : {Part::kStudio, Part::kHost, Part::kStudio, Part::kHost}) {
    done += 5;
    REQUIRE(WaitUntil([&] { return line.StudioStatus().published() >= done; }, seconds(120)));
    Restart(line, part, way);
  }
  const v1::GetStudioStatusResponse status = line.WaitForPhotos(30);
  CHECK(status.published() == 30);
  CHECK(status.failed() == 0);

  const std::string session = line.SignInWithGalleries(LocalGalleries(line));
  const std::map<std::string, v1::Photo> photos = VisiblePhotos(line, session);
  REQUIRE(photos.size() == 30);
  for (const auto& [name, photo] : photos) {
    INFO(name);
    CHECK_FALSE(Fetch(line, session, photo, v1::RENDITION_KIND_PROOF).empty());
  }

  const std::vector<Wish> wishes = WishesFor(photos, {files[0], files[1], files[2]});
  const std::string order = PlaceOrder(line, session, "the one", wishes).name();
  Restart(line, Part::kHost, way);
  // A customer who got no answer asks again: it is the same order.
  CHECK(PlaceOrder(line, session, "the one", wishes).name() == order);
  Restart(line, Part::kStudio, way);
  Restart(line, Part::kLab, way);
  REQUIRE(WaitUntil(
      [&] {
        ActAsOperator(line, wishes);
        return !line.Pages().empty();
      },
      seconds(120)));
  Restart(line, Part::kLab, way);
  Restart(line, Part::kStudio, way);
  Restart(line, Part::kHost, way);
  FinishOrder(line, session, order, wishes);
}

}  // namespace proofline::test
