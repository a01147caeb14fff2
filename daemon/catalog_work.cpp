// The catalog's queue of photos that wait to be rendered.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "daemon/catalog.h"
#include "daemon/catalog_keys.h"
#include "daemon/catalog_place.h"
#include "lib/base/backoff.h"
#include "lib/base/check.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/imaging/edit_message.h"
#include "lib/imaging/geometry.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

pb::RenditionKind KindOf(std::string_view kind) {
  if (kind == "thumbnail") return pb::RENDITION_KIND_THUMBNAIL;
  return kind == "proof" ? pb::RENDITION_KIND_PROOF : pb::RENDITION_KIND_UNSPECIFIED;
}

bool HasPlaceAt(const record::Photo& photo, const std::string& path, const FileStamp& stamp) {
  const record::Place* place = MainPlace(photo);
  return place != nullptr && place->path() == path && place->inode() == stamp.inode &&
         place->size_bytes() == stamp.size && place->mtime_ns() == stamp.mtime_ns;
}

}  // namespace

void Catalog::Requeue(record::Photo& photo) {
  photo.set_state(pb::LOCAL_PHOTO_STATE_WAITING);
  photo.clear_state_message();
  photo.set_unreadable(false);
  photo.set_ticket(IsMissing(photo) ? 0 : next_ticket_++);
  if (IsMissing(photo) && photo.sequence_withdraws()) return;
  GiveUpPending(photo);
  // What was to be published is published with the new renditions.
  photo.set_sequence(0);
  photo.set_sequence_withdraws(false);
}

absl::StatusOr<std::optional<RenderTask>> Catalog::NextWaiting() {
  std::string photo_id;
  std::uint64_t ticket = 0;
  bool first = true;
  const auto cursor = database_.NewCursor(keys::kWaiting, "");
  for (cursor->Seek(keys::Number(lowest_ticket_)); cursor->Valid(); cursor->Next()) {
    ticket = keys::NumberFrom(cursor->key());
    if (std::exchange(first, false)) lowest_ticket_ = ticket;
    if (taken_.contains(ticket)) continue;
    photo_id = std::string(cursor->value());
    break;
  }
  if (!cursor->status().ok()) return cursor->status();
  if (photo_id.empty()) {
    if (taken_.empty()) lowest_ticket_ = next_ticket_;
    return std::nullopt;
  }

  absl::StatusOr<record::Photo> photo = GetPhoto(photo_id);
  if (!photo.ok()) return photo.status();
  const record::Place& place = *MainPlace(*photo);
  RenderTask task;
  task.photo = photo_id;
  task.ticket = ticket;
  task.root = place.root();
  task.path = place.path();
  task.stamp = StampOf(place);
  if (photo->has_sidecar()) task.sidecar_path = photo->sidecar().path();
  task.edit = imaging::EditFromMessage(photo->edit());
  task.edit_message = photo->edit();
  task.facts = FactsOf(*photo);
  task.record = *photo;
  if (!photo->stale()) {
    const absl::Status status = database_.Scan(keys::kDigests, keys::DigestsOfSize(task.stamp.size),
                                               "", [&](std::string_view, auto) {
                                                 task.maybe_known = true;
                                                 return false;
                                               });
    if (!status.ok()) return status;
    // A copy of what is being rendered right now would not be known yet.
    task.maybe_known =
        task.maybe_known || std::any_of(taken_.begin(), taken_.end(), [&](const auto& other) {
          return other.second.size == task.stamp.size;
        });
  }
  return task;
}

std::optional<RenderTask> Catalog::TakeWaiting(const std::stop_token& stop) {
  base::Backoff backoff(std::chrono::milliseconds(100), std::chrono::seconds(30));
  while (!stop.stop_requested()) {
    std::unique_lock lock(mutex_);
    work_changed_.wait(lock, stop, [this] { return waiting_may_exist_ && MayWork(); });
    if (stop.stop_requested()) break;
    absl::StatusOr<std::optional<RenderTask>> task = NextWaiting();
    if (task.ok() && task->has_value()) {
      const record::Photo& photo = (*task)->record;
      taken_[(*task)->ticket] = {(*task)->stamp.size,
                                 {},
                                 !(*task)->maybe_known,
                                 photo.digest_current() ? std::string() : photo.digest()};
      return *std::move(task);
    }
    if (task.ok()) {
      waiting_may_exist_ = false;
      continue;
    }
    lock.unlock();
    spdlog::error("looking for the next photo to render: {}", base::ToStd(task.status().message()));
    base::WaitFor(stop, backoff.Next());
  }
  return std::nullopt;
}

void Catalog::GiveBack(const RenderTask& task) {
  taken_.erase(task.ticket);
  // Somebody may wait to know what has become of it.
  work_changed_.notify_all();
}

void Catalog::Release(const RenderTask& task) {
  const std::lock_guard lock(mutex_);
  GiveBack(task);
  waiting_may_exist_ = true;
}

bool Catalog::MayBeRendering(const RenderTask& task, const base::Digest& digest) const {
  return std::any_of(taken_.begin(), taken_.end(), [&](const auto& other) {
    const Taken& taken = other.second;
    if (other.first == task.ticket || taken.size != task.stamp.size) return false;
    // Those that were taken later wait for this one.
    if (!taken.rendering) return other.first < task.ticket && taken.was == digest.bytes();
    return !taken.digest.has_value() || *taken.digest == digest;
  });
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
        // One without a file has only what it was.
        if (photo.ok() && (photo->digest_current() || IsMissing(*photo))) twin = *std::move(photo);
        return damage.ok() && !twin.has_value();
      });
  if (!status.ok()) return status;
  if (!damage.ok()) return damage;
  return twin;
}

absl::StatusOr<bool> Catalog::WaitBehindTwin(CatalogTransaction& transaction,
                                             const base::Digest& digest, std::uint64_t size,
                                             record::Photo& photo) {
  // Those that have been somebody wait for nobody: two whose files were exchanged would do so in
  // turns.
  if (!photo.digest().empty()) return false;
  bool waits = false;
  absl::Status damage;
  const absl::Status status = transaction.Scan(
      keys::kDigests, keys::Digest(size, digest.bytes()), [&](std::string_view key, auto) {
        const absl::StatusOr<record::Photo> twin = transaction.Photo(keys::PhotoFromDigest(key));
        damage.Update(twin.status());
        if (!twin.ok() || twin->id() == photo.id() || twin->ticket() == 0) return twin.ok();
        const auto taken = taken_.find(twin->ticket());
        waits = !twin->digest_current() && MainPlace(*twin)->size_bytes() == size &&
                (taken == taken_.end() || taken->second.digest.value_or(digest) == digest);
        return !waits;
      });
  if (!status.ok()) return status;
  if (!damage.ok()) return damage;
  if (!waits) return false;
  photo.set_ticket(next_ticket_++);
  waiting_may_exist_ = true;
  if (absl::Status stored = transaction.Store(photo); !stored.ok()) return stored;
  return true;
}

bool Catalog::MayBeCopy(const record::Photo& photo) const {
  // A catalog that is built anew has yet to hear which of its photos the host knows.
  return photo.digest().empty() || (IsUnknownToHost(photo) && !catalog_.reopened());
}

void Catalog::TakeSaid(const record::Photo& from, record::Photo& into) {
  // What its gallery gave to a photo that is new was not said about it.
  if (from.revision() <= 1) return;
  const std::string before = ExactBytes(into);
  FillEntered(from, into);
  const bool chosen = from.choice() == record::SELECTION_CHOICE_IN &&
                      into.choice() == record::SELECTION_CHOICE_RULES;
  if (chosen) into.set_choice(record::SELECTION_CHOICE_IN);
  const bool edited = from.has_edit() && !into.has_edit();
  if (edited) *into.mutable_edit() = from.edit();
  if (ExactBytes(into) == before) return;
  Touch(into);
  if (edited) {
    into.set_stale(true);
    Requeue(into);
  } else if (IsRendered(into)) {
    QueuePublish(into, /*with_renditions=*/false);
  }
  ApplySelection(into);
}

absl::Status Catalog::MergeInto(CatalogTransaction& transaction, const record::Photo& from,
                                record::Photo into) {
  const record::Photo before = into;
  for (const record::Place& place : from.places()) {
    if (!place.gone()) *into.add_places() = place;
  }
  into.mutable_companions()->MergeFrom(from.companions());
  // The path belongs to one photo only: the old owner must be gone before the new one is stored.
  if (absl::Status status = transaction.Remove(from.id()); !status.ok()) return status;
  if (IsWaitingForFile(into)) Requeue(into);
  if (into.from_host() && into.ticket() == 0) {
    // Found again: its own metadata and thumbnail are missing, and the host's renditions are to be
    // compared with what is made of it now.
    TakeEntered(from, into);
    if (from.has_edit()) *into.mutable_edit() = from.edit();
    into.set_stale(true);
    Requeue(into);
  } else {
    TakeSaid(from, into);
  }
  // Somebody may have been given the copy.
  absl::Status renamed = RenameInCustomers(transaction, {{from.id(), into.id()}}, from.id());
  if (!renamed.ok()) return renamed;
  const std::vector<SettledPath> none;
  const FoundElsewhere nowhere;
  Settling settling{transaction, none, nowhere, {}};
  return StoreMoved(settling, before, std::move(into));
}

absl::StatusOr<bool> Catalog::FinishIfKnown(const RenderTask& task, const base::Digest& digest,
                                            const std::stop_token& stop) {
  bool known = true;
  const absl::Status status = Looking(
      [&] {
        if (stop.stop_requested()) return absl::CancelledError("stopped");
        return FinishKnown(task, digest, known);
      },
      [&](std::unique_lock<std::mutex>& lock) {
        work_changed_.wait(lock, stop, [&] { return !MayBeRendering(task, digest); });
      });
  if (!status.ok()) return status;
  return known;
}

absl::Status Catalog::FinishKnown(const RenderTask& task, const base::Digest& digest, bool& known) {
  CatalogTransaction transaction(database_);
  absl::StatusOr<std::optional<record::Photo>> taken = TakenPhoto(transaction, task);
  if (!taken.ok()) return taken.status();
  known = true;
  if (taken->has_value()) {
    record::Photo& photo = **taken;
    absl::StatusOr<std::optional<record::Photo>> twin = std::optional<record::Photo>();
    if (MayBeCopy(photo)) twin = FindTwin(transaction, digest, task.stamp.size, photo.id());
    absl::StatusOr<bool> waits = false;
    if (twin.ok() && !twin->has_value()) {
      waits = WaitBehindTwin(transaction, digest, task.stamp.size, photo);
    }
    if (!twin.ok() || !waits.ok()) return twin.ok() ? waits.status() : twin.status();
    if (twin->has_value()) {
      absl::Status status = MergeInto(transaction, photo, **std::move(twin));
      if (!status.ok()) return status;
    } else if (!*waits && !photo.stale() && photo.digest() == digest.bytes() &&
               photo.renditions_size() > 0) {
      // Saved again as it was, or given a new time: nothing to make, perhaps something to send.
      photo.set_ticket(0);
      photo.set_digest_current(true);
      if (photo.kept()) {
        photo.set_state(pb::LOCAL_PHOTO_STATE_KEPT);
      } else {
        QueuePublish(photo, /*with_renditions=*/false);
      }
      ApplySelection(photo);
      if (absl::Status status = transaction.Store(photo); !status.ok()) return status;
    } else {
      known = *waits;
    }
  }
  if (!known) {
    const auto its = taken_.find(task.ticket);
    if (its != taken_.end()) its->second = {task.stamp.size, digest, /*rendering=*/true, {}};
    return absl::OkStatus();
  }
  PutTotals(transaction);
  if (absl::Status status = Commit(transaction); !status.ok()) return status;
  GiveBack(task);
  return absl::OkStatus();
}

bool Catalog::TakeRenditions(CatalogTransaction& transaction, const imaging::Renditions& rendered,
                             record::Photo& photo) {
  google::protobuf::RepeatedPtrField<pb::Rendition> before;
  before.Swap(photo.mutable_renditions());
  bool as_before = before.size() == static_cast<int>(rendered.renditions.size());
  for (const imaging::Rendition& made : rendered.renditions) {
    pb::Rendition& rendition = *photo.add_renditions();
    rendition.set_kind(KindOf(made.kind));
    rendition.set_width_px(made.width);
    rendition.set_height_px(made.height);
    rendition.set_size_bytes(static_cast<std::int64_t>(made.jpeg.size()));
    rendition.set_digest(std::string(base::Sha256Of(made.jpeg).bytes()));
    as_before = as_before && std::any_of(before.begin(), before.end(), [&](const auto& old) {
                  return old.kind() == rendition.kind() && old.digest() == rendition.digest();
                });
  }
  if (!as_before) carried_.erase(photo.id());
  if (as_before && photo.published_sequence() != 0 && !photo.withdrawn() &&
      !photo.with_renditions()) {
    return true;
  }
  for (const imaging::Rendition& made : rendered.renditions) {
    transaction.Put(keys::kRenditions, keys::Rendition(photo.id(), KindOf(made.kind)), made.jpeg);
  }
  return false;
}

absl::Status Catalog::FinishRendered(const RenderTask& task, const imaging::Renditions& rendered,
                                     bool sent) {
  return Looking([&] { return FinishRenderedLooking(task, rendered, sent); });
}

absl::Status Catalog::FinishRenderedLooking(const RenderTask& task,
                                            const imaging::Renditions& rendered, bool sent) {
  CatalogTransaction transaction(database_);
  absl::StatusOr<std::optional<record::Photo>> taken = TakenPhoto(transaction, task);
  if (!taken.ok()) return taken.status();
  if (taken->has_value()) {
    record::Photo& photo = **taken;
    absl::StatusOr<std::optional<record::Photo>> twin = std::optional<record::Photo>();
    if (MayBeCopy(photo)) {
      twin = FindTwin(transaction, rendered.facts.digest, rendered.facts.size_bytes, photo.id());
    }
    if (!twin.ok()) return twin.status();
    absl::Status status;
    absl::StatusOr<bool> waits = false;
    if (!twin->has_value()) {
      waits = WaitBehindTwin(transaction, rendered.facts.digest, rendered.facts.size_bytes, photo);
    }
    if (!waits.ok()) return waits.status();
    if (twin->has_value()) {
      status = MergeInto(transaction, photo, **std::move(twin));
    } else if (!*waits) {
      // The host has it although the rules would keep it: it was chosen by hand.
      const bool chosen = photo.from_host() && !sent;
      if (chosen) photo.set_choice(record::SELECTION_CHOICE_IN);
      TakeFacts(rendered.facts, task.edit, photo);
      const bool as_published = TakeRenditions(transaction, rendered, photo);
      photo.set_ticket(0);
      photo.set_stale(false);
      photo.set_attempts(photo.attempts() + 1);
      photo.set_recipe(task.recipe);
      Touch(photo);
      if (sent || chosen) {
        QueuePublish(photo, /*with_renditions=*/!as_published);
      } else {
        Keep(photo, task.reason);
      }
      // The preferences, or what people say about the photo, may have changed meanwhile.
      if (!task.recipe.empty()) ApplySelection(photo);
      status = transaction.Store(photo);
    }
    if (!status.ok()) return status;
    PutTotals(transaction);
    if (status = Commit(transaction); !status.ok()) return status;
    base::KillPoint("studio.render.stored");
  }
  GiveBack(task);
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
    if (!ApplySelection(photo) && photo.kept() && IsAtHost(photo)) {
      // It was on its way out of the host when there was something new to look at.
      QueueWithdrawal(photo);
    }
    absl::Status status = transaction.Store(photo);
    PutTotals(transaction);
    if (status.ok()) status = Commit(transaction);
    if (!status.ok()) return status;
    base::KillPoint("studio.render.failed");
  }
  GiveBack(task);
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
  GiveBack(task);
  waiting_may_exist_ = true;
  return absl::OkStatus();
}

}  // namespace proofline::studio
