// The lab killed at every durable step: never two pages without an operator, never a lost item.
#include "test/catch.h"
#include "test/labd/line_printer.h"

namespace proofline::lab {
namespace {

namespace pb = proofline::v1;

using test::LabAndPrinter;
using test::LabProcess;

void KillAndGoOn(const std::string& point) {
  INFO(point);
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start(point);
  line.lab.Bring(LabProcess::Request("7", {line.picture}), {line.picture});
  INFO(line.lab.log());
  REQUIRE(line.lab.process().Wait(std::chrono::seconds(60)) == 128 + SIGKILL);
  line.lab.Start();
  // A device that got no answer asks again; the lab knows the job if it had taken it.
  const std::string name = line.lab.Bring(LabProcess::Request("7", {line.picture}), {line.picture});
  const pb::Job job = line.lab.WaitUntil(name, [](const pb::Job& now) {
    return now.state() == pb::JOB_STATE_COMPLETED || now.state() == pb::JOB_STATE_HELD;
  });
  CHECK(job.state() == pb::JOB_STATE_COMPLETED);
  CHECK(line.PagesOf("7") == 1);
}

TEST_CASE("the lab killed while a job comes in takes it once") {
  for (const char* point :
       {"lab.intake.created", "lab.upload.chunk", "lab.upload.complete", "lab.intake.closed"}) {
    KillAndGoOn(point);
  }
}

TEST_CASE("the lab killed while a page is rendered prints it once") {
  for (const char* point : {"lab.print.assigned", "lab.print.page_written", "lab.print.rendered"}) {
    KillAndGoOn(point);
  }
}

TEST_CASE("the lab killed before a document is sent prints it once") {
  for (const char* point :
       {"lab.print.intent", "lab.print.creating", "lab.print.created", "lab.print.sending"}) {
    KillAndGoOn(point);
  }
}

TEST_CASE("the lab killed while the page is in the printer prints it once") {
  for (const char* point : {"lab.print.written", "lab.print.sent", "lab.print.completed"}) {
    KillAndGoOn(point);
  }
}

TEST_CASE("the lab killed after the page is printed prints it once") {
  for (const char* point : {"lab.print.printed", "lab.job.printed", "lab.job.completed"}) {
    KillAndGoOn(point);
  }
}

TEST_CASE("the lab killed between copies into a folder writes each of them once") {
  test::TempDir folder;
  LabProcess lab(folder / "lab",
                 "[[printer]]\nid = \"files\"\nkind = \"file\"\nfolder = \"out\"\n" +
                     test::ProductTable("p4x6", "4x6in", "\"files\""));
  lab.Start("lab.print.file:2");
  const std::string picture = test::Picture(300, 200);
  const std::string name = lab.Bring(LabProcess::Request("7", {picture}, "p4x6", 3), {picture});
  REQUIRE(lab.process().Wait(std::chrono::seconds(60)) == 128 + SIGKILL);
  lab.Start();
  CHECK(lab.WaitForState(name, pb::JOB_STATE_COMPLETED).state() == pb::JOB_STATE_COMPLETED);
  int pages = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder / "lab/out")) {
    pages += file.path().extension() == ".jpg" ? 1 : 0;
  }
  CHECK(pages == 3);
}

TEST_CASE("the lab and the printer both gone while a page prints leave it to the operator") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start("lab.print.sent");
  const std::string name = line.lab.Bring(LabProcess::Request("7", {line.picture}), {line.picture});
  REQUIRE(line.lab.process().Wait(std::chrono::seconds(60)) == 128 + SIGKILL);
  line.printer.Kill();
  line.printer.Start();
  line.lab.Start();
  const pb::Job job = line.lab.WaitForState(name, pb::JOB_STATE_HELD);
  CHECK(job.state() == pb::JOB_STATE_HELD);
  CHECK(job.items(0).state_message().find("cannot know") != std::string::npos);
  CHECK(line.PagesOf("7") <= 1);
}

TEST_CASE("the lab killed before the document, and the printer restarted, hold or print once") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start("lab.print.created");
  const std::string name = line.lab.Bring(LabProcess::Request("7", {line.picture}), {line.picture});
  REQUIRE(line.lab.process().Wait(std::chrono::seconds(60)) == 128 + SIGKILL);
  line.printer.Kill();
  line.lab.Start();
  line.printer.Start();
  const pb::Job job = line.lab.WaitForState(name, pb::JOB_STATE_HELD);
  CHECK(job.state() == pb::JOB_STATE_HELD);
  CHECK(line.PagesOf("7") == 0);
}

TEST_CASE("the lab stopped while a page prints ends at once and follows it after the restart") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start();
  line.printer.Stall(true);
  const std::vector<std::string> pictures(3, line.picture);
  const std::string name = line.lab.Bring(LabProcess::Request("7", pictures), {line.picture});
  REQUIRE(test::Eventually([&] { return line.PagesOf("7") == 1; }));
  CHECK(line.lab.Stop() == 0);
  line.lab.Start();
  line.printer.Stall(false);
  CHECK(line.lab.WaitForState(name, pb::JOB_STATE_COMPLETED).state() == pb::JOB_STATE_COMPLETED);
  CHECK(line.PagesOf("7") == 3);
}

TEST_CASE("the lab killed again and again prints every page of a job once") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start();
  const std::vector<std::string> pictures(6, line.picture);
  const std::string name = line.lab.Bring(LabProcess::Request("7", pictures), {line.picture});
  for (int pages = 1; pages <= 4; ++pages) {
    REQUIRE(test::Eventually([&] { return line.PagesOf("7") >= pages; }));
    line.lab.Kill();
    line.lab.Start();
  }
  const pb::Job job = line.lab.WaitUntil(name, [](const pb::Job& now) {
    return now.state() == pb::JOB_STATE_COMPLETED || now.state() == pb::JOB_STATE_HELD;
  });
  int held = 0;
  for (const pb::Item& item : job.items()) held += item.state() == pb::ITEM_STATE_HELD ? 1 : 0;
  const int pages = line.PagesOf("7");
  // A page whose document was on its way when the lab died may be held; no other page is missing,
  // and none came twice.
  CHECK(pages <= 6);
  CHECK(pages + held >= 6);
  std::set<std::string> lines;
  for (const auto& page : line.printer.Pages()) lines.insert(page.job_name.substr(0, 4));
  CHECK(static_cast<int>(lines.size()) == pages);
}

}  // namespace
}  // namespace proofline::lab
