// Every answer that a printer can give to a submission of any step, from a printer that says what
// it is told to say. The real ones are in printing_test and restart_test.
#include "labd/ipp_printer.h"

#include <deque>

#include "labd/ipp_printer_request.h"
#include "test/catch.h"

namespace proofline::lab {
namespace {

using Step = record::Submission;

IppFacts PhotoPrinter() {
  IppFacts facts;
  facts.state = IppFacts::State::kIdle;
  facts.formats = {"application/octet-stream", "image/jpeg"};
  facts.media = {{10160, 10160, 15240, 15240}, {20320, 20320, 25400, 25400}};
  facts.margins_left = facts.margins_right = facts.margins_top = facts.margins_bottom = {0, 300};
  facts.media_types = {"photographic-glossy"};
  facts.print_scalings = {"auto", "none"};
  facts.content_optimizes = {"auto", "photo"};
  facts.qualities = {4, 5};
  facts.max_copies = 9;
  return facts;
}

Product Photo(const std::string& paper = "4x6in") {
  Product product;
  product.id = "photo";
  product.paper = *ParsePaper(paper);
  product.surface = "glossy";
  return product;
}

// Answers from lists; the last answer of a list stays.
class ScriptedClient : public IppClient {
 public:
  absl::StatusOr<IppFacts> GetPrinter(const std::stop_token&) override { return facts; }
  absl::StatusOr<int> CreateJob(const IppJobRequest& asked, const std::stop_token&) override {
    ++created;
    request = asked;
    return Next(creates);
  }
  IppSendResult SendDocument(int, const std::filesystem::path&, const std::string&,
                             const std::function<absl::Status()>& written,
                             const std::stop_token&) override {
    ++sent;
    if (send.status.ok() || write_first) {
      if (const absl::Status stored = written(); !stored.ok()) return {stored, true};
    }
    return send;
  }
  absl::StatusOr<IppJob> GetJob(int, const std::stop_token&) override { return Next(jobs); }
  absl::StatusOr<std::vector<IppJob>> FindJobs(const std::string& name,
                                               const std::stop_token&) override {
    std::vector<IppJob> found;
    for (const IppJob& job : left) {
      if (job.name == name) found.push_back(job);
    }
    return found;
  }
  absl::Status CancelJob(int, const std::stop_token&) override {
    ++cancelled;
    left.clear();
    return absl::OkStatus();
  }

  IppFacts facts = PhotoPrinter();
  std::deque<absl::StatusOr<int>> creates{1};
  std::deque<absl::StatusOr<IppJob>> jobs;
  std::vector<IppJob> left;
  IppSendResult send{absl::OkStatus(), true};
  bool write_first = false;
  IppJobRequest request;
  int created = 0, sent = 0, cancelled = 0;

 private:
  template <typename T>
  static T Next(std::deque<T>& list) {
    T first = list.front();
    if (list.size() > 1) list.pop_front();
    return first;
  }
};

class Steps : public SubmissionLog {
 public:
  absl::Status Record(const record::Submission& submission) override {
    if (failing) return absl::ResourceExhaustedError("the disk is full");
    steps.push_back(submission.step());
    return absl::OkStatus();
  }
  void Report(const PrinterHealth& health) override {
    reported.push_back(health);
    failing = false;
  }
  std::vector<int> steps;
  std::vector<PrinterHealth> reported;
  bool failing = false;
};

IppJob Answer(IppJob::State state, bool began = false, const std::string& name = "7-1-x-1") {
  IppJob job;
  job.id = 1;
  job.name = name;
  job.state = state;
  job.began = began;
  return job;
}

struct Case {
  ScriptedClient* client = new ScriptedClient;  // owned by the printer
  IppPrinter printer{"ipp://printer/", std::unique_ptr<IppClient>(client)};
  Product product = Photo();
  Steps log;

  PrintOutcome Print(Step::Step step, bool resumed) {
    PrintTicket ticket;
    ticket.product = &product;
    record::Submission submission;
    submission.set_step(step);
    submission.set_job_name("7-1-x-1");
    submission.set_copies(2);
    submission.set_document_bytes(10'000);
    if (step > Step::STEP_INTENT) submission.set_printer_job(1);
    return printer.Print(ticket, submission, resumed, log, {});
  }
};

TEST_CASE("a page is printed in steps, each stored before the next") {
  Case c;
  c.client->jobs = {Answer(IppJob::State::kProcessing, true),
                    Answer(IppJob::State::kCompleted, true)};
  CHECK(c.Print(Step::STEP_INTENT, false).result == PrintResult::kPrinted);
  CHECK(c.log.steps == std::vector<int>{Step::STEP_CREATED, Step::STEP_WRITTEN, Step::STEP_SENT});
  CHECK(c.client->request.name == "7-1-x-1");
  CHECK(c.client->request.copies == 2);
  CHECK(c.client->request.media_width == 10160);
  CHECK(c.client->request.media_type == "photographic-glossy");
  CHECK(c.client->request.print_scaling == "none");
  CHECK(c.client->request.content_optimize == "photo");
  CHECK(c.client->request.quality == 5);
}

TEST_CASE("a job without a document that a crash left is cancelled and begun anew") {
  Case c;
  c.client->left = {Answer(IppJob::State::kHeld)};
  CHECK(c.Print(Step::STEP_INTENT, true).result == PrintResult::kNothingPrinted);
  CHECK(c.client->cancelled == 1);
  CHECK(c.client->created == 0);
}

TEST_CASE("an answer that was lost on the way leaves no second job behind") {
  Case c;
  c.client->creates = {absl::UnavailableError("no answer"), 2};
  c.client->left = {Answer(IppJob::State::kHeld)};
  CHECK(c.Print(Step::STEP_INTENT, false).result == PrintResult::kNothingPrinted);
  CHECK(c.client->created == 1);
  CHECK(c.client->cancelled == 1);
  CHECK_FALSE(c.log.reported.empty());
}

TEST_CASE("a busy printer is waited for") {
  Case c;
  c.client->creates = {absl::ResourceExhaustedError("busy"), 2};
  c.client->jobs = {Answer(IppJob::State::kCompleted, true)};
  CHECK(c.Print(Step::STEP_INTENT, false).result == PrintResult::kPrinted);
  CHECK(c.log.reported.front().reachable);
  CHECK_FALSE(c.log.reported.front().ready);
}

TEST_CASE("a step that cannot be stored is not taken") {
  Case c;
  c.log.failing = true;
  c.client->left = {};
  c.client->jobs = {Answer(IppJob::State::kCompleted, true)};
  CHECK(c.Print(Step::STEP_INTENT, false).result == PrintResult::kPrinted);
  // The first job's number was lost, so it was looked for and another one made.
  CHECK(c.client->created == 2);
  CHECK(c.client->sent == 1);
}

TEST_CASE("what the printer will not have is refused with its words") {
  Case c;
  c.client->creates = {absl::InvalidArgumentError("the printer says: no")};
  const PrintOutcome outcome = c.Print(Step::STEP_INTENT, false);
  CHECK(outcome.result == PrintResult::kRefused);
  CHECK(outcome.message == "the printer says: no");
}

TEST_CASE("a paper that the printer has not is refused with what it has") {
  Case c;
  c.product = Photo("5x7in");
  const PrintOutcome outcome = c.Print(Step::STEP_INTENT, false);
  CHECK(outcome.result == PrintResult::kRefused);
  CHECK(outcome.message.find("5x7in") != std::string::npos);
  CHECK(outcome.message.find("4x6in, 8x10in") != std::string::npos);
  CHECK(c.client->created == 0);
}

TEST_CASE("after a crash while sending, only a whole document counts as printed") {
  SECTION("completed, and known to be whole") {
    Case c;
    IppJob job = Answer(IppJob::State::kCompleted, true);
    job.k_octets = 10;
    c.client->jobs = {job};
    CHECK(c.Print(Step::STEP_CREATED, true).result == PrintResult::kPrinted);
  }
  SECTION("completed, and perhaps half a page") {
    Case c;
    c.client->jobs = {Answer(IppJob::State::kCompleted, true)};
    CHECK(c.Print(Step::STEP_CREATED, true).result == PrintResult::kUnknown);
  }
  SECTION("half a page is coming out") {
    Case c;
    c.client->jobs = {Answer(IppJob::State::kProcessing, true)};
    CHECK(c.Print(Step::STEP_CREATED, true).result == PrintResult::kUnknown);
    CHECK(c.client->cancelled == 0);
  }
  SECTION("no document came") {
    Case c;
    c.client->jobs = {Answer(IppJob::State::kHeld), Answer(IppJob::State::kCanceled)};
    CHECK(c.Print(Step::STEP_CREATED, true).result == PrintResult::kNothingPrinted);
    CHECK(c.client->cancelled == 1);
  }
  SECTION("the printer gave the job up itself before anything came out") {
    Case c;
    c.client->jobs = {Answer(IppJob::State::kAborted)};
    CHECK(c.Print(Step::STEP_CREATED, true).result == PrintResult::kNothingPrinted);
  }
  SECTION("somebody cancelled it at the printer") {
    Case c;
    c.client->jobs = {Answer(IppJob::State::kCanceled)};
    CHECK(c.Print(Step::STEP_CREATED, true).result == PrintResult::kStopped);
  }
  SECTION("it waits its turn, perhaps cut short: it is taken back") {
    Case c;
    c.client->jobs = {Answer(IppJob::State::kPending), Answer(IppJob::State::kCanceled)};
    CHECK(c.Print(Step::STEP_CREATED, true).result == PrintResult::kNothingPrinted);
  }
  SECTION("taken back too late") {
    Case c;
    c.client->jobs = {Answer(IppJob::State::kPending), Answer(IppJob::State::kCanceled, true)};
    CHECK(c.Print(Step::STEP_CREATED, true).result == PrintResult::kStopped);
  }
  SECTION("the printer does not know it") {
    Case c;
    c.client->jobs = {absl::NotFoundError("no such job")};
    const PrintOutcome outcome = c.Print(Step::STEP_CREATED, true);
    CHECK(outcome.result == PrintResult::kUnknown);
    CHECK(outcome.message.find("cannot know") != std::string::npos);
  }
  SECTION("the printer has another job by that number") {
    Case c;
    c.client->jobs = {Answer(IppJob::State::kCompleted, true, "9-9-y-1")};
    CHECK(c.Print(Step::STEP_CREATED, true).result == PrintResult::kUnknown);
  }
}

TEST_CASE("after a crash with everything written, the printer's word counts") {
  SECTION("completed") {
    Case c;
    c.client->jobs = {Answer(IppJob::State::kCompleted, true)};
    CHECK(c.Print(Step::STEP_WRITTEN, true).result == PrintResult::kPrinted);
  }
  SECTION("under way") {
    Case c;
    c.client->jobs = {Answer(IppJob::State::kProcessing, true),
                      Answer(IppJob::State::kProcessing, true),
                      Answer(IppJob::State::kCompleted, true)};
    CHECK(c.Print(Step::STEP_WRITTEN, true).result == PrintResult::kPrinted);
    CHECK(c.log.steps == std::vector<int>{Step::STEP_SENT});
  }
  SECTION("it never arrived") {
    Case c;
    IppJob empty = Answer(IppJob::State::kHeld);
    empty.reasons = {"job-data-insufficient"};
    c.client->jobs = {empty, Answer(IppJob::State::kCanceled)};
    CHECK(c.Print(Step::STEP_WRITTEN, true).result == PrintResult::kNothingPrinted);
  }
  SECTION("unknown") {
    Case c;
    c.client->jobs = {absl::NotFoundError("no such job")};
    CHECK(c.Print(Step::STEP_WRITTEN, true).result == PrintResult::kUnknown);
  }
}

TEST_CASE("a page in the printer is followed to its end") {
  SECTION("through silence and waiting") {
    Case c;
    c.client->jobs = {absl::UnavailableError("no answer"), Answer(IppJob::State::kHeld),
                      Answer(IppJob::State::kProcessingStopped, true),
                      Answer(IppJob::State::kCompleted, true)};
    CHECK(c.Print(Step::STEP_SENT, true).result == PrintResult::kPrinted);
    CHECK_FALSE(c.log.reported.front().reachable);
  }
  SECTION("given up by the printer") {
    Case c;
    IppJob aborted = Answer(IppJob::State::kAborted, true);
    aborted.reasons = {"aborted-by-system"};
    aborted.message = "Paper jam.";
    c.client->jobs = {aborted};
    const PrintOutcome outcome = c.Print(Step::STEP_SENT, true);
    CHECK(outcome.result == PrintResult::kStopped);
    CHECK(outcome.message == "Paper jam. (aborted-by-system)");
  }
  SECTION("forgotten by the printer") {
    Case c;
    c.client->jobs = {absl::NotFoundError("no such job")};
    CHECK(c.Print(Step::STEP_SENT, true).result == PrintResult::kUnknown);
  }
  SECTION("completed with errors") {
    Case c;
    IppJob job = Answer(IppJob::State::kCompleted, true);
    job.reasons = {"job-completed-with-errors"};
    c.client->jobs = {job};
    CHECK(c.Print(Step::STEP_SENT, true).result == PrintResult::kStopped);
  }
}

TEST_CASE("a connection that breaks while the page is sent is resolved by asking") {
  SECTION("before the first byte, and the printer was restarted meanwhile") {
    Case c;
    c.client->send = {absl::UnavailableError("no connection"), false};
    c.client->jobs = {absl::NotFoundError("no such job")};
    CHECK(c.Print(Step::STEP_INTENT, false).result == PrintResult::kNothingPrinted);
  }
  SECTION("in the middle, and the printer was restarted meanwhile") {
    Case c;
    c.client->send = {absl::UnavailableError("broken"), true};
    c.client->jobs = {absl::NotFoundError("no such job")};
    CHECK(c.Print(Step::STEP_INTENT, false).result == PrintResult::kUnknown);
  }
  SECTION("after the last byte") {
    Case c;
    c.client->send = {absl::UnavailableError("no answer"), true};
    c.client->write_first = true;
    c.client->jobs = {Answer(IppJob::State::kCompleted, true)};
    CHECK(c.Print(Step::STEP_INTENT, false).result == PrintResult::kPrinted);
  }
}

TEST_CASE("papers are taken within half a millimetre and with the printer's own numbers") {
  IppFacts facts = PhotoPrinter();
  const auto close = RequestFor(Photo("102x152mm"), facts);
  REQUIRE(close.ok());
  CHECK(close->media_width == 10160);
  CHECK(close->media_height == 15240);
  CHECK_FALSE(RequestFor(Photo("103x152mm"), facts).ok());
  CHECK_FALSE(RequestFor(Photo("6x4in"), facts).ok());
  facts.media = {{8000, 33000, 10000, 60000}};
  CHECK(RequestFor(Photo("8x12in"), facts)->media_height == 30480);
  facts.media.clear();
  CHECK(RequestFor(Photo("8x12in"), facts)->media_width == 20320);
}

TEST_CASE("a printer with margins takes only products whose border covers them") {
  IppFacts facts = PhotoPrinter();
  facts.margins_top = {423};
  const auto borderless = RequestFor(Photo(), facts);
  REQUIRE(absl::IsFailedPrecondition(borderless.status()));
  CHECK(std::string(borderless.status().message()).find("edge") != std::string::npos);
  Product bordered = Photo();
  bordered.border_um = 5'000;
  CHECK(RequestFor(bordered, facts)->margin_top == 423);
}

TEST_CASE("a printer that takes no JPEG says what it takes") {
  IppFacts facts = PhotoPrinter();
  facts.formats = {"image/pwg-raster"};
  const auto request = RequestFor(Photo(), facts);
  REQUIRE_FALSE(request.ok());
  CHECK(std::string(request.status().message()).find("image/pwg-raster") != std::string::npos);
}

TEST_CASE("what hinders a printer is said in words") {
  IppFacts facts = PhotoPrinter();
  CHECK(Hindrance(facts).empty());
  facts.reasons = {"media-empty-warning", "marker-supply-low-report"};
  CHECK(Hindrance(facts).empty());
  // A tray is empty, and another one may not be.
  CHECK(HealthOf(facts).ready);
  CHECK(HealthOf(facts).message == "out of paper");
  facts.reasons = {"media-empty-error"};
  CHECK(Hindrance(facts) == "out of paper");
  facts.reasons = {"cover-open"};
  CHECK(Hindrance(facts) == "its cover is open");
  facts.reasons.clear();
  facts.state = IppFacts::State::kStopped;
  facts.message = "Unplugged.";
  CHECK(Hindrance(facts) == "it is stopped: Unplugged.");
  facts.state = IppFacts::State::kIdle;
  facts.accepting = false;
  CHECK_FALSE(Hindrance(facts).empty());
}

}  // namespace
}  // namespace proofline::lab
