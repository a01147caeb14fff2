#include <string_view>

#include "hostd/order_rules.h"
#include "lib/rpc/status.h"
#include "test/catch.h"

namespace proofline::host {
namespace {

namespace pb = proofline::v1;

constexpr int kOrderStates = 11;
// In the order of the enums.
constexpr std::string_view kJobLetters = "UORPDCHXF";
const pb::JobState kJobStates[] = {
    pb::JOB_STATE_UNSPECIFIED, pb::JOB_STATE_OPEN,      pb::JOB_STATE_RECEIVED,
    pb::JOB_STATE_PRINTING,    pb::JOB_STATE_PRINTED,   pb::JOB_STATE_COMPLETED,
    pb::JOB_STATE_HELD,        pb::JOB_STATE_CANCELLED, pb::JOB_STATE_FAILED};

pb::OrderState StateOfLetter(char letter) {
  switch (letter) {
    case 'r':
      return pb::ORDER_STATE_RELEASED;
    case 't':
      return pb::ORDER_STATE_TRANSFERRING;
    case 'a':
      return pb::ORDER_STATE_AT_LAB;
    case 'p':
      return pb::ORDER_STATE_PRINTING;
    case 'd':
      return pb::ORDER_STATE_PRINTED;
    case 'c':
      return pb::ORDER_STATE_COMPLETED;
    case 'x':
      return pb::ORDER_STATE_CANCELLED;
    default:
      return pb::ORDER_STATE_FAILED;
  }
}

// Lines 1 and 2 of device d1, line 3 of d2, all at lab l.
pb::Order TwoShares() {
  std::vector<pb::OrderLine> lines(3);
  for (pb::OrderLine& line : lines) {
    line.set_product("studios/s/labs/l/products/p");
    line.set_device("d1");
  }
  lines[2].set_device("d2");
  for (int i = 0; i < 3; ++i) lines[static_cast<std::size_t>(i)].set_line_number(i + 1);
  return AssembleOrder("studios/s/customers/c", lines, "", {});
}

pb::ReportProgressRequest Report(std::int64_t revision, pb::JobState state) {
  pb::ReportProgressRequest report;
  report.set_order("studios/s/orders/o");
  report.set_lab("studios/s/labs/l");
  report.set_revision(revision);
  report.set_state(state);
  return report;
}

void AddLine(pb::ReportProgressRequest& report, int number, pb::ItemState state,
             const std::string& message = "") {
  pb::LineProgress& line = *report.add_lines();
  line.set_line_number(number);
  line.set_state(state);
  line.set_state_message(message);
}

}  // namespace

TEST_CASE("Exactly the steps of the table may follow one another") {
  // Rows from, columns to: unspecified, received, held, released, transferring, at lab, printing,
  // printed, completed, cancelled, failed.
  constexpr std::string_view kMay[kOrderStates] = {"0100000000 0", "0011000001 0", "0001000001 0",
                                                   "0000111111 1", "0000011111 1", "0000001111 1",
                                                   "0000000111 1", "0000001011 1", "0000000000 0",
                                                   "0000000000 0", "0000111111 0"};
  for (int from = 0; from < kOrderStates; ++from) {
    for (int to = 0; to < kOrderStates; ++to) {
      const char may = to == 10 ? kMay[from][11] : kMay[from][static_cast<std::size_t>(to)];
      INFO("from " << from << " to " << to);
      CHECK(MayFollow(static_cast<pb::OrderState>(from), static_cast<pb::OrderState>(to)) ==
            (may == '1'));
    }
  }
}

TEST_CASE("Two shares make one order state, in every combination") {
  constexpr std::string_view kExpected[] = {"rttppptrf", "tttpppttf", "ttapppaaf",
                                            "ppppppppf", "ppppddpdf", "ppppdcpcf",
                                            "ttapppaaf", "rtapdcaxf", "fffffffff"};
  pb::Order order = TwoShares();
  for (std::size_t a = 0; a < kJobLetters.size(); ++a) {
    for (std::size_t b = 0; b < kJobLetters.size(); ++b) {
      order.mutable_shares(0)->set_state(kJobStates[a]);
      order.mutable_shares(1)->set_state(kJobStates[b]);
      INFO(kJobLetters[a] << " and " << kJobLetters[b]);
      CHECK(StateOfShares(order) == StateOfLetter(kExpected[a][b]));
    }
  }
}

TEST_CASE("A held share counts as printing once paper may have been used") {
  pb::Order order = TwoShares();
  order.mutable_shares(0)->set_state(pb::JOB_STATE_HELD);
  order.mutable_shares(1)->set_state(pb::JOB_STATE_RECEIVED);
  for (const auto& [item, expected] : {std::pair{pb::ITEM_STATE_WAITING, pb::ORDER_STATE_AT_LAB},
                                       std::pair{pb::ITEM_STATE_RENDERED, pb::ORDER_STATE_AT_LAB},
                                       std::pair{pb::ITEM_STATE_FAILED, pb::ORDER_STATE_AT_LAB},
                                       std::pair{pb::ITEM_STATE_PRINTING, pb::ORDER_STATE_PRINTING},
                                       std::pair{pb::ITEM_STATE_PRINTED, pb::ORDER_STATE_PRINTING},
                                       std::pair{pb::ITEM_STATE_HELD, pb::ORDER_STATE_PRINTING}}) {
    order.mutable_lines(1)->set_state(item);
    CHECK(StateOfShares(order) == expected);
  }
  // The line of the other share says nothing about this one.
  order.mutable_lines(1)->set_state(pb::ITEM_STATE_WAITING);
  order.mutable_lines(2)->set_state(pb::ITEM_STATE_PRINTED);
  CHECK(StateOfShares(order) == pb::ORDER_STATE_AT_LAB);
}

TEST_CASE("Reports take an order through its life, whichever share is faster") {
  pb::Order order = TwoShares();
  google::protobuf::Timestamp now;
  const auto report = [&](const char* device, std::int64_t revision, pb::JobState state) {
    now.set_seconds(now.seconds() + 1);
    const auto changed = ApplyProgress(order, device, Report(revision, state), now);
    REQUIRE(changed.ok());
    CHECK(*changed);
    return order.state();
  };
  CHECK(report("d1", 1, pb::JOB_STATE_OPEN) == pb::ORDER_STATE_TRANSFERRING);
  CHECK(report("d1", 2, pb::JOB_STATE_RECEIVED) == pb::ORDER_STATE_TRANSFERRING);
  CHECK(report("d2", 1, pb::JOB_STATE_RECEIVED) == pb::ORDER_STATE_AT_LAB);
  CHECK(report("d1", 3, pb::JOB_STATE_PRINTING) == pb::ORDER_STATE_PRINTING);
  CHECK(report("d1", 4, pb::JOB_STATE_COMPLETED) == pb::ORDER_STATE_PRINTING);
  CHECK(report("d2", 2, pb::JOB_STATE_PRINTED) == pb::ORDER_STATE_PRINTED);
  CHECK(report("d2", 9, pb::JOB_STATE_COMPLETED) == pb::ORDER_STATE_COMPLETED);
  REQUIRE(order.history_size() == 7);
  CHECK(order.history(2).state() == pb::ORDER_STATE_TRANSFERRING);
  CHECK(order.history(2).time().seconds() == 1);
  CHECK(order.history(6).state() == pb::ORDER_STATE_COMPLETED);
}

TEST_CASE("An old report, or one sent again, changes nothing") {
  pb::Order order = TwoShares();
  REQUIRE(*ApplyProgress(order, "d1", Report(5, pb::JOB_STATE_RECEIVED), {}));
  const std::string before = order.SerializeAsString();
  CHECK_FALSE(*ApplyProgress(order, "d1", Report(5, pb::JOB_STATE_PRINTING), {}));
  CHECK_FALSE(*ApplyProgress(order, "d1", Report(4, pb::JOB_STATE_FAILED), {}));
  CHECK(order.SerializeAsString() == before);
}

TEST_CASE("Reports about what is not the device's are refused") {
  pb::Order order = TwoShares();
  const std::string before = order.SerializeAsString();
  CHECK(absl::IsNotFound(ApplyProgress(order, "d3", Report(1, pb::JOB_STATE_OPEN), {}).status()));
  pb::ReportProgressRequest report = Report(1, pb::JOB_STATE_OPEN);
  report.set_lab("studios/s/labs/other");
  CHECK(absl::IsNotFound(ApplyProgress(order, "d1", report, {}).status()));

  report = Report(1, pb::JOB_STATE_OPEN);
  AddLine(report, 3, pb::ITEM_STATE_READY);
  CHECK(rpc::ReasonOf(ApplyProgress(order, "d1", report, {}).status()) == "LINE_INVALID");
  report = Report(1, pb::JOB_STATE_OPEN);
  AddLine(report, 1, pb::ITEM_STATE_UNSPECIFIED);
  CHECK(rpc::ReasonOf(ApplyProgress(order, "d1", report, {}).status()) == "STATE_INVALID");
  CHECK(rpc::ReasonOf(
            ApplyProgress(order, "d1", Report(1, pb::JOB_STATE_UNSPECIFIED), {}).status()) ==
        "STATE_INVALID");
  CHECK(rpc::ReasonOf(ApplyProgress(order, "d1", Report(0, pb::JOB_STATE_OPEN), {}).status()) ==
        "REVISION_INVALID");
  CHECK(order.SerializeAsString() == before);
}

TEST_CASE("A failed order says which line and why, and can be mended") {
  pb::Order order = TwoShares();
  pb::ReportProgressRequest report = Report(1, pb::JOB_STATE_FAILED);
  AddLine(report, 2, pb::ITEM_STATE_FAILED, "the original is damaged");
  REQUIRE(*ApplyProgress(order, "d1", report, {}));
  CHECK(order.state() == pb::ORDER_STATE_FAILED);
  CHECK(order.state_message() == "line 2: the original is damaged");
  CHECK(order.lines(1).state() == pb::ITEM_STATE_FAILED);
  REQUIRE(*ApplyProgress(order, "d2", Report(1, pb::JOB_STATE_COMPLETED), {}));
  CHECK(order.state() == pb::ORDER_STATE_FAILED);
  REQUIRE(*ApplyProgress(order, "d1", Report(2, pb::JOB_STATE_COMPLETED), {}));
  CHECK(order.state() == pb::ORDER_STATE_COMPLETED);
  CHECK(order.state_message().empty());

  order = TwoShares();
  REQUIRE(*ApplyProgress(order, "d1", Report(1, pb::JOB_STATE_FAILED), {}));
  CHECK_FALSE(order.state_message().empty());
}

TEST_CASE("A lab that has stopped is told of without a new state") {
  pb::Order order = TwoShares();
  REQUIRE(*ApplyProgress(order, "d1", Report(1, pb::JOB_STATE_RECEIVED), {}));
  REQUIRE(*ApplyProgress(order, "d2", Report(1, pb::JOB_STATE_RECEIVED), {}));
  pb::ReportProgressRequest report = Report(2, pb::JOB_STATE_HELD);
  report.set_state_message("out of paper");
  REQUIRE(*ApplyProgress(order, "d1", report, {}));
  CHECK(order.state() == pb::ORDER_STATE_AT_LAB);
  CHECK(order.state_message() == "out of paper");
}

TEST_CASE("Completed and cancelled orders stay so, whatever is reported") {
  pb::Order order = TwoShares();
  REQUIRE(*Cancel(order, "changed my mind", {}));
  CHECK(order.state() == pb::ORDER_STATE_CANCELLED);
  CHECK(order.state_message() == "changed my mind");
  for (const pb::JobState state : kJobStates) {
    if (state == pb::JOB_STATE_UNSPECIFIED) continue;
    REQUIRE(*ApplyProgress(order, "d1", Report(state, state), {}));
    CHECK(order.state() == pb::ORDER_STATE_CANCELLED);
    CHECK(order.state_message() == "changed my mind");
  }
}

TEST_CASE("An order can be cancelled until a lab may have printed") {
  for (const pb::JobState state : kJobStates) {
    pb::Order order = TwoShares();
    order.set_state(pb::ORDER_STATE_TRANSFERRING);
    order.mutable_shares(1)->set_state(state);
    const bool too_late = state == pb::JOB_STATE_PRINTING || state == pb::JOB_STATE_PRINTED ||
                          state == pb::JOB_STATE_COMPLETED;
    INFO(state);
    const auto cancelled = Cancel(order, "", {});
    CHECK(cancelled.ok() == !too_late);
    if (too_late) CHECK(rpc::ReasonOf(cancelled.status()) == "TOO_LATE");
  }
  for (int item = 0; item <= pb::ITEM_STATE_FAILED; ++item) {
    pb::Order order = TwoShares();
    order.mutable_lines(0)->set_state(static_cast<pb::ItemState>(item));
    const bool too_late = item == pb::ITEM_STATE_PRINTING || item == pb::ITEM_STATE_PRINTED ||
                          item == pb::ITEM_STATE_HELD;
    INFO(item);
    CHECK(Cancel(order, "", {}).ok() == !too_late);
  }
  for (int state = 1; state < kOrderStates; ++state) {
    pb::Order order = TwoShares();
    order.set_state(static_cast<pb::OrderState>(state));
    INFO(state);
    const auto cancelled = Cancel(order, "", {});
    const bool too_late = state == pb::ORDER_STATE_PRINTING || state == pb::ORDER_STATE_PRINTED ||
                          state == pb::ORDER_STATE_COMPLETED;
    CHECK(cancelled.ok() == !too_late);
    // Cancelling twice is the same as once.
    if (!too_late) CHECK(*cancelled == (state != pb::ORDER_STATE_CANCELLED));
  }
}

TEST_CASE("A long message is cut between two characters") {
  pb::Order order = TwoShares();
  pb::ReportProgressRequest report = Report(1, pb::JOB_STATE_HELD);
  std::string message(3'999, 'x');
  message += "\xC3\xA4 and more";
  report.set_state_message(message);
  REQUIRE(*ApplyProgress(order, "d1", report, {}));
  CHECK(order.shares(0).state_message() == std::string(3'999, 'x'));
}

}  // namespace proofline::host
