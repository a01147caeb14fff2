#include "labd/print_queue.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::lab {

PrintQueue::PrintQueue(JobStore& store, Spool& spool, imaging::WorkerPool& pool,
                       const Products& products, rpc::Metrics& metrics, std::vector<Setup> printers)
    : store_(store),
      spool_(spool),
      products_(products),
      parts_{store,
             spool,
             pool,
             products,
             waiting_,
             metrics,
             [this](const std::string& product, const std::string& printer) {
               return std::any_of(workers_.begin(), workers_.end(), [&](const auto& known) {
                 return known.first != printer && known.second->Ready() &&
                        known.second->products().contains(product);
               });
             }},
      setups_(std::move(printers)) {}

PrintQueue::~PrintQueue() { Stop(); }

absl::Status PrintQueue::Recover() {
  for (Setup& setup : setups_) {
    const absl::StatusOr<bool> paused = store_.IsPaused(setup.id);
    if (!paused.ok()) return paused.status();
    workers_.emplace(setup.id, std::make_unique<PrinterWorker>(setup.id, std::move(setup.printer),
                                                               *paused, parts_));
  }
  setups_.clear();
  std::vector<std::string> jobs;
  absl::Status status =
      store_.ForEachOpen([&](const JobView& view) { jobs.push_back(view.job.id()); });
  for (const std::string& job : jobs) {
    if (!status.ok()) return status;
    const absl::StatusOr<JobView> view = store_.Change(job, [&](JobView& now) {
      for (record::Item& item : now.items) RecoverItem(item);
      return absl::OkStatus();
    });
    status = view.status();
    if (view.ok()) waiting_.Update(*view);
  }
  if (!status.ok()) return status;
  store_.SetListener([this](const JobView& view) { waiting_.Update(view); });
  return absl::OkStatus();
}

void PrintQueue::Start() {
  for (auto& [id, worker] : workers_) worker->Start(std::move(interrupted_[id]));
  interrupted_.clear();
}

void PrintQueue::RecoverItem(record::Item& item) {
  const auto put = [&item](pb::ItemState state, std::string message) {
    item.set_state(state);
    item.set_state_message(std::move(message));
  };
  const bool made = products_.contains(item.product());
  std::error_code error;
  switch (item.state()) {
    case pb::ITEM_STATE_RENDERING:
    case pb::ITEM_STATE_RENDERED:
      item.clear_printer();
      if (!std::filesystem::exists(spool_.PagePath(item.id()), error) ||
          item.state() == pb::ITEM_STATE_RENDERING) {
        put(pb::ITEM_STATE_READY, "");
      }
      break;
    case pb::ITEM_STATE_PRINTING:
      if (made && workers_.contains(item.printer())) {
        interrupted_[item.printer()].push_back({item.job(), item.line_number()});
        return;
      }
      if (item.submission().step() <= record::Submission::STEP_INTENT) {
        item.clear_submission();
        item.clear_printer();
        put(pb::ITEM_STATE_READY, "");
      } else {
        put(pb::ITEM_STATE_HELD,
            base::Concat("printer ", item.printer(),
                         " is no longer in the lab's configuration; the "
                         "lab cannot know whether this page was printed: look at the printer's "
                         "output, then confirm it as printed or release it"));
        return;
      }
      break;
    default:
      break;
  }
  if (item.state() == pb::ITEM_STATE_READY && !made) {
    put(pb::ITEM_STATE_FAILED, base::Concat("the lab no longer makes product \"", item.product(),
                                            "\"; put it back into the configuration and release "
                                            "the item, or cancel it"));
  }
}

void PrintQueue::Stop() {
  for (auto& [id, worker] : workers_) worker->RequestStop();
  for (auto& [id, worker] : workers_) worker->Join();
  store_.SetListener({});
}

pb::Printer PrintQueue::Describe(const PrinterWorker& worker) const {
  const PrinterHealth health = worker.health();
  pb::Printer printer;
  printer.set_name(base::Concat("printers/", worker.id()));
  printer.set_kind(worker.kind());
  printer.set_address(worker.address());
  printer.set_paused(worker.paused());
  printer.set_reachable(health.reachable);
  printer.set_state_message(health.message);
  printer.set_waiting_items(waiting_.WaitingFor(worker.id(), worker.products()));
  return printer;
}

std::vector<pb::Printer> PrintQueue::List() const {
  std::vector<pb::Printer> printers;
  for (const auto& [id, worker] : workers_) printers.push_back(Describe(*worker));
  return printers;
}

absl::StatusOr<pb::Printer> PrintQueue::Get(std::string_view id) const {
  const auto worker = workers_.find(id);
  if (worker != workers_.end()) return Describe(*worker->second);
  return rpc::Error(absl::StatusCode::kNotFound,
                    base::Concat("there is no printer printers/", id, "; `proofline lab printers` ",
                                 "lists them"),
                    "PRINTER_NOT_FOUND", {{"printer", std::string(id)}});
}

absl::StatusOr<pb::Printer> PrintQueue::SetPaused(std::string_view id, bool paused) {
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return Get(id);
  if (absl::Status stored = store_.SetPaused(id, paused); !stored.ok()) return stored;
  worker->second->SetPaused(paused);
  return Describe(*worker->second);
}

}  // namespace proofline::lab
