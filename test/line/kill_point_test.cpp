// Each daemon dies right after each of its durable steps, and the line goes on after a restart as
// if nothing had happened.
#include <fstream>

#include "lib/rpc/channel.h"
#include "test/catch.h"
#include "test/line/shoot.h"

namespace proofline::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr Size k4x6{1200, 1800};

// The points that one photo on its way to the customer and one print on its way to paper pass,
// daemon by daemon; see base::KillPoint.
const std::vector<std::string> kStudioPoints = {
    "studio.catalog.recorded",     "studio.catalog.updated",  "studio.render.stored",
    "studio.render.failed",        "studio.publish.sent",     "studio.publish.acknowledged",
    "studio.order.recorded",       "studio.lab.job_opened",   "studio.lab.original_sent",
    "studio.lab.job_closed",       "studio.lab.job_followed", "studio.progress.sent",
    "studio.progress.lab_reported"};
const std::vector<std::string> kHostPoints = {"host.publish.committed", "host.order.created",
                                              "host.order.changed"};
const std::vector<std::string> kLabPoints = {"lab.intake.created",
                                             "lab.upload.chunk",
                                             "transfer.receive.written",
                                             "transfer.receive.synced",
                                             "transfer.receive.verified",
                                             "transfer.receive.renamed",
                                             "lab.upload.complete",
                                             "lab.intake.closed",
                                             "lab.print.assigned",
                                             "lab.print.page_written",
                                             "lab.print.rendered",
                                             "lab.print.intent",
                                             "lab.print.creating",
                                             "lab.print.created",
                                             "lab.print.sending",
                                             "lab.print.written",
                                             "lab.print.sent",
                                             "lab.print.completed",
                                             "lab.print.printed",
                                             "lab.job.printed",
                                             "lab.job.completed"};

// Good photographs, each large enough for a page, as many as there are points.
std::vector<fs::path> GoodPhotographs(const fs::path& scratch, size_t count) {
  std::vector<fs::path> good;
  for (const fs::path& file : Photographs({"camera"}, scratch)) {
    const std::optional<Size> size = UprightSize(file);
    if (size.has_value() && size->width >= 640 && size->height >= 480) good.push_back(file);
    if (good.size() == count) break;
  }
  return good;
}

// One photo and one print through a line of which one part is to die at a point.
class Passage {
 public:
  Passage(Line& line, Part part, const std::string& point) : line_(line), part_(part) {
    line_.Stop(part_);
    line_.SetEnvironment(part_, {"PROOFLINE_KILL_POINT=" + point});
    try {
      line_.Start(part_);
    } catch (const std::runtime_error&) {
      // It may die before it is ready; anything else shows below.
    }
    line_.SetEnvironment(part_, {});
  }

  bool died() const { return died_; }

  // Puts the part back on its feet when it has died.
  void Revive() {
    if (line_.running(part_)) return;
    CHECK(line_.WaitForEnd(part_, seconds(1)) == 128 + SIGKILL);
    CHECK_FALSE(died_);
    died_ = true;
    line_.Start(part_);
  }

  // Again and again until it is true; what a dying part interrupts counts as not yet.
  bool Until(const std::function<bool()>& done) {
    std::string trouble;
    const bool reached = WaitUntil(
        [&] {
          Revive();
          try {
            return done();
          } catch (const std::runtime_error& error) {
            trouble = error.what();
            return false;
          }
        },
        seconds(120));
    if (!reached) {
      UNSCOPED_INFO("the last trouble: " << trouble);
      for (const Part part : {Part::kHost, Part::kLab, Part::kStudio}) {
        UNSCOPED_INFO(line_.Log(part));
      }
    }
    return reached;
  }

 private:
  Line& line_;
  const Part part_;
  bool died_ = false;
};

void SetTitle(const Line& line, const std::string& photo, const std::string& title) {
  v1::UpdateLocalPhotoRequest request;
  request.mutable_photo()->set_name(photo);
  request.mutable_photo()->mutable_metadata()->set_title(title);
  request.mutable_update_mask()->add_paths("metadata.title");
  grpc::ClientContext context;
  rpc::WithDeadline(context, seconds(10));
  v1::LocalPhoto changed;
  const grpc::Status status = line.Studio()->UpdateLocalPhoto(&context, request, &changed);
  if (!status.ok()) throw std::runtime_error(status.error_message());
}

void DieAtEach(Part part, const std::vector<std::string>& points) {
  StartVips("test_line");
  Line line;
  const std::vector<fs::path> files = GoodPhotographs(line.folder() / "own", points.size());
  REQUIRE_FALSE(files.empty());
  line.StartAll();
  std::vector<Wish> printed;
  for (size_t i = 0; i < points.size(); ++i) {
    INFO(points[i]);
    const std::string folder = "day-" + std::to_string(i);
    const fs::path file = files[i % files.size()];
    Passage passage(line, part, points[i]);
    // A broken file too: its failure is a durable step of its own. It is unlike all others.
    fs::create_directories(line.watched() / folder);
    std::ofstream(line.watched() / folder / ("broken-" + std::to_string(i) + ".jpg"))
        << ReadText(file).substr(0, 5000 + i);
    // The same photograph in a second folder would be a second place of the same photo.
    fs::copy_file(file, line.watched() / folder / (std::to_string(i) + file.extension().string()));

    std::string session;
    std::map<std::string, v1::Photo> photos;
    const std::string name = std::to_string(i) + file.extension().string();
    REQUIRE(passage.Until([&] {
      session = line.SignInWithGalleries(LocalGalleries(line));
      photos = VisiblePhotos(line, session, 100);
      return photos.count(name) == 1;
    }));
    REQUIRE(passage.Until([&] {
      SetTitle(line, photos.at(name).name(), points[i]);
      return VisiblePhotos(line, session, 100).at(name).metadata().title() == points[i];
    }));
    Wish wish;
    wish.photo = photos.at(name);
    wish.original = file;
    wish.product = "4x6";
    wish.page = k4x6;
    wish.part = PartOfShape(wish.photo, k4x6, 0, 0.5);
    std::string order;
    REQUIRE(passage.Until([&] {
      order = PlaceOrder(line, session, "order-" + std::to_string(i), {wish}).name();
      return true;
    }));
    REQUIRE(passage.Until([&] {
      ActAsOperator(line, {wish});
      return StateOf(line, session, order) == v1::ORDER_STATE_COMPLETED;
    }));
    // A step that comes after the order is complete in the customer's eyes.
    REQUIRE(passage.Until([&] { return passage.died(); }));
    printed.push_back(wish);
    CHECK(LocalPhotos(line, v1::LOCAL_PHOTO_STATE_FAILED).size() == i + 1);
  }
  CHECK(JudgePages(line.Pages(), printed) == "");
}

// A call of the lab's operator; throws while the lab is away.
template <typename Request, typename Response>
void Operate(const Line& line,
             grpc::Status (v1::LabControlService::Stub::*method)(grpc::ClientContext*,
                                                                 const Request&, Response*),
             const std::string& name) {
  const auto lab = line.Lab();
  grpc::ClientContext context;
  rpc::WithDeadline(context, seconds(10));
  Request request;
  request.set_name(name);
  Response response;
  const grpc::Status status = (lab.get()->*method)(&context, request, &response);
  if (!status.ok()) throw std::runtime_error(status.error_message());
}

// The lab's only job that is not over, with its item in this state; throws while there is none.
v1::Job JobWithItem(const Line& line, v1::ItemState state) {
  const auto lab = line.Lab();
  grpc::ClientContext context;
  rpc::WithDeadline(context, seconds(10));
  v1::ListJobsResponse jobs;
  const grpc::Status status = lab->ListJobs(&context, {}, &jobs);
  if (!status.ok()) throw std::runtime_error(status.error_message());
  for (const v1::Job& job : jobs.jobs()) {
    if (job.items_size() == 1 && job.items(0).state() == state) return job;
  }
  throw std::runtime_error("no item is in that state");
}

struct Ordered {
  std::string session;
  std::string order;
  Wish wish;
};

// One photograph brought and ordered.
Ordered OrderOne(Line& line, const fs::path& file) {
  fs::create_directories(line.watched() / "day");
  fs::copy_file(file, line.watched() / "day" / file.filename());
  line.WaitForPhotos(1);
  Ordered ordered;
  ordered.session = line.SignInWithGalleries(LocalGalleries(line));
  ordered.wish.photo = VisiblePhotos(line, ordered.session).at(file.filename());
  ordered.wish.original = file;
  ordered.wish.product = "4x6";
  ordered.wish.page = k4x6;
  ordered.wish.part = PartOfShape(ordered.wish.photo, k4x6, 0, 0.5);
  ordered.order = PlaceOrder(line, ordered.session, "one", {ordered.wish}).name();
  return ordered;
}

}  // namespace

TEST_CASE("the lab may die after it has taken a cancellation") {
  StartVips("test_line");
  Line line;
  line.StartAll();
  Passage passage(line, Part::kLab, "lab.intake.cancelled");
  Operate(line, &v1::LabControlService::Stub::PausePrinter, "printers/photo");
  const Ordered one = OrderOne(line, GoodPhotographs(line.folder() / "own", 1).at(0));
  REQUIRE(passage.Until([&] {
    JobWithItem(line, v1::ITEM_STATE_READY);
    return true;
  }));
  v1::CancelOrderRequest request;
  request.set_name(one.order);
  grpc::ClientContext context;
  rpc::WithDeadline(context, seconds(10));
  v1::Order answer;
  REQUIRE(line.Storefront(one.session)->CancelOrder(&context, request, &answer).ok());
  REQUIRE(passage.Until([&] {
    JobWithItem(line, v1::ITEM_STATE_CANCELLED);
    return passage.died();
  }));
  Operate(line, &v1::LabControlService::Stub::ResumePrinter, "printers/photo");
  CHECK(StateOf(line, one.session, one.order) == v1::ORDER_STATE_CANCELLED);
  CHECK(line.Pages().empty());
}

TEST_CASE("the lab may die after its operator has held an item") {
  StartVips("test_line");
  Line line;
  line.StartAll();
  Passage passage(line, Part::kLab, "lab.operator.done");
  Operate(line, &v1::LabControlService::Stub::PausePrinter, "printers/photo");
  const Ordered one = OrderOne(line, GoodPhotographs(line.folder() / "own", 1).at(0));
  std::string job;
  REQUIRE(passage.Until([&] {
    job = JobWithItem(line, v1::ITEM_STATE_READY).name();
    return true;
  }));
  // The answer is lost with the lab, the operator's decision is not.
  CHECK_THROWS(Operate(line, &v1::LabControlService::Stub::HoldJob, job));
  REQUIRE(passage.Until([&] {
    JobWithItem(line, v1::ITEM_STATE_HELD);
    return passage.died();
  }));
  Operate(line, &v1::LabControlService::Stub::ResumePrinter, "printers/photo");
  Operate(line, &v1::LabControlService::Stub::ReleaseJob, job);
  line.WaitForOrder(one.session, one.order, v1::ORDER_STATE_COMPLETED);
  CHECK(JudgePages(line.Pages(), {one.wish}) == "");
}

TEST_CASE("the studio daemon may die after any of its durable steps") {
  DieAtEach(Part::kStudio, kStudioPoints);
}

TEST_CASE("the host may die after any of its durable steps") {
  DieAtEach(Part::kHost, kHostPoints);
}

TEST_CASE("the lab may die after any of its durable steps") { DieAtEach(Part::kLab, kLabPoints); }

}  // namespace proofline::test
