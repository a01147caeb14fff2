// What the order book has for the host and for people.
#include <algorithm>

#include "daemon/catalog_keys.h"
#include "daemon/order_book.h"
#include "daemon/told_share.h"
#include "lib/rpc/resource_name.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

std::string LastPart(const std::string& name) { return name.substr(name.rfind('/') + 1); }

}  // namespace

absl::Status OrderBook::ForgetJob(const record::Share& share) {
  const std::lock_guard lock(mutex_);
  const std::string order = LastPart(share.order());
  return ChangeShare({order, share.lab()}, {}, [](record::Share& stored) {
    if (stored.phase() != record::SHARE_PHASE_ASKING) return;
    if (!HasBegunPrinting(stored)) {
      stored.clear_job();
      stored.set_phase(record::SHARE_PHASE_NEW);
      return;
    }
    // Only the lab's people know which pages came out.
    stored.set_phase(record::SHARE_PHASE_CLOSED);
    stored.mutable_report()->set_revision(stored.report().revision() + 1);
    stored.mutable_report()->set_state_message(
        "the lab no longer knows this job, which it had begun to print; ask it which pages came "
        "out, and order the others again");
  });
}

record::LabLink& OrderBook::Link(const std::string& lab) const { return links_[lab]; }

void OrderBook::PutLink(kv::Batch& batch, const std::string& lab,
                        const record::LabLink& link) const {
  batch.Put(keys::kLabs, keys::Id(lab), link.SerializeAsString());
}

absl::Status OrderBook::RecordManifest(const std::string& lab, const pb::Lab& manifest,
                                       bool report_anyway) {
  const std::lock_guard lock(mutex_);
  record::LabLink link = Link(lab);
  const bool same = link.manifest().SerializeAsString() == manifest.SerializeAsString();
  if (same && (!report_anyway || !link.reported())) return absl::OkStatus();
  *link.mutable_manifest() = manifest;
  link.set_reported(false);
  kv::Batch batch;
  PutLink(batch, lab, link);
  const absl::Status status = Commit(std::move(batch));
  if (status.ok()) links_[lab] = link;
  return status;
}

absl::StatusOr<std::vector<pb::ReportProgressRequest>> OrderBook::UnreportedShares(int max) const {
  std::vector<pb::ReportProgressRequest> reports;
  absl::Status damage;
  const absl::Status status =
      database_.Scan(keys::kOpenShares, "", "", [&](std::string_view key, std::string_view) {
        const keys::TwoIds ids = keys::PairFrom(key);
        const absl::StatusOr<record::Share> share = GetShare({ids.first, ids.second});
        damage.Update(share.status());
        if (share.ok() && share->report().revision() > share->reported_revision()) {
          reports.push_back(share->report());
        }
        return static_cast<int>(reports.size()) < max;
      });
  if (!status.ok()) return status;
  if (!damage.ok()) return damage;
  return reports;
}

absl::Status OrderBook::MarkReported(const pb::ReportProgressRequest& report) {
  const std::lock_guard lock(mutex_);
  return ChangeShare(
      {LastPart(report.order()), LastPart(report.lab())}, {}, [&](record::Share& share) {
        share.set_reported_revision(std::max(share.reported_revision(), report.revision()));
      });
}

absl::StatusOr<std::vector<pb::Lab>> OrderBook::UnreportedLabs() const {
  const std::lock_guard lock(mutex_);
  std::vector<pb::Lab> labs;
  for (const auto& [id, link] : links_) {
    if (link.has_manifest() && !link.reported()) labs.push_back(link.manifest());
  }
  return labs;
}

absl::Status OrderBook::MarkLabReported(const pb::Lab& manifest) {
  const std::lock_guard lock(mutex_);
  const std::string lab = LastPart(manifest.name());
  record::LabLink link = Link(lab);
  // A newer one may have come meanwhile.
  if (link.manifest().SerializeAsString() != manifest.SerializeAsString()) return absl::OkStatus();
  link.set_reported(true);
  kv::Batch batch;
  PutLink(batch, lab, link);
  const absl::Status status = Commit(std::move(batch));
  if (status.ok()) links_[lab] = link;
  return status;
}

absl::StatusOr<std::vector<pb::Order>> OrderBook::ListOrders(const std::string& start_before,
                                                             int max) const {
  std::vector<pb::Order> orders;
  const auto cursor = database_.NewCursor(keys::kOrders, "");
  if (start_before.empty()) {
    cursor->SeekToLast();
  } else {
    cursor->Seek(keys::Id(start_before));
    // Beyond the last key there is nothing to go back from.
    if (cursor->Valid()) {
      cursor->Prev();
    } else {
      cursor->SeekToLast();
    }
  }
  for (; cursor->Valid() && static_cast<int>(orders.size()) < max; cursor->Prev()) {
    record::Order order;
    order.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size()));
    orders.push_back(order.order());
  }
  if (!cursor->status().ok()) return cursor->status();
  return orders;
}

absl::StatusOr<std::vector<record::Share>> OrderBook::UnsentShares(std::size_t max) const {
  std::vector<record::Share> unsent;
  absl::Status damage;
  const absl::Status status =
      database_.Scan(keys::kOpenShares, "", "", [&](std::string_view key, std::string_view) {
        const keys::TwoIds ids = keys::PairFrom(key);
        absl::StatusOr<record::Share> share = GetShare({ids.first, ids.second});
        damage.Update(share.status());
        if (share.ok() && share->failure().empty() && !share->report().state_message().empty() &&
            (share->phase() == record::SHARE_PHASE_NEW ||
             share->phase() == record::SHARE_PHASE_OPEN)) {
          unsent.push_back(*std::move(share));
        }
        return unsent.size() < max;
      });
  if (!status.ok()) return status;
  if (!damage.ok()) return damage;
  return unsent;
}

std::int64_t OrderBook::open_orders() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::int64_t>(open_orders_.size());
}

std::int64_t OrderBook::lab_sent_bytes() const {
  const std::lock_guard lock(mutex_);
  return totals_.lab_sent_bytes();
}

absl::StatusOr<bool> OrderBook::HasOpenOrderFor(const std::string& photo) const {
  const std::lock_guard lock(mutex_);
  for (const std::string& id : open_orders_) {
    const absl::StatusOr<std::string> stored = database_.Get(keys::kOrders, keys::Id(id));
    if (absl::IsNotFound(stored.status())) continue;
    if (!stored.ok()) return stored.status();
    record::Order record;
    record.ParseFromString(*stored);
    for (const pb::OrderLine& line : record.order().lines()) {
      if (line.photo().substr(line.photo().rfind('/') + 1) == photo) return true;
    }
  }
  return false;
}

}  // namespace proofline::studio
