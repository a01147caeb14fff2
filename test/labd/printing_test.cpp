// The lab with a real IPP printer, which is busy, empty, unplugged, or fails.
#include "test/catch.h"
#include "test/labd/line_printer.h"

namespace proofline::lab {
namespace {

namespace pb = proofline::v1;

using test::LabAndPrinter;
using test::LabProcess;
using test::Picture;

using Stub = pb::LabControlService::Stub;

TEST_CASE(
    "pages reach the printer once, at exactly the product's pixels, however the picture lies") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start();
  const std::vector<std::string> pictures = {Picture(300, 200), Picture(200, 300),
                                             Picture(250, 250)};
  auto request = LabProcess::Request("7", pictures);
  request.mutable_job()->mutable_items(2)->set_product("labs/photo-lab/products/p8x10");
  const std::string name = line.lab.Bring(request, pictures);
  const pb::Job job = line.lab.WaitForState(name, pb::JOB_STATE_COMPLETED);
  REQUIRE(job.state() == pb::JOB_STATE_COMPLETED);
  const auto pages = line.printer.Pages();
  REQUIRE(pages.size() == 3);
  for (const auto& page : pages) {
    const auto size = test::JpegSize(test::ReadText(page.file));
    REQUIRE(size.has_value());
    const bool large = page.job_name.starts_with("7-3-");
    CHECK(*size == (large ? std::pair(2400, 3000) : std::pair(1200, 1800)));
    CHECK(page.copies == 1);
  }
  const auto printers = line.lab.Printers();
  REQUIRE(printers.size() == 1);
  CHECK(printers[0].reachable());
  CHECK(printers[0].kind() == "ipp");
  CHECK(printers[0].waiting_items() == 0);
}

TEST_CASE("copies are the printer's work where it can make them") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start();
  CHECK(line.BringAndWait("7", pb::JOB_STATE_COMPLETED, 120).state() == pb::JOB_STATE_COMPLETED);
  const auto pages = line.printer.Pages();
  REQUIRE(pages.size() == 2);
  CHECK(pages[0].copies == 99);
  CHECK(pages[1].copies == 21);
  CHECK(pages[0].job_name != pages[1].job_name);
}

TEST_CASE("a paper that the printer has not fails the item with what there is") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start();
  const std::string name =
      line.lab.Bring(LabProcess::Request("7", {line.picture}, "square"), {line.picture});
  const pb::Job job = line.lab.WaitForState(name, pb::JOB_STATE_FAILED);
  REQUIRE(job.state() == pb::JOB_STATE_FAILED);
  CHECK(job.items(0).state_message().find("6x6in") != std::string::npos);
  for (const char* paper : {"4x6in", "5x7in", "8x10in"}) {
    CHECK(job.items(0).state_message().find(paper) != std::string::npos);
  }
  CHECK(line.printer.Pages().empty());
}

TEST_CASE("a page that the printer gives up waits for the operator with the printer's words") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start();
  line.printer.Fail(true);
  pb::Job job = line.BringAndWait("7", pb::JOB_STATE_HELD);
  REQUIRE(job.state() == pb::JOB_STATE_HELD);
  CHECK(job.items(0).state_message().find("printer photo gave the page up") != std::string::npos);
  CHECK(line.PagesOf("7") == 1);
  line.printer.Fail(false);
  REQUIRE(line.lab.Operate(&Stub::ReleaseJob, job.name()).ok());
  job = line.lab.WaitForState(job.name(), pb::JOB_STATE_COMPLETED);
  CHECK(job.state() == pb::JOB_STATE_COMPLETED);
  CHECK(line.PagesOf("7") == 2);
}

TEST_CASE("a printer that is not there is waited for") {
  LabAndPrinter line;
  line.lab.Start();
  const std::string name = line.lab.Bring(LabProcess::Request("7", {line.picture}), {line.picture});
  REQUIRE(test::Eventually([&] { return !line.lab.Printers().at(0).reachable(); }));
  const pb::Printer printer = line.lab.Printers().at(0);
  CHECK(printer.state_message().find("cannot be reached") != std::string::npos);
  CHECK(printer.waiting_items() == 1);
  line.printer.Start();
  CHECK(line.lab.WaitForState(name, pb::JOB_STATE_COMPLETED).state() == pb::JOB_STATE_COMPLETED);
  CHECK(line.PagesOf("7") == 1);
}

TEST_CASE("a printer that loses a page by a power cut leaves it to the operator") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start();
  line.printer.Stall(true);
  const std::string name = line.lab.Bring(LabProcess::Request("7", {line.picture}), {line.picture});
  REQUIRE(test::Eventually([&] { return line.PagesOf("7") == 1; }));
  line.printer.Kill();
  REQUIRE(test::Eventually([&] { return !line.lab.Printers().at(0).reachable(); }));
  line.printer.Stall(false);
  line.printer.Start();
  pb::Job job = line.lab.WaitForState(name, pb::JOB_STATE_HELD);
  REQUIRE(job.state() == pb::JOB_STATE_HELD);
  CHECK(job.items(0).state_message().find("cannot know whether this page was printed") !=
        std::string::npos);
  CHECK(line.PagesOf("7") == 1);
  SECTION("who looked and saw the page confirms it") {
    REQUIRE(line.lab.Operate(&Stub::ConfirmPrinted, name + "/items/1").ok());
    CHECK(line.lab.Get(name).state() == pb::JOB_STATE_COMPLETED);
    CHECK(line.PagesOf("7") == 1);
  }
  SECTION("who looked and saw nothing releases it") {
    REQUIRE(line.lab.Operate(&Stub::ReleaseJob, name).ok());
    job = line.lab.WaitForState(name, pb::JOB_STATE_COMPLETED);
    CHECK(job.state() == pb::JOB_STATE_COMPLETED);
    CHECK(line.PagesOf("7") == 2);
  }
}

TEST_CASE("a printer out of paper says so, and goes on when there is some") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start();
  line.printer.TakePaperOut(true);
  const std::string name = line.lab.Bring(LabProcess::Request("7", {line.picture}), {line.picture});
  REQUIRE(test::Eventually(
      [&] { return line.lab.Printers().at(0).state_message() == "out of paper"; }));
  CHECK(line.lab.Get(name).state() == pb::JOB_STATE_PRINTING);
  line.printer.TakePaperOut(false);
  CHECK(line.lab.WaitForState(name, pb::JOB_STATE_COMPLETED).state() == pb::JOB_STATE_COMPLETED);
  CHECK(line.PagesOf("7") == 1);
}

TEST_CASE("pages are rendered ahead of the one that prints, and not more than a few") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start();
  line.printer.Stall(true);
  const std::vector<std::string> pictures(6, line.picture);
  const std::string name = line.lab.Bring(LabProcess::Request("7", pictures), {line.picture});
  const auto count = [](const pb::Job& job, pb::ItemState state) {
    return std::count_if(job.items().begin(), job.items().end(),
                         [&](const pb::Item& item) { return item.state() == state; });
  };
  const pb::Job job = line.lab.WaitUntil(name, [&](const pb::Job& now) {
    return count(now, pb::ITEM_STATE_PRINTING) == 1 && count(now, pb::ITEM_STATE_RENDERED) == 2;
  });
  CHECK(count(job, pb::ITEM_STATE_PRINTING) == 1);
  CHECK(count(job, pb::ITEM_STATE_RENDERED) == 2);
  CHECK(count(job, pb::ITEM_STATE_READY) == 3);
  // What is not in the printer yet can be held and cancelled, what is in it cannot.
  REQUIRE(line.lab.Operate(&Stub::HoldJob, name).ok());
  CHECK(line.lab.Operate(&Stub::HoldJob, name + "/items/1").error_code() ==
        grpc::StatusCode::FAILED_PRECONDITION);
  CHECK(line.lab.Operate(&Stub::CancelLabJob, name + "/items/1").error_code() ==
        grpc::StatusCode::FAILED_PRECONDITION);
  REQUIRE(line.lab.Operate(&Stub::CancelLabJob, name + "/items/6").ok());
  line.printer.Stall(false);
  CHECK(line.lab.WaitForState(name, pb::JOB_STATE_HELD).state() == pb::JOB_STATE_HELD);
  CHECK(line.PagesOf("7") == 1);
  REQUIRE(line.lab.Operate(&Stub::ReleaseJob, name).ok());
  CHECK(line.lab.WaitForState(name, pb::JOB_STATE_COMPLETED).state() == pb::JOB_STATE_COMPLETED);
  CHECK(line.PagesOf("7") == 5);
}

TEST_CASE("a paused printer prints nothing, also after a restart, until it is resumed") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start();
  const auto pause = [&] {
    grpc::ClientContext context;
    pb::PausePrinterRequest request;
    request.set_name("printers/photo");
    pb::Printer printer;
    return line.lab.control().PausePrinter(&context, request, &printer).ok() && printer.paused();
  };
  REQUIRE(pause());
  const std::string name = line.lab.Bring(LabProcess::Request("7", {line.picture}), {line.picture});
  line.lab.Kill();
  line.lab.Start();
  CHECK(line.lab.Printers().at(0).paused());
  CHECK(line.lab.Printers().at(0).waiting_items() == 1);
  CHECK(line.lab.Get(name).state() == pb::JOB_STATE_RECEIVED);
  grpc::ClientContext context, unknown;
  pb::ResumePrinterRequest request;
  pb::Printer printer;
  request.set_name("printers/nothing");
  CHECK(line.lab.control().ResumePrinter(&unknown, request, &printer).error_code() ==
        grpc::StatusCode::NOT_FOUND);
  request.set_name("printers/photo");
  REQUIRE(line.lab.control().ResumePrinter(&context, request, &printer).ok());
  CHECK(line.lab.WaitForState(name, pb::JOB_STATE_COMPLETED).state() == pb::JOB_STATE_COMPLETED);
  CHECK(line.PagesOf("7") == 1);
}

TEST_CASE("what was printed is printed again as a job of the lab's own") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start();
  const pb::Job first = line.BringAndWait("7", pb::JOB_STATE_COMPLETED, 2);
  REQUIRE(first.state() == pb::JOB_STATE_COMPLETED);
  CHECK(line.lab.Operate(&Stub::ReleaseJob, first.name()).error_code() ==
        grpc::StatusCode::FAILED_PRECONDITION);
  pb::Job again;
  REQUIRE(line.lab.Operate(&Stub::Reprint, first.name(), &again).ok());
  CHECK(again.name() != first.name());
  CHECK(line.lab.WaitForState(again.name(), pb::JOB_STATE_COMPLETED).state() ==
        pb::JOB_STATE_COMPLETED);
  CHECK(line.PagesOf("7") == 4);
  // The studio's job is as final as it was, and the studio sees no other.
  CHECK(line.lab.Get(first.name()).revision() == first.revision());
  grpc::ClientContext context;
  pb::GetJobRequest get;
  get.set_name(again.name());
  CHECK(line.lab.intake().GetJob(&context, get, &again).error_code() ==
        grpc::StatusCode::NOT_FOUND);
}

TEST_CASE(
    "two printers of one product share the work, and one that is off leaves it to the other") {
  test::TempDir folder;
  test::PrinterProcess a(folder / "a", PROOFLINE_PRINTER_PROFILE);
  test::PrinterProcess b(folder / "b", PROOFLINE_PRINTER_PROFILE);
  LabProcess lab(folder / "lab", test::PrinterTable("a", a.uri()) +
                                     test::PrinterTable("b", b.uri()) +
                                     test::ProductTable("p4x6", "4x6in", "\"a\", \"b\""));
  a.Start();
  b.Start();
  lab.Start();
  a.Stall(true);
  const std::string picture = Picture(300, 200);
  const std::vector<std::string> pictures(8, picture);
  const std::string name = lab.Bring(LabProcess::Request("7", pictures), {picture});
  REQUIRE(test::Eventually([&] { return !a.Pages().empty() && b.Pages().size() >= 4; }));
  a.Stall(false);
  CHECK(lab.WaitForState(name, pb::JOB_STATE_COMPLETED).state() == pb::JOB_STATE_COMPLETED);
  CHECK(a.Pages().size() + b.Pages().size() == 8);
  a.Kill();
  const std::string next = lab.Bring(LabProcess::Request("8", pictures), {});
  CHECK(lab.WaitForState(next, pb::JOB_STATE_COMPLETED).state() == pb::JOB_STATE_COMPLETED);
  CHECK(a.Pages().size() + b.Pages().size() == 16);
}

TEST_CASE("the operator sees how the lab is, and what it does not serve yet says so") {
  LabAndPrinter line;
  line.printer.Start();
  line.lab.Start();
  line.printer.Fail(true);
  REQUIRE(line.BringAndWait("1", pb::JOB_STATE_HELD).state() == pb::JOB_STATE_HELD);
  line.printer.Fail(false);
  for (const char* order : {"2", "3", "4"}) {
    REQUIRE(line.BringAndWait(order, pb::JOB_STATE_COMPLETED).state() == pb::JOB_STATE_COMPLETED);
  }
  pb::GetLabStatusResponse status;
  grpc::ClientContext context;
  REQUIRE(line.lab.control().GetLabStatus(&context, pb::GetLabStatusRequest(), &status).ok());
  CHECK(status.open_jobs() == 1);
  CHECK(status.held_items() == 1);
  CHECK(status.spool_bytes() > 0);
  CHECK(status.lab().display_name() == "Photo Lab");
  CHECK_FALSE(status.version().empty());
  std::vector<std::string> orders;
  pb::ListJobsRequest list;
  list.set_page_size(3);
  do {
    grpc::ClientContext paging;
    pb::ListJobsResponse page;
    REQUIRE(line.lab.control().ListJobs(&paging, list, &page).ok());
    for (const pb::Job& job : page.jobs()) orders.push_back(job.order().substr(20));
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  CHECK(orders == std::vector<std::string>{"4", "3", "2", "1"});
  grpc::ClientContext day;
  pb::GetDayReportResponse report;
  const auto unserved = line.lab.control().GetDayReport(&day, pb::GetDayReportRequest(), &report);
  CHECK(unserved.error_code() == grpc::StatusCode::UNIMPLEMENTED);
  CHECK(unserved.error_message().find("not served by this version") != std::string::npos);
}

}  // namespace
}  // namespace proofline::lab
