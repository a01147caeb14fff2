// The catalog's two queues: what waits to be rendered, and what waits to be published.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/catalog.h"
#include "daemon/catalog_keys.h"
#include "lib/base/backoff.h"
#include "lib/base/check.h"
#include "lib/base/kill_point.h"
#include "lib/imaging/edit_message.h"
#include "lib/imaging/geometry.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

// Acknowledgements of many changes are recorded in commits of this many.
constexpr std::size_t kAcknowledgedPerCommit = 256;

pb::RenditionKind KindOf(std::string_view kind) {
  if (kind == "thumbnail") return pb::RENDITION_KIND_THUMBNAIL;
  return kind == "proof" ? pb::RENDITION_KIND_PROOF : pb::RENDITION_KIND_UNSPECIFIED;
}

bool HasPlaceAt(const record::Photo& photo, const std::string& path, const FileStamp& stamp) {
  const record::Place* place = MainPlace(photo);
  return place != nullptr && place->path() == path && place->inode() == stamp.inode &&
         place->size_bytes() == stamp.size && place->mtime_ns() == stamp.mtime_ns;
}

PhotoFacts FactsOf(const record::Photo& photo) {
  const pb::Metadata metadata = MergedMetadata(photo);
  PhotoFacts facts;
  if (const record::Place* place = MainPlace(photo)) {
    facts.gallery = place->gallery();
    facts.path = place->path();
    facts.size_bytes = static_cast<std::int64_t>(place->size_bytes());
  }
  facts.format = photo.format();
  facts.rating = metadata.rating();
  facts.label = metadata.label();
  facts.keywords.assign(metadata.keywords().begin(), metadata.keywords().end());
  return facts;
}

void TakeFacts(const imaging::ImageFacts& facts, const imaging::Edit& edit, record::Photo& photo) {
  photo.set_digest(std::string(facts.digest.bytes()));
  photo.set_digest_current(true);
  photo.set_original_size_bytes(static_cast<std::int64_t>(facts.size_bytes));
  photo.set_format(facts.format);
  photo.set_width_px(facts.width);
  photo.set_height_px(facts.height);
  *photo.mutable_from_file() = MetadataFromFacts(facts);
  const imaging::EditedSize edited = imaging::SizeAfterEdit({facts.width, facts.height}, edit);
  photo.set_edited_width_px(std::max(1, static_cast<int>(std::lround(edited.width))));
  photo.set_edited_height_px(std::max(1, static_cast<int>(std::lround(edited.height))));
}

}  // namespace

void Catalog::Requeue(record::Photo& photo) {
  photo.set_state(pb::LOCAL_PHOTO_STATE_WAITING);
  photo.clear_state_message();
  photo.set_unreadable(false);
  photo.set_ticket(IsMissing(photo) ? 0 : next_ticket_++);
  // What was to be published is published with the new renditions.
  photo.set_sequence(0);
}

void Catalog::QueuePublish(record::Photo& photo, bool with_renditions) {
  photo.set_state(pb::LOCAL_PHOTO_STATE_RENDERED);
  photo.clear_state_message();
  photo.set_sequence(totals_.last_sequence() + 1);
  totals_.set_last_sequence(photo.sequence());
  newest_pending_ = photo.sequence();
  photo.set_with_renditions(photo.with_renditions() || with_renditions);
}

void Catalog::Unmake(record::Photo& photo, const std::string& message) {
  photo.set_stale(true);
  photo.set_with_renditions(true);
  Requeue(photo);
  photo.set_state_message(message);
}

void Catalog::PutTotals(CatalogTransaction& transaction) const {
  transaction.Put(keys::kMeta, keys::Totals(), totals_.SerializeAsString());
}

absl::StatusOr<std::optional<RenderTask>> Catalog::NextWaiting() {
  std::string photo_id;
  std::uint64_t ticket = 0;
  bool first = true;
  const auto cursor = database_.NewCursor(keys::kWaiting, "");
  for (cursor->Seek(keys::Number(lowest_ticket_)); cursor->Valid(); cursor->Next()) {
    ticket = keys::NumberFrom(cursor->key());
    if (std::exchange(first, false)) lowest_ticket_ = ticket;
    if (taken_tickets_.contains(ticket)) continue;
    photo_id = std::string(cursor->value());
    break;
  }
  if (!cursor->status().ok()) return cursor->status();
  if (photo_id.empty()) return std::nullopt;

  absl::StatusOr<record::Photo> photo = GetPhoto(photo_id);
  if (!photo.ok()) return photo.status();
  const record::Place& place = *MainPlace(*photo);
  RenderTask task;
  task.photo = photo_id;
  task.ticket = ticket;
  task.root = place.root();
  task.path = place.path();
  task.stamp = {place.device(), place.inode(), place.size_bytes(), place.mtime_ns()};
  task.edit = imaging::EditFromMessage(photo->edit());
  task.edit_message = photo->edit();
  task.facts = FactsOf(*photo);
  if (!photo->stale()) {
    const absl::Status status = database_.Scan(
        keys::kDigests, keys::DigestsOfSize(task.stamp.size), "", [&](std::string_view, auto) {
          task.maybe_known = true;
          return false;
        });
    if (!status.ok()) return status;
  }
  return task;
}

std::optional<RenderTask> Catalog::TakeWaiting(const std::stop_token& stop) {
  base::Backoff backoff(std::chrono::milliseconds(100), std::chrono::seconds(30));
  while (!stop.stop_requested()) {
    std::unique_lock lock(mutex_);
    work_changed_.wait(lock, stop, [this] { return waiting_may_exist_ && !totals_.paused(); });
    if (stop.stop_requested()) break;
    absl::StatusOr<std::optional<RenderTask>> task = NextWaiting();
    if (task.ok() && task->has_value()) {
      taken_tickets_.insert((*task)->ticket);
      return *std::move(task);
    }
    if (task.ok()) {
      waiting_may_exist_ = false;
      continue;
    }
    lock.unlock();
    spdlog::error("looking for the next photo to render: {}", task.status().message());
    base::WaitFor(stop, backoff.Next());
  }
  return std::nullopt;
}

void Catalog::Release(const RenderTask& task) {
  const std::lock_guard lock(mutex_);
  taken_tickets_.erase(task.ticket);
  waiting_may_exist_ = true;
  work_changed_.notify_all();
}

absl::StatusOr<std::optional<record::Photo>> Catalog::TakenPhoto(CatalogTransaction& transaction,
                                                                 const RenderTask& task) {
  absl::StatusOr<record::Photo> photo = transaction.Photo(task.photo);
  if (absl::IsNotFound(photo.status())) return std::nullopt;
  if (!photo.ok()) return photo.status();
  // Something has happened to the photo meanwhile, and it waits again with another ticket.
  if (photo->ticket() != task.ticket) return std::nullopt;
  return *std::move(photo);
}

absl::StatusOr<std::optional<record::Photo>> Catalog::FindTwin(CatalogTransaction& transaction,
                                                               const base::Digest& digest,
                                                               std::uint64_t size,
                                                               const std::string& except) const {
  std::optional<record::Photo> twin;
  absl::Status damage;
  const absl::Status status = transaction.Scan(
      keys::kDigests, keys::Digest(size, digest.bytes()), [&](std::string_view key, auto) {
        const std::string id = keys::PhotoFromDigest(key);
        if (id == except) return true;
        absl::StatusOr<record::Photo> photo = transaction.Photo(id);
        damage.Update(photo.status());
        if (photo.ok() && photo->digest_current()) twin = *std::move(photo);
        return damage.ok() && !twin.has_value();
      });
  if (!status.ok()) return status;
  if (!damage.ok()) return damage;
  return twin;
}

absl::Status Catalog::MergeInto(CatalogTransaction& transaction, const record::Photo& from,
                                record::Photo into) {
  const record::Photo before = into;
  for (const record::Place& place : from.places()) {
    if (!place.gone()) *into.add_places() = place;
  }
  // The path belongs to one photo only: the old owner must be gone before the new one is stored.
  if (absl::Status status = transaction.Remove(from.id()); !status.ok()) return status;
  const bool was_waiting =
      into.state() == pb::LOCAL_PHOTO_STATE_WAITING && into.ticket() == 0;
  if (was_waiting) Requeue(into);
  return StoreMoved(transaction, before, std::move(into));
}

absl::StatusOr<bool> Catalog::FinishIfKnown(const RenderTask& task, const base::Digest& digest) {
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  absl::StatusOr<std::optional<record::Photo>> taken = TakenPhoto(transaction, task);
  if (!taken.ok()) return taken.status();
  bool known = true;
  if (taken->has_value()) {
    record::Photo& photo = **taken;
    const bool new_photo = photo.digest().empty();
    absl::StatusOr<std::optional<record::Photo>> twin = std::optional<record::Photo>();
    if (new_photo) twin = FindTwin(transaction, digest, task.stamp.size, photo.id());
    if (!twin.ok()) return twin.status();
    if (twin->has_value()) {
      absl::Status status = MergeInto(transaction, photo, **std::move(twin));
      if (!status.ok()) return status;
    } else if (!new_photo && !photo.stale() && photo.digest() == digest.bytes() &&
               photo.renditions_size() > 0) {
      // Saved again as it was, or given a new time: nothing to make, perhaps something to send.
      photo.set_ticket(0);
      photo.set_digest_current(true);
      QueuePublish(photo, photo.published_sequence() == 0);
      if (absl::Status status = transaction.Store(photo); !status.ok()) return status;
    } else {
      known = false;
    }
  }
  if (!known) return false;
  PutTotals(transaction);
  if (absl::Status status = Commit(transaction); !status.ok()) return status;
  taken_tickets_.erase(task.ticket);
  return true;
}

absl::Status Catalog::FinishRendered(const RenderTask& task, const imaging::Renditions& rendered,
                                     bool sent) {
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  absl::StatusOr<std::optional<record::Photo>> taken = TakenPhoto(transaction, task);
  if (!taken.ok()) return taken.status();
  if (taken->has_value()) {
    record::Photo& photo = **taken;
    absl::StatusOr<std::optional<record::Photo>> twin = std::optional<record::Photo>();
    if (photo.digest().empty()) {
      twin = FindTwin(transaction, rendered.facts.digest, rendered.facts.size_bytes, photo.id());
    }
    if (!twin.ok()) return twin.status();
    absl::Status status;
    if (twin->has_value()) {
      status = MergeInto(transaction, photo, **std::move(twin));
    } else {
      TakeFacts(rendered.facts, task.edit, photo);
      photo.clear_renditions();
      for (const imaging::Rendition& made : rendered.renditions) {
        pb::Rendition& rendition = *photo.add_renditions();
        rendition.set_kind(KindOf(made.kind));
        rendition.set_width_px(made.width);
        rendition.set_height_px(made.height);
        rendition.set_size_bytes(static_cast<std::int64_t>(made.jpeg.size()));
        rendition.set_digest(std::string(base::Sha256Of(made.jpeg).bytes()));
        transaction.Put(keys::kRenditions, keys::Rendition(photo.id(), rendition.kind()),
                        made.jpeg);
      }
      photo.set_ticket(0);
      photo.set_stale(false);
      photo.set_attempts(photo.attempts() + 1);
      Touch(photo);
      if (sent) {
        QueuePublish(photo, /*with_renditions=*/true);
      } else {
        photo.set_state(pb::LOCAL_PHOTO_STATE_KEPT);
      }
      status = transaction.Store(photo);
    }
    if (!status.ok()) return status;
    PutTotals(transaction);
    if (status = Commit(transaction); !status.ok()) return status;
    base::KillPoint("studio.render.stored");
  }
  taken_tickets_.erase(task.ticket);
  return absl::OkStatus();
}

absl::Status Catalog::FinishFailed(const RenderTask& task, const std::string& reason,
                                   bool unreadable) {
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  absl::StatusOr<std::optional<record::Photo>> taken = TakenPhoto(transaction, task);
  if (!taken.ok()) return taken.status();
  if (taken->has_value()) {
    record::Photo& photo = **taken;
    photo.set_state(pb::LOCAL_PHOTO_STATE_FAILED);
    photo.set_state_message(Readable(reason, 2'000));
    photo.set_attempts(photo.attempts() + 1);
    photo.set_ticket(0);
    photo.set_stale(true);
    photo.set_unreadable(unreadable);
    Touch(photo);
    absl::Status status = transaction.Store(photo);
    if (status.ok()) status = Commit(transaction);
    if (!status.ok()) return status;
    base::KillPoint("studio.render.failed");
  }
  taken_tickets_.erase(task.ticket);
  return absl::OkStatus();
}

absl::Status Catalog::FinishUnsettled(const RenderTask& task) {
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  absl::StatusOr<std::optional<record::Photo>> taken = TakenPhoto(transaction, task);
  if (!taken.ok()) return taken.status();
  // A photo that has moved keeps its ticket: its new place is tried next.
  if (taken->has_value() && HasPlaceAt(**taken, task.path, task.stamp)) {
    record::Photo& photo = **taken;
    photo.set_ticket(0);
    absl::Status status = transaction.Store(photo);
    if (status.ok()) status = Commit(transaction);
    if (!status.ok()) return status;
  }
  taken_tickets_.erase(task.ticket);
  waiting_may_exist_ = true;
  work_changed_.notify_all();
  return absl::OkStatus();
}

bool Catalog::WaitForPending(std::int64_t after, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  work_changed_.wait(lock, stop,
                     [&] { return newest_pending_ > after && !totals_.paused(); });
  return !stop.stop_requested();
}

absl::StatusOr<std::vector<PendingPublish>> Catalog::NextPending(std::int64_t after,
                                                                 std::size_t max_bytes) {
  std::vector<PendingPublish> pending;
  std::size_t bytes = 0;
  absl::Status failure;
  // Under the lock, so that a record and its renditions are of one state.
  const std::lock_guard lock(mutex_);
  const auto take = [&](std::string_view key, std::string_view value) -> absl::Status {
    record::PendingChange change;
    change.ParseFromArray(value.data(), static_cast<int>(value.size()));
    const absl::StatusOr<record::Photo> photo = GetPhoto(change.photo());
    if (!photo.ok()) return photo.status();
    PendingPublish item;
    item.sequence = static_cast<std::int64_t>(keys::NumberFrom(key));
    item.photo = PhotoMessage(options_.device, *photo);
    item.gallery_title = MainPlace(*photo)->gallery_title();
    std::size_t item_bytes = item.photo.ByteSizeLong() + item.gallery_title.size() + 128;
    for (const pb::Rendition& rendition : photo->renditions()) {
      if (!photo->with_renditions()) break;
      absl::StatusOr<std::string> jpeg =
          database_.Get(keys::kRenditions, keys::Rendition(photo->id(), rendition.kind()));
      if (!jpeg.ok()) return jpeg.status();
      item_bytes += jpeg->size() + 128;
      item.contents.push_back({rendition.kind(), *std::move(jpeg)});
    }
    if (!pending.empty() && bytes + item_bytes > max_bytes) {
      return absl::ResourceExhaustedError("the pack is full");
    }
    bytes += item_bytes;
    pending.push_back(std::move(item));
    return absl::OkStatus();
  };
  const absl::Status status = database_.Scan(
      keys::kPublish, "", keys::Number(static_cast<std::uint64_t>(after)),
      [&](std::string_view key, std::string_view value) {
        failure = take(key, value);
        return failure.ok() && bytes < max_bytes;
      });
  if (!status.ok()) return status;
  if (!failure.ok() && !absl::IsResourceExhausted(failure)) return failure;
  if (pending.empty()) newest_pending_ = std::min(newest_pending_, after);
  return pending;
}

absl::Status Catalog::AcknowledgeSome(std::int64_t last_sequence,
                                      const std::map<std::int64_t, Refusal>& refusals,
                                      bool& done) {
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  std::vector<std::pair<std::int64_t, std::string>> acknowledged;
  absl::Status status =
      transaction.Scan(keys::kPublish, "", [&](std::string_view key, std::string_view value) {
        const auto sequence = static_cast<std::int64_t>(keys::NumberFrom(key));
        if (sequence > last_sequence) return false;
        record::PendingChange change;
        change.ParseFromArray(value.data(), static_cast<int>(value.size()));
        acknowledged.emplace_back(sequence, change.photo());
        return acknowledged.size() < kAcknowledgedPerCommit;
      });
  if (!status.ok()) return status;
  done = acknowledged.size() < kAcknowledgedPerCommit;

  for (const auto& [sequence, id] : acknowledged) {
    absl::StatusOr<record::Photo> photo = transaction.Photo(id);
    if (!photo.ok()) return photo.status();
    const auto refusal = refusals.find(sequence);
    photo->set_sequence(0);
    if (refusal == refusals.end()) {
      photo->set_published_sequence(sequence);
      photo->set_with_renditions(false);
      photo->set_state(pb::LOCAL_PHOTO_STATE_PUBLISHED);
      transaction.Delete(keys::kRenditions, keys::Rendition(id, pb::RENDITION_KIND_PROOF));
    } else if (refusal->second.reason == "RENDITION_MISSING" && !photo->with_renditions()) {
      Unmake(*photo, "the host lacks its renditions; they are made again");
    } else {
      spdlog::warn("the host refused the photo {}: {}", id, refusal->second.message);
      photo->set_state(pb::LOCAL_PHOTO_STATE_REFUSED);
      photo->set_state_message(Readable(refusal->second.message, 2'000));
      photo->set_stale(true);
    }
    if (status = transaction.Store(*photo); !status.ok()) return status;
  }
  totals_.set_host_sequence(std::max(totals_.host_sequence(), last_sequence));
  PutTotals(transaction);
  return Commit(transaction);
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
  std::vector<std::string> pending;
  absl::Status status =
      transaction.Scan(keys::kPublish, "", [&](std::string_view, std::string_view value) {
        record::PendingChange change;
        change.ParseFromArray(value.data(), static_cast<int>(value.size()));
        pending.push_back(change.photo());
        return true;
      });
  totals_.set_last_sequence(std::max(totals_.last_sequence(), above));
  totals_.set_host_sequence(above);
  for (const std::string& id : pending) {
    absl::StatusOr<record::Photo> photo = transaction.Photo(id);
    status.Update(photo.status());
    if (!status.ok()) return status;
    QueuePublish(*photo, /*with_renditions=*/false);
    status.Update(transaction.Store(*photo));
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
    if (photo->state() == pb::LOCAL_PHOTO_STATE_PUBLISHED ||
        photo->state() == pb::LOCAL_PHOTO_STATE_RENDERED) {
      Unmake(*photo, "the host has lost it; it is made and sent again");
    }
    if (status = transaction.Store(*photo); !status.ok()) return status;
  }
  totals_.set_host_sequence(last_sequence);
  PutTotals(transaction);
  return Commit(transaction);
}

absl::Status Catalog::HostOpened(std::int64_t last_sequence) {
  std::int64_t given = 0;
  std::int64_t acknowledged = 0;
  {
    const std::lock_guard lock(mutex_);
    given = totals_.last_sequence();
    acknowledged = totals_.host_sequence();
  }
  if (last_sequence > given) {
    spdlog::warn("the host holds changes of this catalog that it does not know; it goes on after them");
    return Renumber(last_sequence);
  }
  if (last_sequence < acknowledged) {
    spdlog::warn("the host has lost changes that it had acknowledged; they are sent again");
    return RepublishAfter(last_sequence);
  }
  return Acknowledge(last_sequence, {});
}

void Catalog::CountSentBytes(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  totals_.set_sent_bytes(totals_.sent_bytes() + bytes);
}

std::int64_t Catalog::last_sequence() const {
  const std::lock_guard lock(mutex_);
  return totals_.last_sequence();
}

}  // namespace proofline::studio
