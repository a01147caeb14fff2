#include "labd/file_printer.h"

#include <set>

#include "lib/base/file.h"
#include "test/catch.h"
#include "test/process.h"
#include "test/temp_dir.h"

namespace proofline::lab {
namespace {

class NoLog : public SubmissionLog {
 public:
  absl::Status Record(const record::Submission&) override { return absl::OkStatus(); }
  void Report(const PrinterHealth& health) override { reported = health; }
  PrinterHealth reported;
};

// Keeps what was stored; the process "dies" when it is to store `dies_at`.
class CrashLog : public SubmissionLog {
 public:
  explicit CrashLog(record::Submission::Step dies_at) : dies_at_(dies_at) {}
  absl::Status Record(const record::Submission& submission) override {
    if (submission.step() == dies_at_) {
      stop.request_stop();
      return absl::UnavailableError("dead");
    }
    stored = submission;
    return absl::OkStatus();
  }
  void Report(const PrinterHealth&) override {}
  record::Submission stored;
  std::stop_source stop;

 private:
  const record::Submission::Step dies_at_;
};

struct Setup {
  test::TempDir folder;
  Product product;
  PrintTicket ticket;
  NoLog log;

  Setup() {
    product.id = "p4x6";
    product.paper = {101'600, 152'400};
    REQUIRE(base::WriteFileDurably(folder / "page.jpg", "the page").ok());
    ticket = {"demo", "7", 2, "item-a", &product, folder / "page.jpg", 1, 3};
  }
  PrintOutcome Print(FilePrinter& printer, int copies) {
    record::Submission submission;
    submission.set_copies(copies);
    return printer.Print(ticket, submission, false, log, {});
  }
};

// Of what people see in a folder.
std::set<std::string> Names(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const std::string name = file.path().filename().string();
    if (!name.starts_with(".")) names.insert(name);
  }
  return names;
}

TEST_CASE("each copy becomes a file beside a ticket that says what it is") {
  Setup setup;
  FilePrinter printer(setup.folder / "out");
  CHECK(*printer.Prepare(setup.product, {}) >= 3);
  CHECK(setup.Print(printer, 3).result == PrintResult::kPrinted);
  for (const char* name : {"7-2-1.jpg", "7-2-2.jpg", "7-2-3.jpg"}) {
    CHECK(test::ReadText(setup.folder / "out" / name) == "the page");
  }
  const std::string ticket = test::ReadText(setup.folder / "out" / "7-2.json");
  CHECK(ticket.find("\"paper\": \"4x6in\"") != std::string::npos);
  CHECK(ticket.find("\"width_px\": 1200") != std::string::npos);
}

TEST_CASE("printing again after a crash gives the same files") {
  Setup setup;
  FilePrinter printer(setup.folder / "out");
  setup.Print(printer, 2);
  setup.Print(printer, 2);
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(setup.folder / "out")) {
    files += file.is_regular_file() ? 1 : 0;
  }
  CHECK(files == 3);
}

TEST_CASE("what was taken from the folder before a crash does not come again") {
  Setup setup;
  FilePrinter printer(setup.folder / "out");
  CrashLog log(record::Submission::STEP_SENT);
  log.stored.set_copies(2);
  CHECK(printer.Print(setup.ticket, log.stored, false, log, log.stop.get_token()).result ==
        PrintResult::kInterrupted);
  CHECK(Names(setup.folder / "out") == std::set<std::string>{"7-2-1.jpg", "7-2-2.jpg", "7-2.json"});
  std::filesystem::remove(setup.folder / "out/7-2.json");
  std::filesystem::remove(setup.folder / "out/7-2-1.jpg");
  // The crash may as well have come before the second copy was shown.
  std::filesystem::rename(setup.folder / "out/7-2-2.jpg", setup.folder / "out/.item-a-2.part");
  CHECK(printer.Print(setup.ticket, log.stored, true, setup.log, {}).result ==
        PrintResult::kPrinted);
  CHECK(Names(setup.folder / "out") == std::set<std::string>{"7-2-2.jpg"});
}

TEST_CASE("what a crash leaves before anything was shown is shown once, all of it") {
  Setup setup;
  FilePrinter printer(setup.folder / "out");
  CrashLog log(record::Submission::STEP_CREATED);
  log.stored.set_copies(2);
  printer.Print(setup.ticket, log.stored, false, log, log.stop.get_token());
  CHECK(Names(setup.folder / "out").empty());
  CHECK(printer.Print(setup.ticket, log.stored, true, setup.log, {}).result ==
        PrintResult::kPrinted);
  CHECK(Names(setup.folder / "out").size() == 3);
  CHECK_FALSE(std::filesystem::exists(setup.folder / "out/.item-a-mark.part"));
}

TEST_CASE("an empty folder in the place of the one that was written to is for a person to judge") {
  Setup setup;
  FilePrinter printer(setup.folder / "out");
  CrashLog log(record::Submission::STEP_SENT);
  log.stored.set_copies(1);
  printer.Print(setup.ticket, log.stored, false, log, log.stop.get_token());
  std::filesystem::rename(setup.folder / "out", setup.folder / "unmounted");
  std::filesystem::create_directory(setup.folder / "out");
  CHECK(printer.Print(setup.ticket, log.stored, true, setup.log, {}).result ==
        PrintResult::kUnknown);
}

TEST_CASE("an order of the same number from another studio overwrites nothing") {
  Setup setup;
  FilePrinter printer(setup.folder / "out");
  setup.Print(printer, 1);
  REQUIRE(base::WriteFileDurably(setup.folder / "page.jpg", "another page").ok());
  setup.ticket.studio = "other";
  setup.ticket.item = "item-b";
  CHECK(setup.Print(printer, 1).result == PrintResult::kPrinted);
  CHECK(test::ReadText(setup.folder / "out" / "7-2-1.jpg") == "the page");
  CHECK(test::ReadText(setup.folder / "out" / "7-2-item-b-1.jpg") == "another page");
}

TEST_CASE("a folder that cannot be written stops the queue and says so") {
  Setup setup;
  REQUIRE(base::WriteFileDurably(setup.folder / "file", "in the way").ok());
  FilePrinter printer(setup.folder / "file" / "out");
  const PrinterHealth health = printer.Probe({});
  CHECK_FALSE(health.ready);
  CHECK_FALSE(health.message.empty());
  CHECK(absl::IsUnavailable(printer.Prepare(setup.product, {}).status()));
  std::stop_source stop;
  stop.request_stop();
  const PrintOutcome outcome =
      printer.Print(setup.ticket, record::Submission(), false, setup.log, stop.get_token());
  CHECK(outcome.result == PrintResult::kInterrupted);
}

TEST_CASE("a page that has gone from the spool was not printed") {
  Setup setup;
  std::filesystem::remove(setup.folder / "page.jpg");
  FilePrinter printer(setup.folder / "out");
  CHECK(setup.Print(printer, 1).result == PrintResult::kNothingPrinted);
}

}  // namespace
}  // namespace proofline::lab
