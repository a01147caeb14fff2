// Orders that an older catalog had heard of, as the host tells them to a new one.
#include "daemon/told_share.h"

#include "test/daemon/order_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;

pb::OrderEvent ToldOrder(pb::OrderState state, pb::JobState job, pb::ItemState line) {
  pb::OrderEvent event = OrderOf(state, 7, {{"a", "1"}});
  event.mutable_order()->mutable_lines(0)->set_state(line);
  pb::OrderShare& share = *event.mutable_order()->add_shares();
  share.set_device("studios/demo/devices/front-desk");
  share.set_lab("studios/demo/labs/colour-lab");
  share.set_revision(12);
  share.set_state(job);
  share.set_job("jobs/7");
  return event;
}

pb::Job JobAt(pb::JobState state) {
  pb::Job job;
  job.set_name("jobs/7");
  job.set_order(kOrder);
  job.set_device("studios/demo/devices/front-desk");
  job.set_state(state);
  job.set_revision(3);
  job.add_items()->set_line_number(1);
  job.mutable_items(0)->set_state(pb::ITEM_STATE_PRINTED);
  return job;
}

TEST_CASE("an order that is done is not brought to the lab again by a new catalog") {
  Studio studio;
  auto book = OpenBook(studio);
  REQUIRE(book->RecordOrder(ToldOrder(pb::ORDER_STATE_COMPLETED, pb::JOB_STATE_COMPLETED,
                                      pb::ITEM_STATE_PRINTED))
              .ok());
  CHECK(book->SharesToSend("colour-lab")->empty());
  CHECK(book->UnreportedShares(10)->empty());
}

TEST_CASE("a share that the host has heard of goes on where the lab is, with later revisions") {
  Studio studio;
  auto book = OpenBook(studio);
  REQUIRE(book->RecordOrder(ToldOrder(pb::ORDER_STATE_PRINTING, pb::JOB_STATE_PRINTING,
                                      pb::ITEM_STATE_PRINTING))
              .ok());
  const auto shares = book->SharesToSend("colour-lab");
  REQUIRE(shares->size() == 1);
  CHECK(shares->at(0).phase() == record::SHARE_PHASE_ASKING);
  CHECK(shares->at(0).job() == "jobs/7");
  CHECK(book->UnreportedShares(10)->empty());

  SECTION("the lab says how far it is") {
    REQUIRE(book->RecordJob("colour-lab", JobAt(pb::JOB_STATE_COMPLETED), 0).ok());
    CHECK(book->SharesToSend("colour-lab")->empty());
    const auto reports = book->UnreportedShares(10);
    REQUIRE(reports->size() == 1);
    CHECK(reports->at(0).revision() == 13);
    CHECK(reports->at(0).state() == pb::JOB_STATE_COMPLETED);
  }
  SECTION("the lab does not know the job, which may have been printed") {
    REQUIRE(book->ForgetJob(shares->at(0)).ok());
    CHECK(book->SharesToSend("colour-lab")->empty());
    CHECK(book->UnreportedShares(10)->at(0).state_message().find("which pages came out") !=
          std::string::npos);
  }
}

TEST_CASE("a job that the lab has lost before it printed anything is brought there again") {
  Studio studio;
  auto book = OpenBook(studio);
  REQUIRE(book->RecordOrder(
                  ToldOrder(pb::ORDER_STATE_AT_LAB, pb::JOB_STATE_RECEIVED, pb::ITEM_STATE_WAITING))
              .ok());
  REQUIRE(book->ForgetJob(book->SharesToSend("colour-lab")->at(0)).ok());
  REQUIRE(book->SharesToSend("colour-lab")->size() == 1);
  CHECK(book->SharesToSend("colour-lab")->at(0).phase() == record::SHARE_PHASE_NEW);
}

TEST_CASE("a share that has failed keeps its reason when its job was taken back") {
  Studio studio;
  auto book = OpenBook(studio);
  REQUIRE(book->RecordOrder([] {
                pb::OrderEvent event =
                    ToldOrder(pb::ORDER_STATE_FAILED, pb::JOB_STATE_FAILED, pb::ITEM_STATE_FAILED);
                event.mutable_order()->add_history()->set_state(pb::ORDER_STATE_TRANSFERRING);
                return event;
              }())
              .ok());
  REQUIRE(book->SharesToSend("colour-lab")->size() == 1);
  REQUIRE(book->RecordJob("colour-lab", JobAt(pb::JOB_STATE_CANCELLED), 0).ok());
  CHECK(book->SharesToSend("colour-lab")->empty());
  CHECK(book->UnreportedShares(10)->empty());
}

}  // namespace
}  // namespace proofline::studio::test
