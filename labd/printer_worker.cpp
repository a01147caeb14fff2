#include "labd/printer_worker.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "labd/job_message.h"
#include "lib/base/backoff.h"
#include "lib/base/file.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/imaging/edit_message.h"

namespace proofline::lab {
namespace {

using std::chrono::seconds;

constexpr seconds kProbeInterval{10};
constexpr seconds kRetryInterval{1};
// Submissions in a row of which nothing was printed, before a person has to look.
constexpr int kMaxTries = 5;
// The picture may be this much below the minimum: the sum at the cart is rounded, too.
constexpr double kResolutionSlack = 0.98;

std::string Sentence(const absl::Status& status) {
  return std::string(base::ToStd(status.message()));
}

absl::Status NotOursAnyMore() {
  return absl::AbortedError("somebody else has changed the item meanwhile");
}

// Stores a state with its reason. The item belongs to no printer unless it is in one.
void Put(record::Item& item, pb::ItemState state, std::string message) {
  item.set_state(state);
  item.set_state_message(std::move(message));
}

}  // namespace

// Makes the steps of one submission durable.
class PrinterWorker::Log : public SubmissionLog {
 public:
  Log(PrinterWorker& worker, const ItemKey& key) : worker_(worker), key_(key) {}
  absl::Status Record(const record::Submission& submission) override {
    return worker_.parts_.store.ChangeItem(key_.job, key_.line, [&](record::Item& item) {
      *item.mutable_submission() = submission;
      return absl::OkStatus();
    });
  }
  void Report(const PrinterHealth& health) override { worker_.SetHealth(health); }

 private:
  PrinterWorker& worker_;
  const ItemKey& key_;
};

PrinterWorker::PrinterWorker(std::string id, std::unique_ptr<Printer> printer, bool paused,
                             PrintParts parts)
    : id_(std::move(id)),
      printer_(std::move(printer)),
      parts_(std::move(parts)),
      printed_(parts_.metrics.AddCounter("proofline_lab_prints_total", "Prints made.",
                                         {{"printer", id_}})),
      failed_(parts_.metrics.AddCounter("proofline_lab_items_failed_total",
                                        "Items that could not be made.", {{"printer", id_}})),
      held_(parts_.metrics.AddCounter("proofline_lab_items_held_total",
                                      "Items that had to wait for the operator.",
                                      {{"printer", id_}})),
      paused_(paused) {
  for (const auto& [name, product] : parts_.products) {
    const auto& able = product.printers;
    if (std::find(able.begin(), able.end(), id_) != able.end()) products_.insert(name);
  }
}

PrinterWorker::~PrinterWorker() {
  RequestStop();
  Join();
}

void PrinterWorker::Start(std::vector<ItemKey> interrupted) {
  print_thread_ = std::jthread([this, interrupted = std::move(interrupted)]() mutable {
    PrintLoop(std::move(interrupted), stop_.get_token());
  });
  render_thread_ = std::jthread([this] { RenderLoop(stop_.get_token()); });
}

void PrinterWorker::RequestStop() { stop_.request_stop(); }

void PrinterWorker::Join() {
  if (render_thread_.joinable()) render_thread_.join();
  if (print_thread_.joinable()) print_thread_.join();
}

PrinterHealth PrinterWorker::health() const {
  const std::lock_guard lock(health_mutex_);
  return health_;
}

bool PrinterWorker::Ready() const { return !paused() && health().ready; }

void PrinterWorker::SetPaused(bool paused) {
  paused_ = paused;
  if (paused) GiveBack();
  parts_.waiting.Wake();
}

void PrinterWorker::SetHealth(const PrinterHealth& health) {
  bool changed = false;
  {
    const std::lock_guard lock(health_mutex_);
    changed = health_.ready != health.ready || health_.reachable != health.reachable;
    health_ = health;
  }
  if (!changed) return;
  if (health.ready) {
    spdlog::info("printer {} is ready", id_);
  } else {
    spdlog::warn("printer {} waits: {}", id_, health.message);
  }
  parts_.waiting.Wake();
}

bool PrinterWorker::Settle(const ItemKey& key, const JobStore::ItemEdit& edit,
                           const std::stop_token& stop) {
  while (true) {
    const absl::Status changed = parts_.store.ChangeItem(key.job, key.line, edit);
    if (changed.ok()) return true;
    if (absl::IsAborted(changed) || absl::IsNotFound(changed)) return false;
    spdlog::error("cannot store line {} of jobs/{}: {}", key.line, key.job, Sentence(changed));
    if (!base::WaitFor(stop, kRetryInterval)) return false;
  }
}

void PrinterWorker::RenderLoop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const std::uint64_t version = parts_.waiting.version();
    if (Ready() && parts_.waiting.Ahead(id_) < kAhead) {
      const std::optional<ItemKey> key = parts_.waiting.NextFree(products_);
      if (key.has_value()) {
        if (Take(*key)) Render(*key, stop);
        continue;
      }
    }
    parts_.waiting.WaitBeyond(version, stop, kProbeInterval);
  }
}

bool PrinterWorker::Take(const ItemKey& key) {
  bool rendered = false;
  const absl::Status taken =
      parts_.store.ChangeItem(key.job, key.line, [&](record::Item& item) -> absl::Status {
        rendered = item.state() == pb::ITEM_STATE_RENDERED;
        if (!item.printer().empty() || (!rendered && item.state() != pb::ITEM_STATE_READY)) {
          return NotOursAnyMore();
        }
        item.set_printer(id_);
        if (!rendered) Put(item, pb::ITEM_STATE_RENDERING, "");
        return absl::OkStatus();
      });
  if (!taken.ok() && !absl::IsAborted(taken)) {
    spdlog::error("printer {} cannot take an item: {}", id_, Sentence(taken));
    base::WaitFor(stop_.get_token(), kRetryInterval);
  }
  base::KillPoint("lab.print.assigned");
  return taken.ok() && !rendered;
}

absl::StatusOr<std::string> PrinterWorker::RenderPage(const record::Item& item,
                                                      const std::string& studio,
                                                      const std::stop_token& stop) {
  const auto product = parts_.products.find(item.product());
  if (product == parts_.products.end()) {
    return absl::FailedPreconditionError(
        base::Concat("the lab no longer makes product \"", item.product(), "\""));
  }
  const absl::StatusOr<base::Digest> digest = base::Digest::FromBytes(item.original_digest());
  if (!digest.ok()) return digest.status();
  const absl::StatusOr<base::UniqueFd> original =
      base::OpenForReading(parts_.spool.OriginalPath(studio, *digest));
  if (!original.ok()) {
    return absl::FailedPreconditionError(
        base::Concat("the original has gone from the spool: ", original.status().message()));
  }
  imaging::PrintRequest request;
  request.edit = imaging::EditFromMessage(item.edit());
  std::optional<imaging::Crop> crop;
  if (item.has_print_crop()) crop = imaging::CropFromMessage(item.print_crop());
  request.spec = ToPrintSpec(product->second, crop);
  absl::StatusOr<imaging::PrintRendering> page =
      parts_.pool.RenderPrint(original->get(), request, stop);
  if (!page.ok()) return page.status();
  const double resolution = page->source_pixels_per_pixel * product->second.pixels_per_inch;
  const int minimum = product->second.minimum_pixels_per_inch;
  if (product->second.low_resolution == LowResolution::kRefuse &&
      resolution < minimum * kResolutionSlack) {
    return absl::FailedPreconditionError(
        base::Concat("the picture has ", static_cast<int>(resolution), " pixels per inch on ",
                     DescribePaper(product->second.paper), ", and the product needs ", minimum));
  }
  return std::move(page->jpeg);
}

void PrinterWorker::Render(const ItemKey& key, const std::stop_token& stop) {
  const absl::StatusOr<JobView> view = parts_.store.Get(key.job);
  if (!view.ok()) return;
  const auto item = std::find_if(view->items.begin(), view->items.end(),
                                 [&](const auto& one) { return one.line_number() == key.line; });
  if (item == view->items.end()) return;
  const absl::StatusOr<std::string> page = RenderPage(*item, view->job.studio(), stop);
  // What is not finished when the lab is stopped begins anew at its next start.
  if (absl::IsCancelled(page.status()) || stop.stop_requested()) return;
  absl::Status status = page.status();
  if (page.ok()) status = parts_.spool.WritePage(item->id(), *page);
  base::KillPoint("lab.print.page_written");
  // No room for the page, or no worker for it: neither is the picture's fault.
  const bool later =
      (absl::IsResourceExhausted(status) && page.ok()) || absl::IsUnavailable(page.status());
  if (later) SetHealth({true, false, Sentence(status)});
  const bool stored = Settle(
      key,
      [&](record::Item& now) -> absl::Status {
        if (now.state() != pb::ITEM_STATE_RENDERING || now.printer() != id_) {
          return NotOursAnyMore();
        }
        if (status.ok()) {
          Put(now, pb::ITEM_STATE_RENDERED, "");
        } else if (later) {
          now.clear_printer();
          Put(now, pb::ITEM_STATE_READY, Sentence(status));
        } else {
          now.clear_printer();
          Put(now, pb::ITEM_STATE_FAILED,
              base::Concat("the page cannot be rendered: ", Sentence(status)));
        }
        return absl::OkStatus();
      },
      stop);
  if (stored && !status.ok() && !later) {
    failed_.Increment();
    spdlog::warn("line {} of jobs/{} failed: {}", key.line, key.job, Sentence(status));
  }
  if (!stored && page.ok()) parts_.spool.RemovePage(item->id());
  if (later) base::WaitFor(stop, kRetryInterval);
  base::KillPoint("lab.print.rendered");
}

void PrinterWorker::PrintLoop(std::vector<ItemKey> interrupted, const std::stop_token& stop) {
  for (const ItemKey& key : interrupted) Drive(key, true, stop);
  auto asked = std::chrono::steady_clock::time_point::min();
  while (!stop.stop_requested()) {
    const std::uint64_t version = parts_.waiting.version();
    const bool ready = health().ready;
    const auto now = std::chrono::steady_clock::now();
    const auto interval = ready ? kProbeInterval : kRetryInterval;
    if (asked + interval <= now || asked == std::chrono::steady_clock::time_point::min()) {
      SetHealth(printer_->Probe(stop));
      asked = std::chrono::steady_clock::now();
      continue;
    }
    const std::optional<ItemKey> key =
        Ready() ? parts_.waiting.NextToPrint(id_) : std::optional<ItemKey>();
    if (key.has_value()) {
      Drive(*key, false, stop);
    } else {
      if (!ready) GiveBack();
      parts_.waiting.WaitBeyond(version, stop, interval);
    }
  }
}

void PrinterWorker::GiveBack() {
  for (const ItemKey& key : parts_.waiting.RenderedFor(id_)) {
    const absl::Status given =
        parts_.store.ChangeItem(key.job, key.line, [&](record::Item& item) -> absl::Status {
          if (item.state() != pb::ITEM_STATE_RENDERED || item.printer() != id_ ||
              !parts_.another_can(item.product(), id_)) {
            return NotOursAnyMore();
          }
          item.clear_printer();
          return absl::OkStatus();
        });
    if (given.ok())
      spdlog::info("printer {} leaves line {} of jobs/{} to another", id_, key.line, key.job);
  }
}

void PrinterWorker::Drive(const ItemKey& key, bool resumed, const std::stop_token& stop) {
  absl::StatusOr<record::Item> loaded = parts_.store.GetItem(key.job, key.line);
  const absl::StatusOr<JobView> view = parts_.store.Get(key.job);
  if (!loaded.ok() || !view.ok()) {
    spdlog::error("printer {} cannot read line {} of jobs/{}", id_, key.line, key.job);
    base::WaitFor(stop, kRetryInterval);
    return;
  }
  record::Item item = *std::move(loaded);
  const bool ours = item.printer() == id_ && (item.state() == pb::ITEM_STATE_RENDERED ||
                                              item.state() == pb::ITEM_STATE_PRINTING);
  const auto product = parts_.products.find(item.product());
  if (!ours || product == parts_.products.end()) return;
  const std::string order = OrderNumber(view->job.order());
  bool resume = resumed && item.has_submission();
  for (int tries = 1; !stop.stop_requested(); ++tries) {
    if (!item.has_submission() && !Begin(key, product->second, order, item, stop)) return;
    PrintTicket ticket;
    ticket.studio = view->job.studio();
    ticket.order = order;
    ticket.line = key.line;
    ticket.item = item.id();
    ticket.product = &product->second;
    ticket.page = parts_.spool.PagePath(item.id());
    ticket.first_copy = item.copies_done() + 1;
    ticket.quantity = item.quantity();
    Log log(*this, key);
    const PrintOutcome outcome = printer_->Print(ticket, item.submission(), resume, log, stop);
    resume = false;
    if (outcome.result == PrintResult::kInterrupted) return;
    if (outcome.result == PrintResult::kPrinted) tries = 0;
    if (!End(key, outcome, tries, item, stop)) return;
  }
}

bool PrinterWorker::Begin(const ItemKey& key, const Product& product, const std::string& order,
                          record::Item& item, const std::stop_token& stop) {
  const bool under_way = item.state() == pb::ITEM_STATE_PRINTING;
  absl::StatusOr<int> copies = absl::UnavailableError("paused");
  while (!stop.stop_requested()) {
    if (!paused()) {
      copies = printer_->Prepare(product, stop);
      if (copies.ok() || !absl::IsUnavailable(copies.status())) break;
      SetHealth(printer_->Probe(stop));
    }
    // An item of which some copies are printed stays with its printer.
    if (!under_way) return false;
    base::WaitFor(stop, kRetryInterval);
  }
  if (stop.stop_requested()) return false;
  if (!copies.ok()) {
    failed_.Increment();
    Settle(
        key,
        [&](record::Item& now) {
          Put(now, pb::ITEM_STATE_FAILED, Sentence(copies.status()));
          return absl::OkStatus();
        },
        stop);
    return false;
  }
  SetHealth({true, true, ""});
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(parts_.spool.PagePath(item.id()), error);
  const bool begun = Settle(
      key,
      [&](record::Item& now) -> absl::Status {
        const bool ours = now.printer() == id_ && (now.state() == pb::ITEM_STATE_RENDERED ||
                                                   now.state() == pb::ITEM_STATE_PRINTING);
        if (!ours) return NotOursAnyMore();
        if (error) {
          now.clear_printer();
          Put(now, pb::ITEM_STATE_READY, "");
          return absl::OkStatus();
        }
        now.set_attempt(now.attempt() + 1);
        record::Submission& next = *now.mutable_submission();
        next.set_step(record::Submission::STEP_INTENT);
        next.set_job_name(
            base::Concat(order, "-", key.line, "-", ShortId(now), "-", now.attempt()));
        next.set_copies(std::min(now.quantity() - now.copies_done(), *copies));
        next.set_document_bytes(static_cast<std::int64_t>(bytes));
        Put(now, pb::ITEM_STATE_PRINTING, "");
        item = now;
        return absl::OkStatus();
      },
      stop);
  if (!begun || error) return false;
  base::KillPoint("lab.print.intent");
  return true;
}

bool PrinterWorker::End(const ItemKey& key, const PrintOutcome& outcome, int tries,
                        record::Item& item, const std::stop_token& stop) {
  const bool again = outcome.result == PrintResult::kNothingPrinted && tries < kMaxTries;
  const int copies = item.submission().copies();
  const bool settled = Settle(
      key,
      [&](record::Item& now) {
        // Stored at an earlier try, of which only the job's own last step failed.
        if (now.state() != pb::ITEM_STATE_PRINTING) {
          item = now;
          return absl::OkStatus();
        }
        switch (outcome.result) {
          case PrintResult::kPrinted:
            now.set_copies_done(now.copies_done() + copies);
            now.clear_submission();
            if (now.copies_done() >= now.quantity()) Put(now, pb::ITEM_STATE_PRINTED, "");
            break;
          case PrintResult::kNothingPrinted:
            now.clear_submission();
            if (!again) {
              Put(now, pb::ITEM_STATE_HELD,
                  base::Concat("nothing was printed in ", tries, " attempts: ", outcome.message,
                               "; look at the printer, then release the item"));
            }
            break;
          case PrintResult::kRefused:
            now.clear_submission();
            Put(now, pb::ITEM_STATE_FAILED, outcome.message);
            break;
          case PrintResult::kStopped:
            Put(now, pb::ITEM_STATE_HELD,
                base::Concat(
                    "printer ", id_, " gave the page up and says: ", outcome.message,
                    "; look at its output, then confirm the page as printed or release it"));
            break;
          default:
            Put(now, pb::ITEM_STATE_HELD, outcome.message);
            break;
        }
        item = now;
        return absl::OkStatus();
      },
      stop);
  if (!settled) return false;
  if (outcome.result == PrintResult::kPrinted) {
    base::KillPoint("lab.print.printed");
    printed_.Increment(copies);
    SetHealth({true, true, ""});
  } else {
    spdlog::warn("line {} of jobs/{} on printer {}: {}", key.line, key.job, id_, outcome.message);
    if (item.state() == pb::ITEM_STATE_HELD) held_.Increment();
    if (item.state() == pb::ITEM_STATE_FAILED) failed_.Increment();
    if (again) base::WaitFor(stop, kRetryInterval);
  }
  return item.state() == pb::ITEM_STATE_PRINTING;
}

}  // namespace proofline::lab
