#include "daemon/order_book.h"

#include "test/daemon/order_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;

pb::Job JobOf(pb::JobState state, std::int64_t revision, int items,
              const std::string& device = "front-desk") {
  pb::Job job;
  job.set_name("jobs/7");
  job.set_order(kOrder);
  job.set_device("studios/demo/devices/" + device);
  job.set_state(state);
  job.set_revision(revision);
  for (int i = 1; i <= items; ++i) {
    pb::Item& item = *job.add_items();
    item.set_line_number(i);
    item.set_state(state == pb::JOB_STATE_OPEN ? pb::ITEM_STATE_WAITING : pb::ITEM_STATE_PRINTING);
  }
  return job;
}

TEST_CASE("a released order becomes one share for each lab, with this device's lines only") {
  Studio studio;
  auto book = OpenBook(studio);
  const pb::OrderEvent event =
      OrderOf(pb::ORDER_STATE_RELEASED, 5,
              {{"a", "1"}, {"b", "2", "other-lab"}, {"c", "3", "colour-lab", "back-office"}});
  REQUIRE(book->RecordOrder(event).ok());
  book = OpenBook(studio);
  CHECK(book->feed_revision() == 5);
  CHECK(book->open_orders() == 1);
  REQUIRE(book->SharesToSend("colour-lab")->size() == 1);
  CHECK(book->SharesToSend("colour-lab")->at(0).lines_size() == 1);
  CHECK(book->SharesToSend("other-lab")->size() == 1);
  CHECK(book->SharesToSend("third-lab")->empty());
  const auto reports = book->UnreportedShares(10).value();
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].state() == pb::JOB_STATE_OPEN);
  CHECK(reports[0].lab() == "studios/demo/labs/colour-lab");
  REQUIRE(book->ListOrders("", 10)->size() == 1);
  CHECK(book->ListOrders("", 10)->at(0).lines_size() == 2);
  CHECK(book->ListOrders("order1", 10)->empty());

  // Told again, it is the same share.
  REQUIRE(book->RecordOrder(event).ok());
  CHECK(book->SharesToSend("colour-lab")->size() == 1);
  CHECK(book->UnreportedShares(10)->at(0).revision() == reports[0].revision());
}

TEST_CASE("an order that is not released yet, or only tells of the feed, starts nothing") {
  Studio studio;
  auto book = OpenBook(studio);
  REQUIRE(book->RecordOrder(OrderOf(pb::ORDER_STATE_HELD, 1, {{"a", "1"}})).ok());
  CHECK(book->SharesToSend("colour-lab")->empty());
  pb::OrderEvent idle;
  idle.set_revision(9);
  REQUIRE(book->RecordOrder(idle).ok());
  CHECK(book->feed_revision() == 9);
  REQUIRE(book->RecordOrder(OrderOf(pb::ORDER_STATE_RELEASED, 10, {{"a", "1"}})).ok());
  CHECK(book->SharesToSend("colour-lab")->size() == 1);
}

TEST_CASE("a lab that is not configured fails its share with a sentence for the host") {
  Studio studio;
  auto book = OpenBook(studio);
  REQUIRE(book->RecordOrder(OrderOf(pb::ORDER_STATE_RELEASED, 1, {{"a", "1", "nowhere"}})).ok());
  const auto reports = book->UnreportedShares(10).value();
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].state() == pb::JOB_STATE_FAILED);
  CHECK(reports[0].state_message().find("\"nowhere\"") != std::string::npos);
  CHECK(reports[0].lines(0).state() == pb::ITEM_STATE_FAILED);
}

TEST_CASE("the lab's feed moves the share, and every step makes a newer report") {
  Studio studio;
  auto book = OpenBook(studio);
  REQUIRE(book->RecordOrder(OrderOf(pb::ORDER_STATE_RELEASED, 1, {{"a", "1"}})).ok());
  REQUIRE(book->RecordJob("colour-lab", JobOf(pb::JOB_STATE_OPEN, 1, 1), 0).ok());
  CHECK(book->SharesToSend("colour-lab")->at(0).phase() == record::SHARE_PHASE_OPEN);
  const pb::ReportProgressRequest first = book->UnreportedShares(10)->at(0);
  CHECK(first.job() == "jobs/7");
  REQUIRE(book->MarkReported(first).ok());
  CHECK(book->UnreportedShares(10)->empty());

  REQUIRE(book->RecordJob("colour-lab", JobOf(pb::JOB_STATE_PRINTING, 3, 1), 12).ok());
  CHECK(book->SharesToSend("colour-lab")->empty());
  CHECK(book->JobFeedRevision("colour-lab") == 12);
  const pb::ReportProgressRequest second = book->UnreportedShares(10)->at(0);
  CHECK(second.state() == pb::JOB_STATE_PRINTING);
  CHECK(second.lines(0).state() == pb::ITEM_STATE_PRINTING);
  CHECK(second.revision() > first.revision());

  // The late answer to an earlier call says nothing new.
  REQUIRE(book->RecordJob("colour-lab", JobOf(pb::JOB_STATE_RECEIVED, 2, 1), 0).ok());
  CHECK(book->UnreportedShares(10)->at(0).state() == pb::JOB_STATE_PRINTING);

  book = OpenBook(studio);
  CHECK(book->JobFeedRevision("colour-lab") == 12);
  REQUIRE(book->RecordJob("colour-lab", JobOf(pb::JOB_STATE_COMPLETED, 4, 1), 13).ok());
  REQUIRE(book->MarkReported(book->UnreportedShares(10)->at(0)).ok());
  CHECK(book->UnreportedShares(10)->empty());
}

TEST_CASE("another device's job only moves the position in the feed") {
  Studio studio;
  auto book = OpenBook(studio);
  REQUIRE(book->RecordOrder(OrderOf(pb::ORDER_STATE_RELEASED, 1, {{"a", "1"}})).ok());
  const std::int64_t before = book->UnreportedShares(10)->at(0).revision();
  REQUIRE(
      book->RecordJob("colour-lab", JobOf(pb::JOB_STATE_PRINTING, 3, 1, "back-office"), 4).ok());
  CHECK(book->JobFeedRevision("colour-lab") == 4);
  CHECK(book->UnreportedShares(10)->at(0).revision() == before);
  REQUIRE(book->RecordJobFeed("colour-lab", 6).ok());
  CHECK(book->JobFeedRevision("colour-lab") == 6);
}

TEST_CASE("a failed share is taken back from a lab that knows it, and stays failed") {
  Studio studio;
  auto book = OpenBook(studio);
  REQUIRE(book->RecordOrder(OrderOf(pb::ORDER_STATE_RELEASED, 1, {{"a", "1"}, {"b", "2"}})).ok());
  SECTION("the lab does not know it") {
    REQUIRE(book->FailShare(book->SharesToSend("colour-lab")->at(0), "gone", {{2, "gone"}}).ok());
    CHECK(book->SharesToSend("colour-lab")->empty());
  }
  SECTION("the lab has opened the job") {
    REQUIRE(book->RecordJob("colour-lab", JobOf(pb::JOB_STATE_OPEN, 1, 2), 0).ok());
    REQUIRE(book->FailShare(book->SharesToSend("colour-lab")->at(0), "gone", {{2, "gone"}}).ok());
    const auto shares = book->SharesToSend("colour-lab").value();
    REQUIRE(shares.size() == 1);
    CHECK(shares[0].phase() == record::SHARE_PHASE_CANCELLING);
    REQUIRE(book->RecordJob("colour-lab", JobOf(pb::JOB_STATE_CANCELLED, 2, 2), 1).ok());
    REQUIRE(book->FinishCancelled(shares[0]).ok());
    CHECK(book->SharesToSend("colour-lab")->empty());
  }
  const pb::ReportProgressRequest report = book->UnreportedShares(10)->at(0);
  CHECK(report.state() == pb::JOB_STATE_FAILED);
  CHECK(report.state_message() == "gone");
  CHECK(report.lines(0).state() == pb::ITEM_STATE_CANCELLED);
  CHECK(report.lines(1).state() == pb::ITEM_STATE_FAILED);
}

TEST_CASE("a cancelled order is taken back, unless the lab prints already") {
  Studio studio;
  auto book = OpenBook(studio);
  REQUIRE(book->RecordOrder(OrderOf(pb::ORDER_STATE_RELEASED, 1, {{"a", "1"}})).ok());
  REQUIRE(book->RecordJob("colour-lab", JobOf(pb::JOB_STATE_RECEIVED, 2, 1), 2).ok());
  REQUIRE(book->RecordOrder(OrderOf(pb::ORDER_STATE_CANCELLED, 2, {{"a", "1"}})).ok());
  CHECK(book->open_orders() == 0);
  const auto shares = book->SharesToSend("colour-lab").value();
  REQUIRE(shares.size() == 1);
  SECTION("taken back") {
    REQUIRE(book->FinishCancelled(shares[0]).ok());
    CHECK(book->UnreportedShares(10)->at(0).state() == pb::JOB_STATE_CANCELLED);
  }
  SECTION("too late") {
    REQUIRE(book->RefuseCancel(shares[0], "the lab prints already").ok());
    CHECK(book->UnreportedShares(10)->at(0).state() == pb::JOB_STATE_RECEIVED);
    CHECK(book->UnreportedShares(10)->at(0).state_message() == "the lab prints already");
  }
  CHECK(book->SharesToSend("colour-lab")->empty());
}

TEST_CASE("what a lab can make is reported when it is new, and again when asked for") {
  Studio studio;
  auto book = OpenBook(studio);
  pb::Lab lab;
  lab.set_name("studios/demo/labs/colour-lab");
  lab.set_display_name("Colour Lab");
  REQUIRE(book->RecordManifest("colour-lab", lab, false).ok());
  REQUIRE(book->UnreportedLabs()->size() == 1);
  REQUIRE(book->MarkLabReported(lab).ok());
  CHECK(book->UnreportedLabs()->empty());
  REQUIRE(book->RecordManifest("colour-lab", lab, false).ok());
  CHECK(book->UnreportedLabs()->empty());
  REQUIRE(book->RecordManifest("colour-lab", lab, true).ok());
  CHECK(book->UnreportedLabs()->size() == 1);

  // A newer one that comes while the older is on its way is not lost.
  pb::Lab newer = lab;
  newer.set_display_name("Colour Lab Ltd");
  REQUIRE(book->RecordManifest("colour-lab", newer, false).ok());
  REQUIRE(book->MarkLabReported(lab).ok());
  CHECK(book->UnreportedLabs()->size() == 1);
}

}  // namespace
}  // namespace proofline::studio::test
