#include "daemon/order_book.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "daemon/catalog_keys.h"
#include "daemon/file_stamp.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/rpc/resource_name.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

constexpr std::string_view kOrderPattern = "studios/*/orders/*";
constexpr std::string_view kProductPattern = "studios/*/labs/*/products/*";

std::string OrderId(const std::string& name) {
  const auto ids = rpc::ParseResourceName(kOrderPattern, name);
  return ids.has_value() ? ids->at(1) : "";
}

bool IsFinal(pb::OrderState state) {
  return state == pb::ORDER_STATE_COMPLETED || state == pb::ORDER_STATE_CANCELLED ||
         state == pb::ORDER_STATE_FAILED;
}

bool IsUnderWay(pb::OrderState state) {
  return state == pb::ORDER_STATE_RELEASED || state == pb::ORDER_STATE_TRANSFERRING ||
         state == pb::ORDER_STATE_AT_LAB || state == pb::ORDER_STATE_PRINTING ||
         state == pb::ORDER_STATE_PRINTED;
}

// An order that failed at another device or lab is still to be made here: what can be printed is.
bool WasReleased(const pb::Order& order) {
  if (IsUnderWay(order.state())) return true;
  if (order.state() != pb::ORDER_STATE_FAILED) return false;
  return std::any_of(order.history().begin(), order.history().end(),
                     [](const pb::OrderStateChange& step) { return IsUnderWay(step.state()); });
}

// Pages of the share may have come out of a printer.
bool HasBegunPrinting(const record::Share& share) {
  const auto& lines = share.report().lines();
  return std::any_of(lines.begin(), lines.end(), [](const pb::LineProgress& line) {
    return line.state() == pb::ITEM_STATE_PRINTING || line.state() == pb::ITEM_STATE_PRINTED ||
           line.state() == pb::ITEM_STATE_HELD;
  });
}

bool WantsLab(const record::Share& share) {
  return share.phase() == record::SHARE_PHASE_NEW || share.phase() == record::SHARE_PHASE_OPEN ||
         share.phase() == record::SHARE_PHASE_CANCELLING;
}

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(
      base::Concat("the record of ", what, " is damaged; restore the catalog from a backup"));
}

}  // namespace

OrderBook::OrderBook(kv::Database& database, const DeviceName& device, std::set<std::string> labs,
                     const base::Clock& clock)
    : database_(database), device_(device), labs_(std::move(labs)), clock_(clock) {}

absl::StatusOr<std::unique_ptr<OrderBook>> OrderBook::Open(kv::Database& database,
                                                           const DeviceName& device,
                                                           std::set<std::string> labs,
                                                           const base::Clock& clock) {
  std::unique_ptr<OrderBook> book(new OrderBook(database, device, std::move(labs), clock));
  if (absl::Status status = book->Load(); !status.ok()) return status;
  return book;
}

absl::Status OrderBook::Load() {
  const absl::StatusOr<std::string> totals = database_.Get(keys::kMeta, keys::OrderTotals());
  if (totals.ok() && !totals_.ParseFromString(*totals)) return Damaged("the orders");
  if (!totals.ok() && !absl::IsNotFound(totals.status())) return totals.status();
  absl::Status status =
      database_.Scan(keys::kLabs, "", "", [&](std::string_view key, std::string_view value) {
        links_[keys::IdFrom(key)].ParseFromArray(value.data(), static_cast<int>(value.size()));
        return true;
      });
  if (!status.ok()) return status;
  return database_.Scan(keys::kOrders, "", "", [&](std::string_view key, std::string_view value) {
    record::Order order;
    order.ParseFromArray(value.data(), static_cast<int>(value.size()));
    if (!IsFinal(order.order().state())) open_orders_.insert(keys::IdFrom(key));
    return true;
  });
}

absl::Status OrderBook::Commit(kv::Batch batch) {
  if (absl::Status status = database_.Commit(std::move(batch)); !status.ok()) return status;
  changes_.Publish(changes_.current() + 1);
  return absl::OkStatus();
}

// ---- From the host

std::int64_t OrderBook::feed_revision() const {
  const std::lock_guard lock(mutex_);
  return totals_.feed_revision();
}

absl::Status OrderBook::RecordOrder(const pb::OrderEvent& event) {
  const std::lock_guard lock(mutex_);
  kv::Batch batch;
  if (event.has_order()) {
    if (absl::Status status = TakeOrder(batch, event.order()); !status.ok()) return status;
  }
  record::OrderTotals totals = totals_;
  totals.set_feed_revision(std::max(totals.feed_revision(), event.revision()));
  batch.Put(keys::kMeta, keys::OrderTotals(), totals.SerializeAsString());
  if (absl::Status status = Commit(std::move(batch)); !status.ok()) return status;
  totals_ = totals;
  if (event.has_order()) {
    const std::string id = OrderId(event.order().name());
    if (IsFinal(event.order().state())) {
      open_orders_.erase(id);
    } else if (!id.empty()) {
      open_orders_.insert(id);
    }
  }
  base::KillPoint("studio.order.recorded");
  return absl::OkStatus();
}

absl::Status OrderBook::TakeOrder(kv::Batch& batch, const pb::Order& order) {
  const std::string id = OrderId(order.name());
  if (id.empty()) {
    spdlog::error("the host sent an order without a usable name ({}); it is left out",
                  Readable(order.name(), 200));
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> stored = database_.Get(keys::kOrders, keys::Id(id));
  if (stored.ok()) {
    record::Order known;
    if (known.ParseFromString(*stored) && known.order().revision() > order.revision()) {
      return absl::OkStatus();
    }
  } else if (!absl::IsNotFound(stored.status())) {
    return stored.status();
  }
  record::Order record;
  *record.mutable_order() = order;
  record.mutable_order()->clear_lines();
  for (const pb::OrderLine& line : order.lines()) {
    if (line.device() == device_.ToString()) *record.mutable_order()->add_lines() = line;
  }
  batch.Put(keys::kOrders, keys::Id(id), record.SerializeAsString());
  if (order.state() == pb::ORDER_STATE_CANCELLED) return CancelShares(batch, id);
  if (WasReleased(order)) return AddShares(batch, record.order(), id);
  return absl::OkStatus();
}

absl::Status OrderBook::AddShares(kv::Batch& batch, const pb::Order& order,
                                  const std::string& order_id) {
  std::map<std::string, record::Share> shares;
  for (const pb::OrderLine& line : order.lines()) {
    const auto product = rpc::ParseResourceName(kProductPattern, line.product());
    // Lines of a product that cannot be read fail together, under a lab that is never configured.
    const std::string lab = product.has_value() ? product->at(1) : "unknown";
    *shares[lab].add_lines() = line;
  }
  for (auto& [lab, share] : shares) {
    const ShareKey key(order_id, lab);
    const absl::StatusOr<record::Share> known = GetShare(key);
    if (known.ok()) continue;
    if (!absl::IsNotFound(known.status())) return known.status();
    share.set_order(order.name());
    share.set_lab(lab);
    const auto set_lines = [](pb::ItemState state, const std::string& why) {
      return [state, why](pb::LineProgress& line) {
        line.set_state(state);
        line.set_state_message(why);
      };
    };
    if (labs_.contains(lab)) {
      share.set_phase(record::SHARE_PHASE_NEW);
      SetReport(share, pb::JOB_STATE_OPEN, "", set_lines(pb::ITEM_STATE_WAITING, ""));
    } else {
      const std::string why =
          base::Concat("the lab \"", lab,
                       "\" is not in the configuration of this device; add a [[lab]] with "
                       "this id and order again");
      share.set_phase(record::SHARE_PHASE_FINISHED);
      SetReport(share, pb::JOB_STATE_FAILED, why, set_lines(pb::ITEM_STATE_FAILED, why));
    }
    if (absl::Status status = PutShare(batch, key, share); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status OrderBook::CancelShares(kv::Batch& batch, const std::string& order_id) {
  std::vector<record::Share> shares;
  const absl::Status status = database_.Scan(
      keys::kShares, keys::Id(order_id), "", [&](std::string_view, std::string_view value) {
        shares.emplace_back().ParseFromArray(value.data(), static_cast<int>(value.size()));
        return true;
      });
  if (!status.ok()) return status;
  for (record::Share& share : shares) {
    if (share.phase() == record::SHARE_PHASE_FINISHED) continue;
    share.set_phase(record::SHARE_PHASE_CANCELLING);
    if (absl::Status put = PutShare(batch, {order_id, share.lab()}, share); !put.ok()) return put;
  }
  return absl::OkStatus();
}

// ---- Shares

absl::StatusOr<record::Share> OrderBook::GetShare(const ShareKey& key) const {
  const absl::StatusOr<std::string> bytes =
      database_.Get(keys::kShares, keys::Pair(key.first, key.second));
  if (!bytes.ok()) return bytes.status();
  record::Share share;
  if (!share.ParseFromString(*bytes)) return Damaged(base::Concat("the order ", key.first));
  return share;
}

absl::Status OrderBook::PutShare(kv::Batch& batch, const ShareKey& key,
                                 const record::Share& share) const {
  const std::string stored = keys::Pair(key.first, key.second);
  batch.Put(keys::kShares, stored, share.SerializeAsString());
  const bool open = share.phase() != record::SHARE_PHASE_FINISHED ||
                    share.report().revision() > share.reported_revision();
  if (open) {
    batch.Put(keys::kOpenShares, stored, "");
  } else {
    batch.Delete(keys::kOpenShares, stored);
  }
  return absl::OkStatus();
}

absl::Status OrderBook::ChangeShare(const ShareKey& key, kv::Batch batch,
                                    const std::function<void(record::Share&)>& change) {
  absl::StatusOr<record::Share> share = GetShare(key);
  if (!share.ok()) return share.status();
  const std::string before = share->SerializeAsString();
  change(*share);
  if (share->SerializeAsString() != before) {
    if (absl::Status status = PutShare(batch, key, *share); !status.ok()) return status;
  }
  if (batch.empty()) return absl::OkStatus();
  return Commit(std::move(batch));
}

void OrderBook::SetReport(record::Share& share, pb::JobState state, const std::string& message,
                          const std::function<void(pb::LineProgress&)>& line) const {
  pb::ReportProgressRequest report = share.report();
  report.set_order(share.order());
  report.set_lab(base::Concat("studios/", device_.studio, "/labs/", share.lab()));
  report.set_job(share.job());
  report.set_state(state);
  report.set_state_message(Readable(message, 2'000));
  if (report.lines_size() != share.lines_size()) {
    report.clear_lines();
    for (const pb::OrderLine& ordered : share.lines()) {
      report.add_lines()->set_line_number(ordered.line_number());
    }
  }
  for (pb::LineProgress& progress : *report.mutable_lines()) line(progress);
  if (report.SerializeAsString() == share.report().SerializeAsString()) return;
  report.set_revision(report.revision() + 1);
  report.mutable_report_time()->set_seconds(std::chrono::system_clock::to_time_t(clock_.WallNow()));
  *share.mutable_report() = report;
}

absl::StatusOr<std::vector<record::Share>> OrderBook::SharesToSend(const std::string& lab) const {
  std::vector<record::Share> shares;
  absl::Status damage;
  const absl::Status status =
      database_.Scan(keys::kOpenShares, "", "", [&](std::string_view key, std::string_view) {
        const keys::TwoIds ids = keys::PairFrom(key);
        if (ids.second != lab) return true;
        absl::StatusOr<record::Share> share = GetShare({ids.first, ids.second});
        damage.Update(share.status());
        if (share.ok() && WantsLab(*share)) shares.push_back(*std::move(share));
        return shares.size() < 100;
      });
  if (!status.ok()) return status;
  if (!damage.ok()) return damage;
  return shares;
}

absl::Status OrderBook::RecordJob(const std::string& lab, const pb::Job& job,
                                  std::int64_t feed_revision) {
  const std::lock_guard lock(mutex_);
  kv::Batch batch;
  record::LabLink link = Link(lab);
  if (feed_revision > link.feed_revision()) {
    link.set_feed_revision(feed_revision);
    PutLink(batch, lab, link);
  }
  const ShareKey key(OrderId(job.order()), lab);
  const absl::StatusOr<record::Share> known = GetShare(key);
  absl::Status status;
  if (job.device() != device_.ToString() || absl::IsNotFound(known.status())) {
    // Another device's job, which the lab tells every device of the studio.
    if (!batch.empty()) status = Commit(std::move(batch));
  } else {
    status = ChangeShare(key, std::move(batch), [&](record::Share& share) {
      const bool settled = share.phase() == record::SHARE_PHASE_FINISHED;
      if (settled || !share.failure().empty() || job.revision() < share.job_revision()) return;
      share.set_job(job.name());
      share.set_job_revision(job.revision());
      const bool over =
          job.state() == pb::JOB_STATE_COMPLETED || job.state() == pb::JOB_STATE_CANCELLED;
      if (over) {
        share.set_phase(record::SHARE_PHASE_FINISHED);
      } else if (share.phase() != record::SHARE_PHASE_CANCELLING) {
        share.set_phase(job.state() == pb::JOB_STATE_OPEN ? record::SHARE_PHASE_OPEN
                                                          : record::SHARE_PHASE_CLOSED);
      }
      SetReport(share, job.state(), job.state_message(), [&](pb::LineProgress& line) {
        for (const pb::Item& item : job.items()) {
          if (item.line_number() != line.line_number()) continue;
          line.set_state(item.state());
          line.set_state_message(item.state_message());
        }
      });
    });
  }
  if (status.ok()) links_[lab] = link;
  return status;
}

absl::Status OrderBook::RecordJobFeed(const std::string& lab, std::int64_t feed_revision) {
  const std::lock_guard lock(mutex_);
  record::LabLink link = Link(lab);
  if (feed_revision <= link.feed_revision()) return absl::OkStatus();
  link.set_feed_revision(feed_revision);
  kv::Batch batch;
  PutLink(batch, lab, link);
  absl::Status status = Commit(std::move(batch));
  if (status.ok()) links_[lab] = link;
  return status;
}

absl::Status OrderBook::RestartJobFeed(const std::string& lab) {
  const std::lock_guard lock(mutex_);
  std::vector<ShareKey> shares;
  const absl::Status read =
      database_.Scan(keys::kOpenShares, "", "", [&](std::string_view key, std::string_view) {
        const keys::TwoIds ids = keys::PairFrom(key);
        if (ids.second == lab) shares.emplace_back(ids.first, ids.second);
        return true;
      });
  if (!read.ok()) return read;
  for (const ShareKey& key : shares) {
    const absl::Status status = ChangeShare(key, {}, [](record::Share& share) {
      if (share.phase() != record::SHARE_PHASE_OPEN &&
          share.phase() != record::SHARE_PHASE_CLOSED) {
        return;
      }
      share.set_job_revision(0);
      if (!HasBegunPrinting(share)) {
        share.set_phase(record::SHARE_PHASE_NEW);
        return;
      }
      share.mutable_report()->set_revision(share.report().revision() + 1);
      share.mutable_report()->set_state_message(
          "the lab was restored from an older copy and may no longer know this job; ask it which "
          "pages came out, and order the others again");
    });
    if (!status.ok()) return status;
  }
  // Last: a crash before this has the lab say once more that it does not know the revision.
  record::LabLink link = Link(lab);
  link.set_feed_revision(0);
  kv::Batch batch;
  PutLink(batch, lab, link);
  absl::Status status = Commit(std::move(batch));
  if (status.ok()) links_[lab] = link;
  return status;
}

std::int64_t OrderBook::JobFeedRevision(const std::string& lab) const {
  const std::lock_guard lock(mutex_);
  return Link(lab).feed_revision();
}

absl::Status OrderBook::FailShare(const record::Share& share, const std::string& why,
                                  const std::map<int, std::string>& lines) {
  const std::lock_guard lock(mutex_);
  return ChangeShare({OrderId(share.order()), share.lab()}, {}, [&](record::Share& stored) {
    if (stored.phase() == record::SHARE_PHASE_FINISHED) return;
    // A job that the lab has opened is taken back before the share is done with.
    stored.set_phase(stored.job().empty() ? record::SHARE_PHASE_FINISHED
                                          : record::SHARE_PHASE_CANCELLING);
    stored.set_failure(why);
    SetReport(stored, pb::JOB_STATE_FAILED, why, [&](pb::LineProgress& line) {
      const auto reason = lines.find(line.line_number());
      if (reason != lines.end()) {
        line.set_state(pb::ITEM_STATE_FAILED);
        line.set_state_message(Readable(reason->second, 2'000));
      } else {
        line.set_state(pb::ITEM_STATE_CANCELLED);
        line.set_state_message("not printed because another line of the order cannot be made");
      }
    });
  });
}

absl::Status OrderBook::FinishCancelled(const record::Share& share) {
  const std::lock_guard lock(mutex_);
  return ChangeShare({OrderId(share.order()), share.lab()}, {}, [&](record::Share& stored) {
    if (stored.phase() != record::SHARE_PHASE_CANCELLING) return;
    stored.set_phase(record::SHARE_PHASE_FINISHED);
    if (!stored.failure().empty()) return;
    SetReport(stored, pb::JOB_STATE_CANCELLED, "the order was cancelled",
              [](pb::LineProgress& line) {
                line.set_state(pb::ITEM_STATE_CANCELLED);
                line.clear_state_message();
              });
  });
}

absl::Status OrderBook::RefuseCancel(const record::Share& share, const std::string& why) {
  const std::lock_guard lock(mutex_);
  return ChangeShare({OrderId(share.order()), share.lab()}, {}, [&](record::Share& stored) {
    if (stored.phase() != record::SHARE_PHASE_CANCELLING) return;
    stored.set_phase(record::SHARE_PHASE_CLOSED);
    SetReport(stored, stored.report().state(), why, [](pb::LineProgress&) {});
  });
}

absl::Status OrderBook::NoteWaiting(const record::Share& share, const std::string& why) {
  const std::lock_guard lock(mutex_);
  return ChangeShare({OrderId(share.order()), share.lab()}, {}, [&](record::Share& stored) {
    if (!WantsLab(stored) || !stored.failure().empty()) return;
    SetReport(stored, stored.report().state(), why, [](pb::LineProgress&) {});
  });
}

absl::StatusOr<int> OrderBook::CountMismatch(const record::Share& share,
                                             const std::string& digest_hex) {
  const std::lock_guard lock(mutex_);
  int count = 0;
  const absl::Status status = ChangeShare(
      {OrderId(share.order()), share.lab()}, {},
      [&](record::Share& stored) { count = ++(*stored.mutable_mismatches())[digest_hex]; });
  if (!status.ok()) return status;
  return count;
}

absl::Status OrderBook::CountLabSentBytes(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  totals_.set_lab_sent_bytes(totals_.lab_sent_bytes() + bytes);
  kv::Batch batch;
  batch.Put(keys::kMeta, keys::OrderTotals(), totals_.SerializeAsString());
  return Commit(std::move(batch));
}

}  // namespace proofline::studio
