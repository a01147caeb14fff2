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

// Where the lab cannot know whether a page was printed it asks its operator, who looks at the
// printer's output.
void ActAsOperator(const Line& line, const std::vector<Wish>& wishes) {
  const auto lab = line.Lab();
  grpc::ClientContext context;
  rpc::WithDeadline(context, seconds(30));
  v1::ListJobsResponse jobs;
  if (!lab->ListJobs(&context, {}, &jobs).ok()) return;
  for (const v1::Job& job : jobs.jobs()) {
    for (const v1::Item& item : job.items()) {
      if (item.state() != v1::ITEM_STATE_HELD) continue;
      const Wish& wish = wishes.at(static_cast<size_t>(item.line_number()) - 1);
      const std::string reference = PageReference(wish.original, wish.part, wish.page, wish.border);
      const std::vector<fs::path> pages = line.Pages();
      const bool printed = std::any_of(pages.begin(), pages.end(), [&](const fs::path& page) {
        return Similarity(ReadText(page), reference) > 0.96;
      });
      grpc::ClientContext answer_context;
      rpc::WithDeadline(answer_context, seconds(30));
      v1::Job answered;
      if (printed) {
        v1::ConfirmPrintedRequest request;
        request.set_name(item.name());
        lab->ConfirmPrinted(&answer_context, request, &answered);
      } else {
        v1::ReleaseJobRequest request;
        request.set_name(item.name());
        lab->ReleaseJob(&answer_context, request, &answered);
      }
    }
  }
}

v1::OrderState StateOf(const Line& line, const std::string& session, const std::string& order) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  rpc::WithDeadline(context, seconds(30));
  v1::GetOrderRequest request;
  request.set_name(order);
  v1::Order response;
  const grpc::Status status = line.Storefront(session)->GetOrder(&context, request, &response);
  return status.ok() ? response.state() : v1::ORDER_STATE_UNSPECIFIED;
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
