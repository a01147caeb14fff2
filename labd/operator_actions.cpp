#include "labd/operator_actions.h"

#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "labd/job_rules.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::lab {
namespace {

using absl::StatusCode;

// What a name names.
struct Target {
  std::string job;
  std::string item;  // the line in decimal; empty: all of the job

  bool Names(const record::Item& one) const {
    return item.empty() || item == std::to_string(one.line_number());
  }
};

absl::StatusOr<Target> ReadTarget(const std::string& name) {
  if (const auto job = rpc::ParseResourceName("jobs/*", name)) return Target{job->at(0), ""};
  if (const auto item = rpc::ParseResourceName("jobs/*/items/*", name)) {
    return Target{item->at(0), item->at(1)};
  }
  return rpc::Error(StatusCode::kNotFound,
                    base::Concat("\"", name, "\" names no job and no item; write jobs/JOB or ",
                                 "jobs/JOB/items/LINE"),
                    "JOB_NOT_FOUND");
}

// Calls `act` with each item that is named; it says whether it did something.
absl::StatusOr<JobView> Apply(JobStore& store, const std::string& name, std::string_view nothing,
                              std::string_view reason,
                              const std::function<bool(const JobView&, record::Item&)>& act) {
  const absl::StatusOr<Target> target = ReadTarget(name);
  if (!target.ok()) return target.status();
  absl::StatusOr<JobView> view = store.Change(target->job, [&](JobView& job) -> absl::Status {
    bool named = false;
    bool done = false;
    for (record::Item& item : job.items) {
      if (!target->Names(item)) continue;
      named = true;
      done = act(job, item) || done;
    }
    if (!named) {
      return rpc::Error(StatusCode::kNotFound, base::Concat("there is no item ", name),
                        "ITEM_NOT_FOUND");
    }
    if (done) return absl::OkStatus();
    return rpc::Error(StatusCode::kFailedPrecondition, base::Concat(name, ": ", nothing), reason);
  });
  base::KillPoint("lab.operator.done");
  return view;
}

void Put(record::Item& item, pb::ItemState state, std::string message) {
  item.set_state(state);
  item.set_state_message(std::move(message));
}

// Back into the queue, or to waiting where the job is still open.
void Requeue(const JobView& job, record::Item& item) {
  item.clear_submission();
  item.clear_printer();
  Put(item, job.job.closed() ? pb::ITEM_STATE_READY : pb::ITEM_STATE_WAITING, "");
}

}  // namespace

absl::StatusOr<JobView> HoldItems(JobStore& store, const std::string& name) {
  return Apply(store, name, "nothing of it can be held; it is in the printer, held or over",
               "NOTHING_TO_HOLD", [](const JobView&, record::Item& item) {
                 if (!MayHold(item.state())) return false;
                 item.clear_printer();
                 Put(item, pb::ITEM_STATE_HELD, "held by the operator");
                 return true;
               });
}

absl::StatusOr<JobView> ReleaseItems(JobStore& store, const std::string& name) {
  return Apply(store, name, "nothing of it is held or has failed", "NOTHING_HELD",
               [](const JobView& job, record::Item& item) {
                 if (!MayRelease(item.state())) return false;
                 Requeue(job, item);
                 return true;
               });
}

absl::StatusOr<JobView> ConfirmItems(JobStore& store, const std::string& name) {
  return Apply(store, name, "nothing of it is held", "NOTHING_HELD",
               [](const JobView& job, record::Item& item) {
                 if (item.state() != pb::ITEM_STATE_HELD) return false;
                 const int copies = item.has_submission()
                                        ? item.copies_done() + item.submission().copies()
                                        : item.quantity();
                 item.set_copies_done(copies);
                 if (copies < item.quantity()) {
                   Requeue(job, item);
                 } else {
                   item.clear_submission();
                   Put(item, pb::ITEM_STATE_PRINTED, "confirmed by the operator");
                 }
                 return true;
               });
}

absl::StatusOr<JobView> CancelItems(JobStore& store, const std::string& name) {
  return Apply(store, name, "nothing of it can be cancelled; it is in the printer or over",
               "TOO_LATE", [](const JobView&, record::Item& item) {
                 if (!MayCancel(item.state())) return false;
                 Put(item, pb::ITEM_STATE_CANCELLED, "cancelled by the operator");
                 return true;
               });
}

absl::StatusOr<JobView> ReprintItems(JobStore& store, const Spool& spool, const std::string& name) {
  const absl::StatusOr<Target> target = ReadTarget(name);
  if (!target.ok()) return target.status();
  const absl::StatusOr<JobView> view = store.Get(target->job);
  if (!view.ok()) return view.status();
  JobStore::NewJob again;
  again.studio = view->job.studio();
  again.order = view->job.order();
  again.device = view->job.device();
  again.reprint_of = view->job.id();
  for (const record::Item& item : view->items) {
    if (!target->Names(item) || item.state() != pb::ITEM_STATE_PRINTED) continue;
    const absl::StatusOr<base::Digest> digest = base::Digest::FromBytes(item.original_digest());
    if (!digest.ok() || !spool.HasOriginal(again.studio, *digest, item.original_size_bytes())) {
      return rpc::Error(StatusCode::kFailedPrecondition,
                        base::Concat("the original of line ", item.line_number(), " of ", name,
                                     " has been removed from the spool; the studio has to send a "
                                     "new order"),
                        "ORIGINAL_GONE", {{"line", std::to_string(item.line_number())}});
    }
    record::Item& copy = again.items.emplace_back();
    copy.set_line_number(item.line_number());
    copy.set_product(item.product());
    copy.set_quantity(item.quantity());
    copy.set_original_digest(item.original_digest());
    copy.set_original_size_bytes(item.original_size_bytes());
    *copy.mutable_edit() = item.edit();
    if (item.has_print_crop()) *copy.mutable_print_crop() = item.print_crop();
  }
  if (!again.items.empty()) return store.Create(again);
  return Apply(store, name, "nothing of it was printed or has failed", "NOTHING_PRINTED",
               [](const JobView& job, record::Item& item) {
                 if (item.state() != pb::ITEM_STATE_FAILED) return false;
                 Requeue(job, item);
                 return true;
               });
}

}  // namespace proofline::lab
