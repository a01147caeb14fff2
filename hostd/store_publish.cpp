// Taking packs of changes from devices: one atomic change of the studio's partition for each pack.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <variant>

#include "hostd/kept_refusals.h"
#include "hostd/record_text.h"
#include "hostd/rendition_value.h"
#include "hostd/shared_headers.h"
#include "hostd/store.h"
#include "hostd/store_internal.h"
#include "hostd/store_keys.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

const record::StoredRendition* FindKind(const record::PhotoRecord& record, pb::RenditionKind kind) {
  for (const record::StoredRendition& rendition : record.renditions()) {
    if (rendition.kind() == kind) return &rendition;
  }
  return nullptr;
}

std::int64_t BodyBytes(const record::PhotoRecord& record) {
  std::int64_t bytes = 0;
  for (const record::StoredRendition& rendition : record.renditions()) {
    bytes += rendition.body_bytes();
  }
  return bytes;
}

// Puts or deletes every index entry of a photo.
template <typename Write>
void ForEachIndexKey(std::string_view studio, const pb::Photo& photo, const Write& write) {
  const std::string gallery = GalleryIdOf(photo);
  const std::string_view id = LastPart(photo.name());
  write(keys::GalleryPhoto(studio, gallery, keys::OrderOfTime(photo), id));
  for (const auto& [field, value] : MatchableValues(photo.metadata())) {
    write(keys::MatchedPhoto(studio, field, value, gallery, id));
  }
}

// The record without what the host adds, for telling whether anything changed.
std::string Essence(const pb::Photo& photo) {
  pb::Photo essence = photo;
  essence.clear_create_time();
  essence.clear_update_time();
  essence.clear_etag();
  return ExactBytes(essence);
}

}  // namespace

// One pack on its way into the store.
struct Store::PackRun {
  PublishedPack pack;
  PublishOutcome outcome;
  // Headers that are durable once the pack is: for the cache.
  std::vector<std::pair<std::string, std::shared_ptr<const std::string>>> headers;
  google::protobuf::Timestamp now;
  record::CountersRecord counters;
  record::RefusalsRecord kept;
  bool kept_changed = false;
};

namespace {

// Why a change is not stored; nothing: it is.
struct Refused {
  std::string reason;
  std::string message;
};
using Applied = absl::StatusOr<std::optional<Refused>>;

Refused Refuse(std::string reason, std::string message) {
  return Refused{std::move(reason), std::move(message)};
}

// Adds to a gallery's figures and makes the gallery if it is new.
absl::Status ChangeGallery(Transaction& tx, std::string_view studio, const std::string& gallery,
                           std::string_view title_if_new, int photos,
                           const google::protobuf::Timestamp& now,
                           record::CountersRecord& counters) {
  const std::string key = keys::Gallery(studio, gallery);
  auto found = tx.GetRecord<pb::Gallery>(keys::kRecords, key);
  if (!found.ok()) return found.status();
  pb::Gallery record;
  if (found->has_value()) {
    record = *std::move(*found);
  } else {
    record.set_name(rpc::MakeResourceName("studios/*/galleries/*", {studio, gallery}));
    record.set_title(title_if_new.empty() ? gallery : std::string(title_if_new));
  }
  const std::int64_t before = record.photo_count();
  record.set_photo_count(before + photos);
  if (before == 0 && record.photo_count() > 0) counters.set_galleries(counters.galleries() + 1);
  if (before > 0 && record.photo_count() == 0) counters.set_galleries(counters.galleries() - 1);
  if (!record.has_create_time()) *record.mutable_create_time() = now;
  *record.mutable_update_time() = now;
  tx.PutRecord(keys::kRecords, key, record);
  return absl::OkStatus();
}

std::optional<Refused> CheckOwner(const std::optional<record::PhotoRecord>& existing,
                                  const std::string& device_name, const pb::Photo& photo) {
  if (!existing.has_value() || existing->photo().device() == device_name) return std::nullopt;
  return Refuse("FOREIGN_PHOTO",
                base::Concat("the photo ", LastPart(photo.name()),
                             " belongs to another device of the studio; only that one changes it"));
}

// What the store will hold of each rendition that the record names, in the record's order.
std::variant<std::vector<record::StoredRendition>, Refused> PlanRenditions(
    const PublishedChange& change, const std::optional<record::PhotoRecord>& existing) {
  std::vector<record::StoredRendition> planned;
  for (const pb::Rendition& rendition : change.photo.renditions()) {
    const auto brought =
        std::find_if(change.renditions.begin(), change.renditions.end(),
                     [&](const PublishedRendition& one) { return one.kind == rendition.kind(); });
    if (brought != change.renditions.end()) {
      record::StoredRendition stored;
      stored.set_kind(brought->kind);
      stored.set_digest(std::string(brought->digest.bytes()));
      stored.set_body_bytes(static_cast<std::int64_t>(brought->body.size()));
      if (brought->header_digest.has_value()) {
        stored.set_header_digest(std::string(brought->header_digest->bytes()));
      }
      planned.push_back(std::move(stored));
      continue;
    }
    const record::StoredRendition* kept =
        existing.has_value() ? FindKind(*existing, rendition.kind()) : nullptr;
    if (kept == nullptr || kept->digest() != rendition.digest()) {
      return Refuse(
          "RENDITION_MISSING",
          base::Concat("the photo ", LastPart(change.photo.name()), " names a ",
                       rendition.kind() == pb::RENDITION_KIND_PROOF ? "proof" : "thumbnail",
                       " that is neither in the pack nor here; send it too"));
    }
    planned.push_back(*kept);
  }
  return planned;
}

// Puts the brought renditions and drops those of kinds the photo no longer has.
absl::Status WriteRenditions(
    Transaction& tx, const std::string& studio, PublishedChange& change,
    const record::PhotoRecord& record, const std::optional<record::PhotoRecord>& existing,
    std::vector<std::pair<std::string, std::shared_ptr<const std::string>>>& headers) {
  const std::string_view photo = LastPart(change.photo.name());
  for (PublishedRendition& rendition : change.renditions) {
    if (rendition.header_digest.has_value()) {
      absl::Status taken = TakeHeader(tx, studio, *rendition.header_digest, *rendition.header);
      if (!taken.ok()) return taken;
      headers.emplace_back(keys::Header(studio, *rendition.header_digest), rendition.header);
    }
    tx.Put(keys::kRenditions, keys::Rendition(studio, photo, rendition.kind),
           MakeRenditionValue({.header_digest = rendition.header_digest,
                               .digest = rendition.digest,
                               .body = rendition.body}));
    rendition.body = std::string();
  }
  if (!existing.has_value()) return absl::OkStatus();
  for (const record::StoredRendition& old : existing->renditions()) {
    const bool is_gone = FindKind(record, old.kind()) == nullptr;
    const bool is_replaced =
        std::any_of(change.renditions.begin(), change.renditions.end(),
                    [&](const PublishedRendition& one) { return one.kind == old.kind(); });
    if (is_gone) tx.Delete(keys::kRenditions, keys::Rendition(studio, photo, old.kind()));
    if (!is_gone && !is_replaced) continue;
    absl::Status released = ReleaseHeader(tx, studio, old.header_digest());
    if (!released.ok()) return released;
  }
  return absl::OkStatus();
}

// Brings the photo's indexes and the galleries' and the studio's figures from `existing` to
// `record`.
absl::Status WriteIndexes(Transaction& tx, const std::string& studio,
                          std::string_view gallery_title, const record::PhotoRecord& record,
                          const std::optional<record::PhotoRecord>& existing,
                          const google::protobuf::Timestamp& now,
                          record::CountersRecord& counters) {
  const std::string gallery = GalleryIdOf(record.photo());
  const std::string old_gallery = existing.has_value() ? GalleryIdOf(existing->photo()) : "";
  if (existing.has_value()) {
    ForEachIndexKey(studio, existing->photo(),
                    [&](const std::string& key) { tx.Delete(keys::kRecords, key); });
  }
  ForEachIndexKey(studio, record.photo(),
                  [&](const std::string& key) { tx.Put(keys::kRecords, key, ""); });
  if (existing.has_value() && old_gallery != gallery) {
    const absl::Status left = ChangeGallery(tx, studio, old_gallery, "", -1, now, counters);
    if (!left.ok()) return left;
  }
  const int more = old_gallery == gallery ? 0 : 1;
  const absl::Status entered =
      ChangeGallery(tx, studio, gallery, gallery_title, more, now, counters);
  if (!entered.ok()) return entered;
  counters.set_photos(counters.photos() + (existing.has_value() ? 0 : 1));
  counters.set_rendition_bytes(counters.rendition_bytes() + BodyBytes(record) -
                               (existing.has_value() ? BodyBytes(*existing) : 0));
  return absl::OkStatus();
}

struct PackContext {
  const std::string& studio;
  const std::string device_name;
  const google::protobuf::Timestamp& now;
  record::CountersRecord& counters;
  std::vector<std::pair<std::string, std::shared_ptr<const std::string>>>& headers;
  std::vector<std::string>& ended_customers;
};

Applied ApplyPhoto(Transaction& tx, const PackContext& pack, PublishedChange& change) {
  const std::string key = keys::Photo(pack.studio, LastPart(change.photo.name()));
  const auto existing = tx.GetRecord<record::PhotoRecord>(keys::kRecords, key);
  if (!existing.ok()) return existing.status();
  if (auto refused = CheckOwner(*existing, pack.device_name, change.photo)) return refused;
  auto planned = PlanRenditions(change, *existing);
  if (Refused* refused = std::get_if<Refused>(&planned)) {
    return std::optional<Refused>(std::move(*refused));
  }

  record::PhotoRecord record;
  *record.mutable_photo() = change.photo;
  record.mutable_photo()->set_device(pack.device_name);
  for (auto& rendition : std::get<std::vector<record::StoredRendition>>(planned)) {
    *record.add_renditions() = std::move(rendition);
  }
  const std::string essence = Essence(record.photo());
  if (existing->has_value() && Essence((*existing)->photo()) == essence) {
    return std::optional<Refused>();  // sent again
  }
  pb::Photo& photo = *record.mutable_photo();
  *photo.mutable_create_time() =
      existing->has_value() ? (*existing)->photo().create_time() : pack.now;
  *photo.mutable_update_time() = pack.now;
  photo.set_etag(base::Sha256Of(essence).hex().substr(0, 16));

  absl::Status status = WriteRenditions(tx, pack.studio, change, record, *existing, pack.headers);
  if (!status.ok()) return status;
  status = WriteIndexes(tx, pack.studio, change.gallery_title, record, *existing, pack.now,
                        pack.counters);
  if (!status.ok()) return status;
  tx.PutRecord(keys::kRecords, key, record);
  return std::optional<Refused>();
}

Applied ApplyWithdrawal(Transaction& tx, const PackContext& pack, const PublishedChange& change) {
  const std::string_view id = LastPart(change.photo.name());
  const std::string key = keys::Photo(pack.studio, id);
  const auto existing = tx.GetRecord<record::PhotoRecord>(keys::kRecords, key);
  if (!existing.ok()) return existing.status();
  if (!existing->has_value()) return std::optional<Refused>();  // withdrawn before
  if (auto refused = CheckOwner(*existing, pack.device_name, change.photo)) return refused;
  const auto open =
      tx.GetRecord<record::OpenOrdersRecord>(keys::kRecords, keys::OpenOrders(pack.studio, id));
  if (!open.ok()) return open.status();
  if (open->has_value() && (*open)->orders() > 0) {
    return std::optional<Refused>(Refuse(
        "OPEN_ORDER", base::Concat("the photo ", id,
                                   " is part of an open order; withdraw it when the order is "
                                   "completed or cancelled")));
  }
  const pb::Photo& photo = (*existing)->photo();
  ForEachIndexKey(pack.studio, photo,
                  [&](const std::string& index) { tx.Delete(keys::kRecords, index); });
  for (const record::StoredRendition& rendition : (*existing)->renditions()) {
    tx.Delete(keys::kRenditions, keys::Rendition(pack.studio, id, rendition.kind()));
    absl::Status released = ReleaseHeader(tx, pack.studio, rendition.header_digest());
    if (!released.ok()) return released;
  }
  tx.Delete(keys::kRecords, key);
  pack.counters.set_photos(pack.counters.photos() - 1);
  pack.counters.set_rendition_bytes(pack.counters.rendition_bytes() - BodyBytes(**existing));
  const absl::Status left =
      ChangeGallery(tx, pack.studio, GalleryIdOf(photo), "", -1, pack.now, pack.counters);
  if (!left.ok()) return left;
  return std::optional<Refused>();
}

Applied ApplyGallery(Transaction& tx, const PackContext& pack, const PublishedChange& change) {
  const std::string id(LastPart(change.gallery.name()));
  const absl::Status made =
      ChangeGallery(tx, pack.studio, id, change.gallery.title(), 0, pack.now, pack.counters);
  if (!made.ok()) return made;
  const std::string key = keys::Gallery(pack.studio, id);
  auto gallery = tx.GetRecord<pb::Gallery>(keys::kRecords, key);
  if (!gallery.ok()) return gallery.status();
  (*gallery)->set_title(change.gallery.title());
  tx.PutRecord(keys::kRecords, key, **gallery);
  return std::optional<Refused>();
}

Applied ApplyCustomer(Transaction& tx, const PackContext& pack, const PublishedChange& change) {
  const std::string_view id = LastPart(change.customer.name());
  const std::string key = keys::Customer(pack.studio, id);
  const auto existing = tx.GetRecord<record::CustomerRecord>(keys::kRecords, key);
  if (!existing.ok()) return existing.status();
  if (!change.identifier_hash.empty()) {
    const absl::Status ours = CheckClaim(tx, pack.studio, id, change.identifier_hash);
    if (absl::IsAlreadyExists(ours)) {
      return std::optional<Refused>(
          Refuse(rpc::ReasonOf(ours), std::string(base::ToStd(ours.message()))));
    }
    if (!ours.ok()) return ours;
  }
  record::CustomerRecord record = existing->value_or(record::CustomerRecord());
  if (!existing->has_value()) {
    if (change.identifier_hash.empty()) {
      return std::optional<Refused>(
          Refuse("IDENTIFIER_MISSING",
                 base::Concat("the customer ", id, " is new here; send its identifier with it")));
    }
    *record.mutable_customer()->mutable_create_time() = pack.now;
    pack.counters.set_customers(pack.counters.customers() + 1);
  }
  pb::Customer& customer = *record.mutable_customer();
  customer.set_name(change.customer.name());
  record.set_device(pack.device_name);
  customer.clear_update_time();
  if (change.customer.has_update_time()) {
    *customer.mutable_update_time() = change.customer.update_time();
  }
  customer.set_display_name(change.customer.display_name());
  *customer.mutable_share() = change.customer.share();
  const bool is_new_identifier = existing->has_value() && !change.identifier_hash.empty() &&
                                 change.identifier_hash != record.identifier_hash();
  if (is_new_identifier || (change.customer.revoked() && !customer.revoked())) {
    pack.ended_customers.push_back(change.customer.name());
  }
  // Revoked here or there, it stays so: a device's older change must not undo it.
  customer.set_revoked(customer.revoked() || change.customer.revoked());
  if (change.customer.has_expire_time()) {
    *customer.mutable_expire_time() = change.customer.expire_time();
  } else {
    customer.clear_expire_time();
  }
  if (!change.identifier_hash.empty()) record.set_identifier_hash(change.identifier_hash);
  tx.PutRecord(keys::kRecords, key, record);
  return std::optional<Refused>();
}

Applied Apply(Transaction& tx, const PackContext& pack, PublishedChange& change) {
  switch (change.kind) {
    case PublishedChange::Kind::kPhoto:
      return ApplyPhoto(tx, pack, change);
    case PublishedChange::Kind::kWithdrawal:
      return ApplyWithdrawal(tx, pack, change);
    case PublishedChange::Kind::kGallery:
      return ApplyGallery(tx, pack, change);
    case PublishedChange::Kind::kCustomer:
      return ApplyCustomer(tx, pack, change);
    case PublishedChange::Kind::kRefused:
      break;
  }
  return std::optional<Refused>(Refuse(change.refusal.reason(), change.refusal.message()));
}

pb::PublishRefusal RefusalOf(std::int64_t sequence, const Refused& refused) {
  pb::PublishRefusal refusal;
  refusal.set_sequence(sequence);
  refusal.set_reason(refused.reason);
  refusal.set_message(refused.message);
  return refusal;
}

absl::Status CheckDevice(const Transaction& tx, const std::string& studio,
                         const std::string& device) {
  const auto known =
      tx.GetRecord<record::DeviceRecord>(keys::kRecords, keys::Device(studio, device));
  if (!known.ok()) return known.status();
  if (known->has_value() && !(*known)->device().revoked()) return absl::OkStatus();
  return rpc::Error(
      absl::StatusCode::kPermissionDenied,
      base::Concat("the device ", device, " was revoked; ask who runs the host for a new key"),
      "DEVICE_REVOKED", {{"device", device}});
}

}  // namespace

absl::Status Store::ApplyPack(Transaction& tx, PackRun& run) const {
  const std::string& studio = run.pack.studio;
  const std::string& device = run.pack.device;
  if (absl::Status good = CheckDevice(tx, studio, device); !good.ok()) return good;
  const auto position =
      tx.GetRecord<record::PositionRecord>(keys::kRecords, keys::Position(studio, device));
  if (!position.ok()) return position.status();
  record::PositionRecord at = position->value_or(record::PositionRecord());
  if (at.catalog_id() != run.pack.catalog_id) {
    return rpc::Error(absl::StatusCode::kAborted,
                      "a newer stream of this device publishes another catalog; this one ends",
                      "STREAM_REPLACED");
  }
  const auto counters =
      tx.GetRecord<record::CountersRecord>(keys::kRecords, keys::Counters(studio));
  if (!counters.ok()) return counters.status();
  run.counters = counters->value_or(record::CountersRecord());
  const std::string counters_before = run.counters.SerializeAsString();
  const auto kept =
      tx.GetRecord<record::RefusalsRecord>(keys::kRecords, keys::Refusals(studio, device));
  if (!kept.ok()) return kept.status();
  run.kept = kept->value_or(record::RefusalsRecord());

  const PackContext context{
      studio,      rpc::MakeResourceName("studios/*/devices/*", {studio, device}),
      run.now,     run.counters,
      run.headers, run.outcome.ended_customers};
  for (PublishedChange& change : run.pack.changes) {
    if (change.sequence <= at.last_sequence()) continue;  // durable already
    const std::string photo(LastPart(change.photo.name()));
    const Applied applied = Apply(tx, context, change);
    if (!applied.ok()) return applied.status();
    at.set_last_sequence(change.sequence);
    run.kept_changed |= ForgetRefusals(run.kept, photo);
    if (applied->has_value()) {
      run.outcome.refusals.push_back(RefusalOf(change.sequence, **applied));
      KeepRefusal(run.kept, run.outcome.refusals.back(), photo);
      run.kept_changed = true;
    } else {
      ++run.outcome.stored;
    }
  }
  run.outcome.last_sequence = at.last_sequence();

  tx.PutRecord(keys::kRecords, keys::Position(studio, device), at);
  if (run.counters.SerializeAsString() != counters_before) {
    tx.PutRecord(keys::kRecords, keys::Counters(studio), run.counters);
  }
  if (run.kept_changed) {
    tx.PutRecord(keys::kRecords, keys::Refusals(studio, device), run.kept);
  }
  return absl::OkStatus();
}

void Store::Publish(PublishedPack pack, std::function<void(absl::StatusOr<PublishOutcome>)> done) {
  auto run = std::make_shared<PackRun>();
  run->pack = std::move(pack);
  run->now = NowStamp();
  const std::string studio = run->pack.studio;
  writer_->Submit(
      studio, [this, run](Transaction& tx) { return ApplyPack(tx, *run); },
      [this, run, done = std::move(done)](const absl::Status& status) {
        if (!status.ok()) {
          done(status);
          return;
        }
        base::KillPoint("host.publish.committed");
        for (auto& [key, header] : run->headers) headers_->Add(key, header);
        done(std::move(run->outcome));
      });
}

absl::StatusOr<PublishPosition> Store::OpenCatalog(std::string_view studio, std::string_view device,
                                                   std::string_view catalog_id,
                                                   std::int64_t heard_sequence) {
  PublishPosition result;
  const absl::Status status = writer_->Run(studio, [&](Transaction& tx) {
    const std::string key = keys::Position(studio, device);
    const auto position = tx.GetRecord<record::PositionRecord>(keys::kRecords, key);
    if (!position.ok()) return position.status();
    if (position->has_value() && (*position)->catalog_id() == catalog_id) {
      result.last_sequence = (*position)->last_sequence();
      const auto kept =
          tx.GetRecord<record::RefusalsRecord>(keys::kRecords, keys::Refusals(studio, device));
      if (!kept.ok()) return kept.status();
      if (kept->has_value()) {
        for (const auto& one : (*kept)->refusals()) {
          if (one.refusal().sequence() > heard_sequence) result.refusals.push_back(one.refusal());
        }
        const std::int64_t dropped = (*kept)->dropped_sequence();
        if (dropped > heard_sequence) result.unsure_sequence = dropped;
      }
      return absl::OkStatus();
    }
    record::PositionRecord fresh;
    fresh.set_catalog_id(std::string(catalog_id));
    tx.PutRecord(keys::kRecords, key, fresh);
    tx.Delete(keys::kRecords, keys::Refusals(studio, device));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return result;
}

}  // namespace proofline::host
