// Orders: taking them, changing them, and the feeds that tell of it.
#include <set>

#include "hostd/record_text.h"
#include "hostd/store.h"
#include "hostd/store_internal.h"
#include "hostd/store_keys.h"
#include "lib/base/id.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/rpc/feed_gap.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

bool IsOpen(const pb::Order& order) {
  return order.state() != pb::ORDER_STATE_COMPLETED && order.state() != pb::ORDER_STATE_CANCELLED;
}

absl::Status NoOrder(std::string_view order) {
  return rpc::Error(absl::StatusCode::kNotFound,
                    base::Concat("there is no order ", order,
                                 "; list the orders to see which "
                                 "there are"),
                    "ORDER_NOT_FOUND", {{"order", std::string(order)}});
}

absl::Status CheckSameRequest(const record::RequestRecord& request, const base::Digest& digest,
                              std::string_view request_id) {
  if (request.digest() == digest.bytes()) return absl::OkStatus();
  return rpc::Error(absl::StatusCode::kAlreadyExists,
                    "the request_id was used for another order; take a new one for a new order",
                    "REQUEST_ID_REUSED", {{"request_id", std::string(request_id)}});
}

// Every feed that an order stands in.
std::vector<FeedOf> FeedsOf(const pb::Order& order) {
  std::vector<FeedOf> feeds = {{"studio", "studio"},
                               {"customer", std::string(LastPart(order.customer()))}};
  std::set<std::string> devices;
  for (const pb::OrderShare& share : order.shares()) {
    devices.insert(std::string(LastPart(share.device())));
  }
  for (const std::string& device : devices) feeds.push_back({"device", device});
  return feeds;
}

std::set<std::string> PhotosOf(const pb::Order& order) {
  std::set<std::string> photos;
  for (const pb::OrderLine& line : order.lines()) {
    photos.insert(std::string(LastPart(line.photo())));
  }
  return photos;
}

absl::Status CountOpenOrders(Transaction& tx, std::string_view studio, const pb::Order& order,
                             int more) {
  for (const std::string& photo : PhotosOf(order)) {
    const std::string key = keys::OpenOrders(studio, photo);
    const auto existing = tx.GetRecord<record::OpenOrdersRecord>(keys::kRecords, key);
    if (!existing.ok()) return existing.status();
    record::OpenOrdersRecord record = existing->value_or(record::OpenOrdersRecord());
    record.set_orders(record.orders() + more);
    if (record.orders() > 0) {
      tx.PutRecord(keys::kRecords, key, record);
    } else {
      tx.Delete(keys::kRecords, key);
    }
  }
  return absl::OkStatus();
}

// Gives out the next revision of the studio's order feed.
absl::Status NextRevision(Transaction& tx, std::string_view studio, const std::string& opening,
                          base::WallTime now, record::CountersRecord& figures) {
  const std::int64_t last = figures.order_revision();
  if (figures.opening() == opening) {
    figures.set_order_revision(last + 1);
    return absl::OkStatus();
  }
  figures.set_opening(opening);
  figures.set_order_revision(rpc::RevisionAfterOpening(last, now));
  const std::string key = keys::FeedGaps(studio);
  const auto gaps = tx.GetRecord<record::FeedGapsRecord>(keys::kRecords, key);
  if (!gaps.ok()) return gaps.status();
  record::FeedGapsRecord more = gaps->value_or(record::FeedGapsRecord());
  rpc::AddGap(last, figures.order_revision(), more);
  tx.PutRecord(keys::kRecords, key, more);
  return absl::OkStatus();
}

// Writes an order that is new or has changed, with its place in every feed.
absl::Status PutOrder(Transaction& tx, std::string_view studio, const std::string& opening,
                      base::WallTime wall_now, pb::Order& order) {
  const google::protobuf::Timestamp now = TimestampOf(wall_now);
  const auto counters =
      tx.GetRecord<record::CountersRecord>(keys::kRecords, keys::Counters(studio));
  if (!counters.ok()) return counters.status();
  record::CountersRecord figures = counters->value_or(record::CountersRecord());
  const bool is_new = order.revision() == 0;
  if (is_new) figures.set_orders(figures.orders() + 1);
  absl::Status numbered = NextRevision(tx, studio, opening, wall_now, figures);
  if (!numbered.ok()) return numbered;
  tx.PutRecord(keys::kRecords, keys::Counters(studio), figures);

  const std::string id(LastPart(order.name()));
  const auto old_revision = static_cast<std::uint64_t>(order.revision());
  const auto revision = static_cast<std::uint64_t>(figures.order_revision());
  for (const FeedOf& feed : FeedsOf(order)) {
    if (!is_new) {
      tx.Delete(keys::kRecords, keys::FeedEntry(studio, feed.kind, feed.id, old_revision));
    }
    tx.Put(keys::kRecords, keys::FeedEntry(studio, feed.kind, feed.id, revision), id);
  }
  order.set_revision(figures.order_revision());
  *order.mutable_update_time() = now;
  order.clear_etag();
  order.set_etag(EtagOf(order));
  record::OrderRecord record;
  *record.mutable_order() = order;
  tx.PutRecord(keys::kRecords, keys::Order(studio, id), record);
  return absl::OkStatus();
}

// The order was checked against photos and devices that may have changed since.
absl::Status CheckLinesStillHold(const Transaction& tx, std::string_view studio,
                                 const pb::Order& order) {
  const absl::Status changed =
      rpc::Error(absl::StatusCode::kAborted,
                 "a photo of the order has changed meanwhile; try again", "PHOTO_CHANGED");
  for (const pb::OrderLine& line : order.lines()) {
    const auto found = tx.GetRecord<record::PhotoRecord>(
        keys::kRecords, keys::Photo(studio, LastPart(line.photo())));
    if (!found.ok()) return found.status();
    if (!found->has_value()) return changed;
    const pb::Photo& photo = (*found)->photo();
    if (photo.name() != line.photo() || photo.device() != line.device() ||
        photo.original_digest() != line.original_digest() ||
        ExactBytes(photo.edit()) != ExactBytes(line.edit())) {
      return changed;
    }
    const auto device = tx.GetRecord<record::DeviceRecord>(
        keys::kRecords, keys::Device(studio, LastPart(line.device())));
    if (!device.ok()) return device.status();
    if (!device->has_value() || (*device)->device().revoked()) return changed;
  }
  return absl::OkStatus();
}

absl::StatusOr<pb::Order> ReadOrder(const Transaction& tx, std::string_view studio,
                                    std::string_view order) {
  auto found = tx.GetRecord<record::OrderRecord>(keys::kRecords, keys::Order(studio, order));
  if (!found.ok()) return found.status();
  if (!found->has_value()) return NoOrder(order);
  return std::move(*(*found)->mutable_order());
}

}  // namespace

absl::StatusOr<std::optional<pb::Order>> Store::FindOrderOfRequest(
    std::string_view studio, std::string_view customer, std::string_view request_id,
    const base::Digest& request_digest) const {
  const auto request = Find<record::RequestRecord>(keys::Request(studio, customer, request_id));
  if (!request.ok()) return request.status();
  if (!request->has_value()) return std::optional<pb::Order>();
  if (absl::Status same = CheckSameRequest(**request, request_digest, request_id); !same.ok()) {
    return same;
  }
  absl::StatusOr<pb::Order> order = GetOrder(studio, (*request)->order());
  if (!order.ok()) return order.status();
  return std::optional<pb::Order>(*std::move(order));
}

absl::StatusOr<pb::Order> Store::CreateOrder(std::string_view studio, const NewOrder& wanted) {
  pb::Order order = wanted.order;
  const std::string customer(LastPart(order.customer()));
  const std::string request_key = keys::Request(studio, customer, wanted.request_id);
  const google::protobuf::Timestamp now = NowStamp();
  const absl::Status status = writer_->Run(studio, [&](Transaction& tx) {
    const auto request = tx.GetRecord<record::RequestRecord>(keys::kRecords, request_key);
    if (!request.ok()) return request.status();
    if (request->has_value()) {
      absl::Status same = CheckSameRequest(**request, wanted.request_digest, wanted.request_id);
      if (!same.ok()) return same;
      absl::StatusOr<pb::Order> before = ReadOrder(tx, studio, (*request)->order());
      if (before.ok()) order = *std::move(before);
      return before.status();
    }
    if (absl::Status hold = CheckLinesStillHold(tx, studio, order); !hold.ok()) return hold;

    const std::string id = base::NewId();
    order.set_name(rpc::MakeResourceName("studios/*/orders/*", {studio, id}));
    order.clear_revision();
    *order.mutable_create_time() = now;
    for (pb::OrderStateChange& change : *order.mutable_history()) *change.mutable_time() = now;
    if (absl::Status put = PutOrder(tx, studio, opening_, clock_.WallNow(), order); !put.ok())
      return put;
    tx.Put(keys::kRecords, keys::CustomerOrder(studio, customer, id), "");
    record::RequestRecord answered;
    answered.set_order(id);
    answered.set_digest(std::string(wanted.request_digest.bytes()));
    tx.PutRecord(keys::kRecords, request_key, answered);
    return CountOpenOrders(tx, studio, order, 1);
  });
  if (!status.ok()) return status;
  base::KillPoint("host.order.created");
  if (told_) told_(std::string(studio), order.revision());
  return order;
}

absl::StatusOr<pb::Order> Store::GetOrder(std::string_view studio, std::string_view order) const {
  auto found = Find<record::OrderRecord>(keys::Order(studio, order));
  if (!found.ok()) return found.status();
  if (!found->has_value()) return NoOrder(order);
  return std::move(*(*found)->mutable_order());
}

absl::StatusOr<Page<pb::Order>> Store::ListOrders(std::string_view studio,
                                                  std::string_view customer, std::string_view after,
                                                  int limit) const {
  const std::string prefix =
      customer.empty() ? keys::Orders(studio) : keys::CustomerOrders(studio, customer);
  const std::unique_ptr<kv::Cursor> cursor = database_->NewCursor(keys::kRecords, prefix);
  // Ids grow with time, so backwards is newest first.
  if (after.empty()) {
    cursor->SeekToLast();
  } else {
    const std::string at = prefix + kv::KeyBuilder().Text(after).Take();
    cursor->Seek(at);
    if (cursor->Valid()) {
      cursor->Prev();
    } else {
      cursor->SeekToLast();
    }
  }
  Page<pb::Order> page;
  for (; cursor->Valid(); cursor->Prev()) {
    if (static_cast<int>(page.items.size()) == limit) {
      page.next = std::string(LastPart(page.items.back().name()));
      break;
    }
    absl::StatusOr<pb::Order> order = GetOrder(studio, keys::LastText(prefix, cursor->key()));
    if (!order.ok()) return order.status();
    page.items.push_back(*std::move(order));
  }
  if (absl::Status status = cursor->status(); !status.ok()) return status;
  return page;
}

absl::StatusOr<pb::Order> Store::UpdateOrder(
    std::string_view studio, std::string_view order,
    const std::function<absl::StatusOr<bool>(pb::Order&)>& change) {
  pb::Order result;
  bool changed = false;
  const absl::Status status = writer_->Run(studio, [&](Transaction& tx) {
    absl::StatusOr<pb::Order> found = ReadOrder(tx, studio, order);
    if (!found.ok()) return found.status();
    const bool was_open = IsOpen(*found);
    const absl::StatusOr<bool> outcome = change(*found);
    if (!outcome.ok()) return outcome.status();
    changed = *outcome;
    if (changed) {
      if (absl::Status put = PutOrder(tx, studio, opening_, clock_.WallNow(), *found); !put.ok())
        return put;
      if (was_open && !IsOpen(*found)) {
        absl::Status counted = CountOpenOrders(tx, studio, *found, -1);
        if (!counted.ok()) return counted;
      }
    }
    result = *std::move(found);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  base::KillPoint("host.order.changed");
  if (changed && told_) told_(std::string(studio), result.revision());
  return result;
}

absl::Status Store::ReadFeed(
    std::string_view studio, const FeedOf& feed, std::int64_t after_revision,
    const std::function<bool(std::int64_t revision, pb::Order)>& visit) const {
  absl::Status failure;
  const std::string after =
      keys::FeedEntry(studio, feed.kind, feed.id, static_cast<std::uint64_t>(after_revision));
  const absl::Status scanned = database_->Scan(
      keys::kRecords, keys::Feed(studio, feed.kind, feed.id), after,
      [&](std::string_view key, std::string_view id) {
        const auto revision = static_cast<std::int64_t>(keys::RevisionOfFeedEntry(key));
        absl::StatusOr<pb::Order> order = GetOrder(studio, id);
        if (!order.ok()) {
          failure = order.status();
          return false;
        }
        // Changed since the scan began: it comes again at its new place.
        if (order->revision() != revision) return true;
        return visit(revision, *std::move(order));
      });
  if (!failure.ok()) return failure;
  return scanned;
}

absl::StatusOr<bool> Store::IsForeignRevision(std::string_view studio,
                                              std::int64_t revision) const {
  const auto gaps = Find<record::FeedGapsRecord>(keys::FeedGaps(studio));
  if (!gaps.ok()) return gaps.status();
  return gaps->has_value() && rpc::IsInGap(revision, (*gaps)->gaps());
}

absl::StatusOr<std::int64_t> Store::OrderRevision(std::string_view studio) const {
  const auto counters = Find<record::CountersRecord>(keys::Counters(studio));
  if (!counters.ok()) return counters.status();
  return counters->value_or(record::CountersRecord()).order_revision();
}

}  // namespace proofline::host
