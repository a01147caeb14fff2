// The life of an order: which state may follow which, and what the labs' shares make of it.
#include <algorithm>
#include <array>
#include <utility>

#include "hostd/order_rules.h"
#include "hostd/record_text.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

constexpr std::size_t kMaxMessageBytes = 4'000;

// One row for each state: what may follow. Reports come late and some never, so steps may be
// skipped; a reprint takes a printed order back to printing, an operator can mend a failed one.
struct Row {
  pb::OrderState from;
  std::initializer_list<pb::OrderState> to;
};
const std::array<Row, 11> kTable = {{
    {pb::ORDER_STATE_UNSPECIFIED, {pb::ORDER_STATE_RECEIVED}},
    {pb::ORDER_STATE_RECEIVED,
     {pb::ORDER_STATE_HELD, pb::ORDER_STATE_RELEASED, pb::ORDER_STATE_CANCELLED}},
    {pb::ORDER_STATE_HELD, {pb::ORDER_STATE_RELEASED, pb::ORDER_STATE_CANCELLED}},
    {pb::ORDER_STATE_RELEASED,
     {pb::ORDER_STATE_TRANSFERRING, pb::ORDER_STATE_AT_LAB, pb::ORDER_STATE_PRINTING,
      pb::ORDER_STATE_PRINTED, pb::ORDER_STATE_COMPLETED, pb::ORDER_STATE_CANCELLED,
      pb::ORDER_STATE_FAILED}},
    {pb::ORDER_STATE_TRANSFERRING,
     {pb::ORDER_STATE_AT_LAB, pb::ORDER_STATE_PRINTING, pb::ORDER_STATE_PRINTED,
      pb::ORDER_STATE_COMPLETED, pb::ORDER_STATE_CANCELLED, pb::ORDER_STATE_FAILED}},
    {pb::ORDER_STATE_AT_LAB,
     {pb::ORDER_STATE_PRINTING, pb::ORDER_STATE_PRINTED, pb::ORDER_STATE_COMPLETED,
      pb::ORDER_STATE_CANCELLED, pb::ORDER_STATE_FAILED}},
    {pb::ORDER_STATE_PRINTING,
     {pb::ORDER_STATE_PRINTED, pb::ORDER_STATE_COMPLETED, pb::ORDER_STATE_CANCELLED,
      pb::ORDER_STATE_FAILED}},
    {pb::ORDER_STATE_PRINTED,
     {pb::ORDER_STATE_PRINTING, pb::ORDER_STATE_COMPLETED, pb::ORDER_STATE_CANCELLED,
      pb::ORDER_STATE_FAILED}},
    {pb::ORDER_STATE_COMPLETED, {}},
    {pb::ORDER_STATE_CANCELLED, {}},
    {pb::ORDER_STATE_FAILED,
     {pb::ORDER_STATE_TRANSFERRING, pb::ORDER_STATE_AT_LAB, pb::ORDER_STATE_PRINTING,
      pb::ORDER_STATE_PRINTED, pb::ORDER_STATE_COMPLETED, pb::ORDER_STATE_CANCELLED}},
}};

std::string_view LabOf(const pb::OrderLine& line) {
  const std::string_view product = line.product();
  return product.substr(0, product.rfind("/products/"));
}

bool IsOfShare(const pb::OrderLine& line, const pb::OrderShare& share) {
  return line.device() == share.device() && LabOf(line) == share.lab();
}

// Whether paper may have met ink: a held item is one of which the lab cannot say.
bool MayBeOnPaper(const pb::OrderLine& line) {
  return line.state() == pb::ITEM_STATE_PRINTING || line.state() == pb::ITEM_STATE_PRINTED ||
         line.state() == pb::ITEM_STATE_HELD;
}

// How far a share is, as a number that grows: released, transferring, at the lab, printing,
// printed, completed.
int LevelOf(const pb::Order& order, const pb::OrderShare& share) {
  switch (share.state()) {
    case pb::JOB_STATE_OPEN:
      return 1;
    case pb::JOB_STATE_RECEIVED:
      return 2;
    case pb::JOB_STATE_PRINTING:
      return 3;
    case pb::JOB_STATE_PRINTED:
      return 4;
    case pb::JOB_STATE_COMPLETED:
      return 5;
    case pb::JOB_STATE_HELD:
      for (const pb::OrderLine& line : order.lines()) {
        if (IsOfShare(line, share) && MayBeOnPaper(line)) return 3;
      }
      return 2;
    default:
      return 0;
  }
}

void Step(pb::Order& order, pb::OrderState state, std::string_view message,
          const google::protobuf::Timestamp& now) {
  order.set_state(state);
  order.set_state_message(std::string(message));
  pb::OrderStateChange& step = *order.add_history();
  step.set_state(state);
  *step.mutable_time() = now;
  step.set_message(std::string(message));
}

// What people are told about a share that does not go on by itself.
std::string MessageOf(const pb::Order& order, const pb::OrderShare& share) {
  const bool failed = share.state() == pb::JOB_STATE_FAILED;
  const pb::ItemState wanted = failed ? pb::ITEM_STATE_FAILED : pb::ITEM_STATE_HELD;
  const auto line =
      std::find_if(order.lines().begin(), order.lines().end(), [&](const pb::OrderLine& one) {
        return IsOfShare(one, share) && one.state() == wanted && !one.state_message().empty();
      });
  if (line != order.lines().end()) {
    return base::Concat("line ", line->line_number(), ": ", line->state_message());
  }
  if (!share.state_message().empty()) return share.state_message();
  return failed ? "the lab cannot make something in this order; ask the studio"
                : "the lab has stopped and waits for its operator";
}

std::string MessageOf(const pb::Order& order) {
  for (const pb::JobState state :
       {pb::JOB_STATE_FAILED, pb::JOB_STATE_HELD, pb::JOB_STATE_CANCELLED}) {
    for (const pb::OrderShare& share : order.shares()) {
      if (share.state() != state) continue;
      if (state == pb::JOB_STATE_CANCELLED) {
        return share.state_message().empty() ? "the lab has cancelled its part"
                                             : share.state_message();
      }
      return MessageOf(order, share);
    }
  }
  return "";
}

absl::Status BadReport(std::string_view what, std::string_view reason) {
  return rpc::Error(absl::StatusCode::kInvalidArgument, what, reason);
}

absl::Status CheckReport(const pb::Order& order, const pb::OrderShare& share,
                         const pb::ReportProgressRequest& report) {
  if (report.revision() < 1) {
    return BadReport("a progress report needs a revision of at least 1", "REVISION_INVALID");
  }
  if (report.state() == pb::JOB_STATE_UNSPECIFIED || !pb::JobState_IsValid(report.state())) {
    return BadReport("a progress report says how far the job is; set its state", "STATE_INVALID");
  }
  for (const pb::LineProgress& progress : report.lines()) {
    const auto line =
        std::find_if(order.lines().begin(), order.lines().end(), [&](const pb::OrderLine& one) {
          return one.line_number() == progress.line_number() && IsOfShare(one, share);
        });
    if (line == order.lines().end()) {
      return BadReport(base::Concat("line ", progress.line_number(),
                                    " is not part of this device's share at this lab"),
                       "LINE_INVALID");
    }
    if (progress.state() == pb::ITEM_STATE_UNSPECIFIED ||
        !pb::ItemState_IsValid(progress.state())) {
      return BadReport(base::Concat("say how far line ", progress.line_number(), " is"),
                       "STATE_INVALID");
    }
  }
  return absl::OkStatus();
}

// Lets the order follow its shares, as far as the table allows.
void FollowShares(pb::Order& order, const google::protobuf::Timestamp& now) {
  const pb::OrderState state = StateOfShares(order);
  if (MayFollow(order.state(), state)) {
    Step(order, state, MessageOf(order), now);
  } else if (order.state() == state && state != pb::ORDER_STATE_CANCELLED) {
    order.set_state_message(MessageOf(order));
  }
}

}  // namespace

bool MayFollow(pb::OrderState from, pb::OrderState to) {
  for (const Row& row : kTable) {
    if (row.from == from) return std::find(row.to.begin(), row.to.end(), to) != row.to.end();
  }
  return false;
}

pb::OrderState StateOfShares(const pb::Order& order) {
  int least = 5;
  int most = 0;
  bool any_live = false;
  for (const pb::OrderShare& share : order.shares()) {
    if (share.state() == pb::JOB_STATE_FAILED) return pb::ORDER_STATE_FAILED;
    if (share.state() == pb::JOB_STATE_CANCELLED) continue;
    any_live = true;
    const int level = LevelOf(order, share);
    least = std::min(least, level);
    most = std::max(most, level);
  }
  if (!any_live) return pb::ORDER_STATE_CANCELLED;
  if (least == 5) return pb::ORDER_STATE_COMPLETED;
  if (least == 4) return pb::ORDER_STATE_PRINTED;
  if (most >= 3) return pb::ORDER_STATE_PRINTING;
  if (least == 2) return pb::ORDER_STATE_AT_LAB;
  if (most >= 1) return pb::ORDER_STATE_TRANSFERRING;
  return pb::ORDER_STATE_RELEASED;
}

absl::StatusOr<bool> ApplyProgress(pb::Order& order, std::string_view device,
                                   const pb::ReportProgressRequest& report,
                                   const google::protobuf::Timestamp& now) {
  auto& shares = *order.mutable_shares();
  const auto share = std::find_if(shares.begin(), shares.end(), [&](const pb::OrderShare& one) {
    return one.device() == device && one.lab() == report.lab();
  });
  if (share == shares.end()) {
    return rpc::Error(absl::StatusCode::kNotFound,
                      base::Concat("there is no order ", report.order(),
                                   " with a part of this device at ", report.lab()),
                      "ORDER_NOT_FOUND", {{"order", report.order()}, {"lab", report.lab()}});
  }
  if (absl::Status status = CheckReport(order, *share, report); !status.ok()) return status;
  if (report.revision() <= share->revision()) return false;

  share->set_revision(report.revision());
  share->set_state(report.state());
  share->set_state_message(CutText(report.state_message(), kMaxMessageBytes));
  if (!report.job().empty()) share->set_job(report.job());
  for (const pb::LineProgress& progress : report.lines()) {
    for (pb::OrderLine& line : *order.mutable_lines()) {
      if (line.line_number() != progress.line_number()) continue;
      line.set_state(progress.state());
      line.set_state_message(CutText(progress.state_message(), kMaxMessageBytes));
    }
  }
  FollowShares(order, now);
  return true;
}

absl::StatusOr<bool> Cancel(pb::Order& order, std::string_view message,
                            const google::protobuf::Timestamp& now) {
  if (order.state() == pb::ORDER_STATE_CANCELLED) return false;
  const bool has_begun =
      order.state() == pb::ORDER_STATE_PRINTING || order.state() == pb::ORDER_STATE_PRINTED ||
      order.state() == pb::ORDER_STATE_COMPLETED ||
      std::any_of(order.lines().begin(), order.lines().end(), MayBeOnPaper) ||
      std::any_of(order.shares().begin(), order.shares().end(), [](const pb::OrderShare& share) {
        return share.state() == pb::JOB_STATE_PRINTING || share.state() == pb::JOB_STATE_PRINTED ||
               share.state() == pb::JOB_STATE_COMPLETED;
      });
  if (has_begun || !MayFollow(order.state(), pb::ORDER_STATE_CANCELLED)) {
    return rpc::Error(absl::StatusCode::kFailedPrecondition,
                      "the lab has begun to print this order; it cannot be cancelled any more",
                      "TOO_LATE", {{"order", order.name()}});
  }
  Step(order, pb::ORDER_STATE_CANCELLED, message, now);
  return true;
}

}  // namespace proofline::host
