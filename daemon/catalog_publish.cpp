// The catalog's queue of changes that wait to be published.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "daemon/catalog.h"
#include "daemon/catalog_keys.h"
#include "daemon/catalog_place.h"
#include "lib/base/kill_point.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

// Acknowledgements of many changes are recorded in commits of this many.
constexpr std::size_t kAcknowledgedPerCommit = 256;
// A photo that was made this often and is lacking all the same is not made once more.
constexpr int kMostAttempts = 5;

// The photo that a change is about.
const std::string& PhotoOf(const record::PendingChange& change) {
  return change.has_withdrawal() ? change.withdrawal() : change.photo();
}

// ResourceExhausted if there is no room; there always is for the first one.
absl::Status AddToPack(PendingPublish item, std::size_t item_bytes, std::size_t max_bytes,
                       std::vector<PendingPublish>& pack, std::size_t& bytes) {
  if (!pack.empty() && bytes + item_bytes > max_bytes) {
    return absl::ResourceExhaustedError("the pack is full");
  }
  bytes += item_bytes;
  pack.push_back(std::move(item));
  return absl::OkStatus();
}

}  // namespace

void Catalog::GiveUpPending(record::Photo& photo) const {
  const bool sent = photo.sequence() != 0 && photo.sequence() <= perhaps_sent_;
  if (sent && !photo.sequence_withdraws()) photo.set_offered(true);
}

void Catalog::QueuePublish(record::Photo& photo, bool with_renditions) {
  GiveUpPending(photo);
  photo.set_state(pb::LOCAL_PHOTO_STATE_RENDERED);
  photo.clear_state_message();
  photo.set_kept(false);
  photo.set_sequence(totals_.last_sequence() + 1);
  totals_.set_last_sequence(photo.sequence());
  newest_pending_ = photo.sequence();
  photo.set_sequence_withdraws(false);
  // What was to be taken back is wanted after all.
  if (!IsMissing(photo)) photo.set_withdraw_due_ms(0);
  photo.set_with_renditions(photo.with_renditions() || with_renditions);
}

void Catalog::Unmake(record::Photo& photo, const std::string& message) {
  carried_.erase(photo.id());
  photo.set_stale(true);
  photo.set_with_renditions(true);
  Requeue(photo);
  photo.set_state_message(message);
}

void Catalog::PutTotals(CatalogTransaction& transaction) const {
  transaction.Put(keys::kMeta, keys::Totals(), totals_.SerializeAsString());
}

bool Catalog::WaitForPending(std::int64_t after, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  work_changed_.wait(lock, stop, [&] { return newest_pending_ > after && MayWork(); });
  return !stop.stop_requested();
}

absl::StatusOr<std::vector<PendingPublish>> Catalog::NextPending(std::int64_t after,
                                                                 std::size_t max_bytes) {
  std::vector<PendingPublish> pending;
  std::size_t bytes = 0;
  absl::Status failure;
  std::vector<std::string> without_content;
  // Under the lock, so that a record and its renditions are of one state.
  const std::lock_guard lock(mutex_);
  const auto take = [&](std::string_view key, std::string_view value) -> absl::Status {
    record::PendingChange change;
    change.ParseFromArray(value.data(), static_cast<int>(value.size()));
    if (change.has_customer()) {
      absl::StatusOr<PendingPublish> item =
          PendingCustomer(static_cast<std::int64_t>(keys::NumberFrom(key)), change.customer());
      if (!item.ok()) return item.status();
      const std::size_t item_bytes = item->customer->ByteSizeLong() + 128;
      return AddToPack(*std::move(item), item_bytes, max_bytes, pending, bytes);
    }
    const absl::StatusOr<record::Photo> photo = GetPhoto(PhotoOf(change));
    if (!photo.ok()) return photo.status();
    PendingPublish item;
    item.sequence = static_cast<std::int64_t>(keys::NumberFrom(key));
    if (change.has_withdrawal()) {
      item.withdrawal = true;
      item.photo.set_name(PhotoName(options_.device, *photo));
      return AddToPack(std::move(item), 256, max_bytes, pending, bytes);
    }
    item.photo = PhotoMessage(options_.device, *photo);
    item.gallery_title = MainPlace(*photo)->gallery_title();
    std::size_t item_bytes = item.photo.ByteSizeLong() + item.gallery_title.size() + 128;
    const auto carried = carried_.find(photo->id());
    const bool carries =
        photo->with_renditions() && (carried == carried_.end() || carried->second > after);
    for (const pb::Rendition& rendition : photo->renditions()) {
      if (!carries) break;
      absl::StatusOr<std::string> jpeg =
          database_.Get(keys::kRenditions, keys::Rendition(photo->id(), rendition.kind()));
      if (absl::IsNotFound(jpeg.status())) {
        without_content.push_back(photo->id());
        return absl::OkStatus();
      }
      if (!jpeg.ok()) return jpeg.status();
      item_bytes += jpeg->size() + 128;
      item.contents.push_back({rendition.kind(), *std::move(jpeg)});
    }
    const std::int64_t sequence = item.sequence;
    absl::Status added = AddToPack(std::move(item), item_bytes, max_bytes, pending, bytes);
    if (added.ok() && carries) carried_[photo->id()] = sequence;
    return added;
  };
  const absl::Status status =
      database_.Scan(keys::kPublish, "", keys::Number(static_cast<std::uint64_t>(after)),
                     [&](std::string_view key, std::string_view value) {
                       failure = take(key, value);
                       return failure.ok() && bytes < max_bytes;
                     });
  if (!status.ok()) return status;
  if (!failure.ok() && !absl::IsResourceExhausted(failure)) return failure;
  CatalogTransaction transaction(database_);
  for (const std::string& id : without_content) {
    absl::StatusOr<record::Photo> photo = transaction.Photo(id);
    if (!photo.ok()) return photo.status();
    Unmake(*photo, "its renditions are not here any more; they are made again");
    if (absl::Status stored = transaction.Store(*photo); !stored.ok()) return stored;
  }
  const record::Totals before = totals_;
  if (!pending.empty() && totals_.has_unsent_above()) {
    totals_.clear_unsent_above();
    PutTotals(transaction);
  }
  if (absl::Status committed = Commit(transaction); !committed.ok()) {
    totals_ = before;
    return committed;
  }
  if (pending.empty()) newest_pending_ = std::min(newest_pending_, after);
  if (!pending.empty()) perhaps_sent_ = std::max(perhaps_sent_, pending.back().sequence);
  return pending;
}

absl::Status Catalog::AcknowledgeSome(std::int64_t last_sequence,
                                      const std::map<std::int64_t, Refusal>& refusals, bool& done) {
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  std::vector<std::pair<std::int64_t, record::PendingChange>> acknowledged;
  // What was acknowledged before is not there any more: not to walk over it is all that the
  // beginning is for.
  const auto acknowledged_before = static_cast<std::uint64_t>(totals_.host_sequence());
  absl::Status status =
      database_.Scan(keys::kPublish, "", keys::Number(acknowledged_before),
                     [&](std::string_view key, std::string_view value) {
                       const auto sequence = static_cast<std::int64_t>(keys::NumberFrom(key));
                       if (sequence > last_sequence) return false;
                       record::PendingChange change;
                       change.ParseFromArray(value.data(), static_cast<int>(value.size()));
                       acknowledged.emplace_back(sequence, std::move(change));
                       return acknowledged.size() < kAcknowledgedPerCommit;
                     });
  if (!status.ok()) return status;
  done = acknowledged.size() < kAcknowledgedPerCommit;
  if (acknowledged.empty() && last_sequence <= totals_.host_sequence()) return absl::OkStatus();

  // No further than what this commit records: the host tells refusals after it again.
  const std::int64_t heard =
      done || acknowledged.empty() ? last_sequence : acknowledged.back().first;
  std::vector<std::string> arrived;
  status = AcknowledgeCarried(transaction, heard, refusals, arrived);
  if (!status.ok()) return status;
  for (const auto& [sequence, change] : acknowledged) {
    const auto refusal = refusals.find(sequence);
    if (change.has_customer()) {
      status = AcknowledgeCustomer(transaction, change.customer(), sequence,
                                   refusal == refusals.end() ? nullptr : &refusal->second);
      if (!status.ok()) return status;
      continue;
    }
    const std::string& id = PhotoOf(change);
    absl::StatusOr<record::Photo> photo = transaction.Photo(id);
    if (!photo.ok()) return photo.status();
    if (photo->sequence_withdraws()) {
      TakeWithdrawn(sequence, refusal == refusals.end() ? nullptr : &refusal->second, *photo);
      if (status = transaction.Store(*photo); !status.ok()) return status;
      continue;
    }
    photo->set_sequence(0);
    if (refusal == refusals.end()) {
      photo->set_published_sequence(sequence);
      photo->set_withdrawn(false);
      photo->set_with_renditions(false);
      photo->set_state(pb::LOCAL_PHOTO_STATE_PUBLISHED);
      transaction.Delete(keys::kRenditions, keys::Rendition(id, pb::RENDITION_KIND_PROOF));
    } else if (refusal->second.reason == "RENDITION_MISSING" &&
               (!photo->with_renditions() || photo->attempts() < kMostAttempts)) {
      // They were left out because the host had them, or was about to.
      Unmake(*photo, "the host lacks its renditions; they are made again");
    } else {
      spdlog::warn("the host refused the photo {}: {}", id, refusal->second.message);
      photo->set_state(pb::LOCAL_PHOTO_STATE_REFUSED);
      photo->set_state_message(Readable(refusal->second.message, 2'000));
      photo->set_stale(true);
    }
    if (status = transaction.Store(*photo); !status.ok()) return status;
  }
  totals_.set_host_sequence(std::max(totals_.host_sequence(), heard));
  PutTotals(transaction);
  if (status = Commit(transaction); !status.ok()) return status;
  for (const std::string& id : arrived) carried_.erase(id);
  return absl::OkStatus();
}

absl::Status Catalog::AcknowledgeCarried(CatalogTransaction& transaction,
                                         std::int64_t last_sequence,
                                         const std::map<std::int64_t, Refusal>& refusals,
                                         std::vector<std::string>& arrived) const {
  for (const auto& [id, sequence] : carried_) {
    if (sequence > last_sequence) continue;
    arrived.push_back(id);
    if (refusals.contains(sequence)) continue;
    absl::StatusOr<record::Photo> photo = transaction.Photo(id);
    if (absl::IsNotFound(photo.status())) continue;
    if (!photo.ok()) return photo.status();
    // Either this is the change itself, or the photo has changed since, and its renditions have
    // not: whoever makes others of it takes it out of carried_.
    if (photo->sequence() == sequence || photo->sequence_withdraws()) continue;
    photo->set_published_sequence(sequence);
    photo->set_withdrawn(false);
    photo->set_with_renditions(false);
    if (absl::Status status = transaction.Store(*photo); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Catalog::Acknowledge(std::int64_t last_sequence,
                                  const std::map<std::int64_t, Refusal>& refusals) {
  bool done = false;
  while (!done) {
    const absl::Status status = AcknowledgeSome(last_sequence, refusals, done);
    if (!status.ok()) return status;
  }
  base::KillPoint("studio.publish.acknowledged");
  return absl::OkStatus();
}

absl::Status Catalog::Renumber(std::int64_t above) {
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  std::vector<record::PendingChange> pending;
  absl::Status status =
      transaction.Scan(keys::kPublish, "", [&](std::string_view, std::string_view value) {
        pending.emplace_back().ParseFromArray(value.data(), static_cast<int>(value.size()));
        return true;
      });
  totals_.set_last_sequence(std::max(totals_.last_sequence(), above));
  totals_.set_host_sequence(above);
  totals_.set_unsent_above(totals_.last_sequence());
  for (const record::PendingChange& change : pending) {
    if (!status.ok()) return status;
    status = QueueAgain(transaction, change);
  }
  PutTotals(transaction);
  return status.ok() ? Commit(transaction) : status;
}

absl::Status Catalog::QueueAgain(CatalogTransaction& transaction,
                                 const record::PendingChange& change) {
  if (change.has_customer()) return RequeueCustomer(transaction, change.customer());
  absl::StatusOr<record::Photo> photo = transaction.Photo(PhotoOf(change));
  if (!photo.ok()) return photo.status();
  if (photo->sequence_withdraws()) {
    QueueWithdrawal(*photo);
  } else {
    QueuePublish(*photo, /*with_renditions=*/false);
  }
  return transaction.Store(*photo);
}

absl::Status Catalog::RequeueUnsure(std::int64_t unsure_sequence,
                                    const std::map<std::int64_t, Refusal>& refusals) {
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  std::vector<record::PendingChange> unsure;
  absl::Status status =
      transaction.Scan(keys::kPublish, "", [&](std::string_view key, std::string_view value) {
        const auto sequence = static_cast<std::int64_t>(keys::NumberFrom(key));
        if (sequence > unsure_sequence) return false;
        if (refusals.contains(sequence)) return true;
        unsure.emplace_back().ParseFromArray(value.data(), static_cast<int>(value.size()));
        return true;
      });
  for (const record::PendingChange& change : unsure) {
    if (!status.ok()) return status;
    status = QueueAgain(transaction, change);
  }
  PutTotals(transaction);
  return status.ok() ? Commit(transaction) : status;
}

absl::Status Catalog::RepublishAfter(std::int64_t last_sequence) {
  std::vector<std::string> lost;
  absl::Status status =
      database_.Scan(keys::kPhotos, "", "", [&](std::string_view, std::string_view value) {
        record::Photo photo;
        photo.ParseFromArray(value.data(), static_cast<int>(value.size()));
        if (photo.published_sequence() > last_sequence) lost.push_back(photo.id());
        return true;
      });
  if (!status.ok()) return status;
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  for (const std::string& id : lost) {
    absl::StatusOr<record::Photo> photo = transaction.Photo(id);
    if (!photo.ok()) continue;
    photo->set_published_sequence(0);
    photo->set_offered(true);
    if (photo->withdrawn()) {
      // What the host has gone back to may have the photo again.
      if (IsMissing(*photo) || photo->kept()) QueueWithdrawal(*photo);
    } else if (photo->state() == pb::LOCAL_PHOTO_STATE_PUBLISHED ||
               photo->state() == pb::LOCAL_PHOTO_STATE_RENDERED) {
      Unmake(*photo, "the host has lost it; it is made and sent again");
    }
    if (status = transaction.Store(*photo); !status.ok()) return status;
  }
  status = RequeueCustomersAfter(transaction, last_sequence);
  if (!status.ok()) return status;
  totals_.set_host_sequence(last_sequence);
  PutTotals(transaction);
  return Commit(transaction);
}

absl::Status Catalog::HostOpened(std::int64_t last_sequence,
                                 const std::map<std::int64_t, Refusal>& refusals,
                                 std::int64_t unsure_sequence) {
  // The highest number that a host can have from this catalog.
  std::int64_t given = 0;
  std::int64_t acknowledged = 0;
  {
    const std::lock_guard lock(mutex_);
    given = totals_.has_unsent_above() ? totals_.unsent_above() : totals_.last_sequence();
    acknowledged = totals_.host_sequence();
    // What the stream before carried beyond this has not arrived.
    const bool in_doubt =
        last_sequence > given || last_sequence < acknowledged || unsure_sequence > acknowledged;
    std::erase_if(carried_,
                  [&](const auto& one) { return in_doubt || one.second > last_sequence; });
  }
  if (last_sequence > given) {
    spdlog::warn(
        "the host holds changes of this catalog that it does not know; it goes on after them");
    absl::Status status = Renumber(last_sequence);
    if (!status.ok() || !options_.ask_host) return status;
    // Photos that came after the copy was made have ids at the host; they must not get others.
    const std::lock_guard lock(mutex_);
    record::Catalog asking = catalog_;
    asking.set_phase(record::CATALOG_PHASE_ASKING);
    ForgetTakenOver(asking);
    status = PutCatalogRecord(asking);
    return !status.ok() ? status
                        : absl::FailedPreconditionError(
                              "the catalog is an older copy of the one that the host knows; the "
                              "host is asked which photos it has");
  }
  if (last_sequence < acknowledged) {
    spdlog::warn("the host has lost changes that it had acknowledged; they are sent again");
    return RepublishAfter(last_sequence);
  }
  if (unsure_sequence > acknowledged) {
    spdlog::warn("the host does not know whether it refused some changes; they are sent again");
    const absl::Status status = RequeueUnsure(std::min(unsure_sequence, last_sequence), refusals);
    if (!status.ok()) return status;
  }
  return Acknowledge(last_sequence, refusals);
}

void Catalog::CountSentBytes(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  totals_.set_sent_bytes(totals_.sent_bytes() + bytes);
}

std::int64_t Catalog::last_sequence() const {
  const std::lock_guard lock(mutex_);
  return totals_.last_sequence();
}

std::int64_t Catalog::host_sequence() const {
  const std::lock_guard lock(mutex_);
  return totals_.host_sequence();
}

}  // namespace proofline::studio
