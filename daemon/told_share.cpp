#include "daemon/told_share.h"

#include <algorithm>

#include "lib/base/text.h"

namespace proofline::studio {

namespace pb = proofline::v1;

const pb::OrderShare* ToldShare(const pb::Order& order, const std::string& device,
                                std::string_view lab) {
  for (const pb::OrderShare& share : order.shares()) {
    const bool its = share.device() == device && share.lab().ends_with(base::Concat("/", lab));
    if (its && share.revision() > 0) return &share;
  }
  return nullptr;
}

bool HasEnded(const pb::OrderShare& told) {
  return told.state() == pb::JOB_STATE_COMPLETED || told.state() == pb::JOB_STATE_CANCELLED ||
         // It has failed here, before the lab had a job.
         (told.state() == pb::JOB_STATE_FAILED && told.job().empty());
}

void GoOnFrom(const pb::OrderShare& told, record::Share& share) {
  share.set_job(told.job());
  share.set_phase(HasEnded(told)       ? record::SHARE_PHASE_FINISHED
                  : told.job().empty() ? record::SHARE_PHASE_NEW
                                       : record::SHARE_PHASE_ASKING);
  share.set_reported_revision(told.revision());
  pb::ReportProgressRequest& report = *share.mutable_report();
  report.set_order(share.order());
  report.set_lab(told.lab());
  report.set_revision(told.revision());
  report.set_job(told.job());
  report.set_state(told.state());
  report.set_state_message(told.state_message());
  for (const pb::OrderLine& line : share.lines()) {
    pb::LineProgress& progress = *report.add_lines();
    progress.set_line_number(line.line_number());
    progress.set_state(line.state());
    progress.set_state_message(line.state_message());
  }
}

bool HasBegunPrinting(const record::Share& share) {
  const auto& lines = share.report().lines();
  return std::any_of(lines.begin(), lines.end(), [](const pb::LineProgress& line) {
    return line.state() == pb::ITEM_STATE_PRINTING || line.state() == pb::ITEM_STATE_PRINTED ||
           line.state() == pb::ITEM_STATE_HELD;
  });
}

}  // namespace proofline::studio
