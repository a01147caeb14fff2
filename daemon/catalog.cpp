#include "daemon/catalog.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "daemon/catalog_keys.h"
#include "daemon/catalog_place.h"
#include "daemon/said.h"
#include "lib/base/check.h"
#include "lib/base/id.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

absl::Status NoSuchPhoto(std::string_view what) {
  return rpc::Error(absl::StatusCode::kNotFound,
                    base::Concat("there is no photo ", Readable(what, 200), " on this device"),
                    "PHOTO_NOT_FOUND", {{"photo", Readable(what, 200)}});
}

constexpr std::string_view kOrAnew =
    ", or have it built anew from the folders and the host: proofline-studiod --config FILE "
    "--rebuild-catalog sets this one aside";

// The store's own sentence, and what else can be done where a new catalog is a way out.
absl::Status CannotOpen(const absl::Status& status) {
  const bool newer = absl::IsFailedPrecondition(status) &&
                     base::ToStd(status.message()).find("newer version") != std::string::npos;
  if (!absl::IsDataLoss(status) && !newer) return status;
  return {status.code(), base::Concat(base::ToStd(status.message()), kOrAnew)};
}

absl::StatusOr<record::Photo> ParsePhoto(std::string_view bytes) {
  record::Photo photo;
  if (!photo.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(
        "a photo's record in the catalog is damaged; restore the catalog from a backup");
  }
  return photo;
}

}  // namespace

Catalog::Catalog(const Options& options, const base::Clock& clock, kv::Database database)
    : options_(options), clock_(clock), database_(std::move(database)) {}

Catalog::~Catalog() { StoreCounts(); }

absl::StatusOr<std::unique_ptr<Catalog>> Catalog::Open(const Options& options,
                                                       const base::Clock& clock) {
  kv::Database::Options store;
  store.cache_bytes = options.cache_bytes;
  for (const std::string_view family : keys::kColumnFamilies) {
    store.column_families.push_back({std::string(family), family == keys::kRenditions});
  }
  absl::StatusOr<kv::Database> database = kv::Database::Open(options.path, store);
  if (!database.ok()) return CannotOpen(database.status());
  std::unique_ptr<Catalog> catalog(new Catalog(options, clock, *std::move(database)));
  if (absl::Status status = catalog->Load(); !status.ok()) return CannotOpen(status);
  if (catalog->phase() == record::CATALOG_PHASE_REOPENING) {
    if (absl::Status status = catalog->Reopen(); !status.ok()) return status;
  }
  return catalog;
}

absl::Status Catalog::Load() {
  if (absl::Status status = LoadCatalogRecord(); !status.ok()) return status;
  const absl::StatusOr<std::string> totals = database_.Get(keys::kMeta, keys::Totals());
  if (totals.ok()) {
    if (!totals_.ParseFromString(*totals)) {
      return absl::DataLossError(base::Concat("the catalog ", options_.path.string(),
                                              " is damaged; restore it from a backup"));
    }
  } else if (!absl::IsNotFound(totals.status())) {
    return totals.status();
  }
  return LoadCounts();
}

absl::Status Catalog::LoadCatalogRecord() {
  const std::string where = options_.path.string();
  record::Catalog catalog;
  const absl::StatusOr<std::string> stored = database_.Get(keys::kMeta, keys::CatalogRecord());
  if (stored.ok()) {
    if (!catalog.ParseFromString(*stored)) {
      return absl::DataLossError(
          base::Concat("the catalog ", where, " is damaged; restore it from a backup"));
    }
    if (catalog.format_version() > keys::kFormatVersion) {
      return absl::FailedPreconditionError(
          base::Concat("the catalog ", where, " was written by a newer studio daemon (format ",
                       catalog.format_version(), "); use that version", kOrAnew));
    }
    if (catalog.device() != options_.device.ToString()) {
      return absl::FailedPreconditionError(base::Concat(
          "the catalog ", where, " belongs to ", catalog.device(), ", but the key is for ",
          options_.device.ToString(), "; use that device's key, or another state folder"));
    }
  } else if (absl::IsNotFound(stored.status())) {
    catalog.set_format_version(keys::kFormatVersion);
    catalog.set_catalog_id(base::NewId());
    *catalog.mutable_create_time() = NowMessage();
    catalog.set_device(options_.device.ToString());
    if (options_.ask_host) catalog.set_phase(record::CATALOG_PHASE_ASKING);
    kv::Batch batch;
    batch.Put(keys::kMeta, keys::CatalogRecord(), catalog.SerializeAsString());
    if (absl::Status status = database_.Commit(std::move(batch)); !status.ok()) return status;
  } else {
    return stored.status();
  }
  catalog_ = std::move(catalog);
  return absl::OkStatus();
}

absl::StatusOr<bool> Catalog::LoadStoredCounts() {
  const absl::StatusOr<std::string> stored = database_.Get(keys::kMeta, keys::Counts());
  if (absl::IsNotFound(stored.status())) return false;
  if (!stored.ok()) return stored.status();
  counts_stored_ = true;
  record::Counts counts;
  if (!counts.ParseFromString(*stored)) return false;
  for (const auto& [state, photos] : counts.states()) {
    counted_.states[static_cast<pb::LocalPhotoState>(state)] = photos;
  }
  counted_.galleries.insert(counts.galleries().begin(), counts.galleries().end());
  counted_.original_bytes = counts.original_bytes();
  if (counted_.states[pb::LOCAL_PHOTO_STATE_WAITING] == 0) {
    // Any number will do, as the queue is empty; one behind all that were ever given keeps searches
    // from walking over what was deleted.
    next_ticket_ = static_cast<std::uint64_t>(NowMs()) * 1000;
    lowest_ticket_ = next_ticket_;
    waiting_may_exist_ = false;
  }
  return true;
}

void Catalog::StoreCounts() {
  if (counts_stored_ || counts_doubtful_ || catalog_.catalog_id().empty()) return;
  record::Counts counts;
  for (const auto& [state, photos] : counted_.states) (*counts.mutable_states())[state] = photos;
  counts.mutable_galleries()->insert(counted_.galleries.begin(), counted_.galleries.end());
  counts.set_original_bytes(counted_.original_bytes);
  kv::Batch batch;
  batch.Put(keys::kMeta, keys::Counts(), counts.SerializeAsString());
  // Without them the next start counts for itself.
  const absl::Status status = database_.Commit(std::move(batch));
  if (!status.ok()) spdlog::warn("{}", base::ToStd(status.message()));
}

absl::Status Catalog::LoadCounts() {
  const absl::StatusOr<bool> stored = LoadStoredCounts();
  absl::Status status = stored.status();
  if (stored.ok() && !*stored) {
    absl::Status damage;
    status = database_.Scan(keys::kPhotos, "", "", [&](std::string_view, std::string_view value) {
      const absl::StatusOr<record::Photo> photo = ParsePhoto(value);
      if (photo.ok()) {
        counted_.Count(*photo, 1);
        next_ticket_ = std::max(next_ticket_, photo->ticket() + 1);
      }
      damage.Update(photo.status());
      return photo.ok();
    });
    status.Update(damage);
  }
  if (!status.ok()) return status;

  if (waiting_may_exist_ && *stored) {
    const auto waiting = database_.NewCursor(keys::kWaiting, "");
    waiting->SeekToLast();
    if (waiting->Valid()) next_ticket_ = keys::NumberFrom(waiting->key()) + 1;
    if (!waiting->status().ok()) return waiting->status();
  }
  if (!totals_.has_unsent_above()) totals_.set_unsent_above(totals_.last_sequence());
  // Before the host has been asked nothing is sent.
  const bool asked = catalog_.phase() != record::CATALOG_PHASE_REOPENING &&
                     catalog_.phase() != record::CATALOG_PHASE_ASKING;
  perhaps_sent_ = asked ? totals_.last_sequence() : totals_.host_sequence();
  // Perhaps none is left of them; whoever looks finds out.
  if (totals_.last_sequence() > totals_.host_sequence()) {
    newest_pending_ = totals_.last_sequence();
  }
  return absl::OkStatus();
}

google::protobuf::Timestamp Catalog::NowMessage() const {
  const auto since = clock_.WallNow().time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  google::protobuf::Timestamp time;
  time.set_seconds(seconds.count());
  time.set_nanos(static_cast<int>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count()));
  return time;
}

void Catalog::Touch(record::Photo& photo) const {
  photo.set_revision(photo.revision() + 1);
  *photo.mutable_update_time() = NowMessage();
}

absl::Status Catalog::Commit(CatalogTransaction& transaction) {
  if (looks_ != nullptr && !looks_->wanted.empty()) {
    return absl::AbortedError("it is not known yet which files are still there");
  }
  const CountChanges counts = transaction.counts();
  if (transaction.empty()) return absl::OkStatus();
  withdrawals_changed_ = withdrawals_changed_ || transaction.touches(keys::kWithdrawals);
  kv::Batch batch = transaction.TakeBatch();
  if (counts_stored_) batch.Delete(keys::kMeta, keys::Counts());
  if (absl::Status status = database_.Commit(std::move(batch)); !status.ok()) {
    counts_doubtful_ = true;
    return status;
  }
  counts_stored_ = false;
  for (const auto& [state, change] : counts.states) counted_.states[state] += change;
  for (const auto& [gallery, change] : counts.galleries) {
    if ((counted_.galleries[gallery] += change) == 0) counted_.galleries.erase(gallery);
  }
  counted_.original_bytes += counts.original_bytes;
  waiting_may_exist_ = true;
  work_changed_.notify_all();
  // Subscribers only wake threads of their own, so it is safe under the lock.
  changes_.Publish(changes_.current() + 1);
  return absl::OkStatus();
}

absl::StatusOr<record::Photo> Catalog::GetPhoto(const std::string& id) const {
  const absl::StatusOr<std::string> bytes = database_.Get(keys::kPhotos, keys::Id(id));
  if (absl::IsNotFound(bytes.status())) return NoSuchPhoto(id);
  if (!bytes.ok()) return bytes.status();
  return ParsePhoto(*bytes);
}

absl::StatusOr<record::Photo> Catalog::GetPhotoAt(const std::string& path) const {
  const absl::StatusOr<std::string> bytes =
      database_.Get(keys::kPlaces, keys::Place(FolderOf(path), NameOf(path)));
  if (absl::IsNotFound(bytes.status())) return NoSuchPhoto(path);
  if (!bytes.ok()) return bytes.status();
  record::PlaceEntry entry;
  if (!entry.ParseFromString(*bytes) || entry.photo().empty()) return NoSuchPhoto(path);
  return GetPhoto(entry.photo());
}

absl::StatusOr<std::vector<record::Photo>> Catalog::ListPhotos(const std::string& gallery,
                                                               pb::LocalPhotoState state,
                                                               const std::string& start_after,
                                                               int max) const {
  std::vector<record::Photo> photos;
  absl::Status damage;
  const auto take = [&](absl::StatusOr<record::Photo> photo) {
    if (absl::IsNotFound(photo.status())) return true;  // merged while we were listing
    damage.Update(photo.status());
    if (!photo.ok()) return false;
    if (state == pb::LOCAL_PHOTO_STATE_UNSPECIFIED || ShownState(*photo) == state) {
      photos.push_back(*std::move(photo));
    }
    return static_cast<int>(photos.size()) < max;
  };
  absl::Status status;
  if (gallery.empty()) {
    const std::string after = start_after.empty() ? "" : keys::Id(start_after);
    status = database_.Scan(
        keys::kPhotos, "", after,
        [&](std::string_view, std::string_view value) { return take(ParsePhoto(value)); });
  } else {
    const std::string after = start_after.empty() ? "" : keys::Pair(gallery, start_after);
    status = database_.Scan(keys::kMembers, keys::Id(gallery), after,
                            [&](std::string_view key, std::string_view) {
                              return take(GetPhoto(keys::PairFrom(key).second));
                            });
  }
  status.Update(damage);
  if (!status.ok()) return status;
  return photos;
}

absl::StatusOr<std::vector<LocalGallery>> Catalog::ListGalleries(const std::string& start_after,
                                                                 int max) const {
  std::vector<LocalGallery> galleries;
  const std::lock_guard lock(mutex_);
  auto next = start_after.empty() ? counted_.galleries.begin()
                                  : counted_.galleries.upper_bound(start_after);
  for (; next != counted_.galleries.end() && static_cast<int>(galleries.size()) < max; ++next) {
    LocalGallery gallery{next->first, {}, next->second};
    const absl::StatusOr<std::string> bytes = database_.Get(keys::kGalleries, keys::Id(gallery.id));
    if (!bytes.ok() && !absl::IsNotFound(bytes.status())) return bytes.status();
    if (bytes.ok()) gallery.record.ParseFromString(*bytes);
    galleries.push_back(std::move(gallery));
  }
  return galleries;
}

absl::StatusOr<std::string> Catalog::GetThumbnail(const std::string& id) const {
  absl::StatusOr<std::string> jpeg =
      database_.Get(keys::kRenditions, keys::Rendition(id, pb::RENDITION_KIND_THUMBNAIL));
  if (absl::IsNotFound(jpeg.status())) return NoSuchPhoto(id);
  return jpeg;
}

absl::StatusOr<record::Photo> Catalog::Update(
    const std::string& id, const std::string& etag,
    const std::function<absl::Status(record::Photo&)>& change) {
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  bool changed = false;
  absl::StatusOr<record::Photo> photo = UpdateIn(transaction, id, etag, change, changed);
  if (!photo.ok() || !changed) return photo;
  PutTotals(transaction);
  if (absl::Status status = Commit(transaction); !status.ok()) return status;
  base::KillPoint("studio.catalog.updated");
  return photo;
}

absl::StatusOr<record::Photo> Catalog::UpdateIn(
    CatalogTransaction& transaction, const std::string& id, const std::string& etag,
    const std::function<absl::Status(record::Photo&)>& change, bool& changed) {
  absl::StatusOr<record::Photo> stored = transaction.Photo(id);
  if (absl::IsNotFound(stored.status())) return NoSuchPhoto(id);
  if (!stored.ok()) return stored.status();
  record::Photo photo = *stored;
  if (!etag.empty() && etag != base::Concat(photo.revision())) {
    return rpc::Error(absl::StatusCode::kAborted,
                      base::Concat("the photo ", id,
                                   " has changed since it was read; read it again and then set "
                                   "what you want to set"),
                      "ETAG_MISMATCH", {{"photo", id}, {"etag", base::Concat(photo.revision())}});
  }
  if (absl::Status status = change(photo); !status.ok()) return status;
  changed = ExactBytes(photo) != ExactBytes(*stored);
  if (!changed) return photo;

  NoteSaid(*stored, NowMs(), photo);
  Touch(photo);
  const bool edit_changed = photo.edit().SerializeAsString() != stored->edit().SerializeAsString();
  const bool rendered = photo.state() == pb::LOCAL_PHOTO_STATE_RENDERED ||
                        photo.state() == pb::LOCAL_PHOTO_STATE_PUBLISHED;
  if (edit_changed || photo.state() == pb::LOCAL_PHOTO_STATE_REFUSED) {
    photo.set_stale(true);
    Requeue(photo);
  } else if (rendered) {
    QueuePublish(photo, /*with_renditions=*/false);
  }
  // New ratings, labels and keywords may be selected otherwise.
  ApplySelection(photo);
  if (absl::Status status = transaction.Store(photo); !status.ok()) return status;
  return photo;
}

absl::StatusOr<std::int64_t> Catalog::Retry(const std::vector<std::string>& ids) {
  std::vector<std::string> wanted = ids;
  if (wanted.empty()) {
    const absl::Status status =
        database_.Scan(keys::kPhotos, "", "", [&](std::string_view, std::string_view value) {
          const absl::StatusOr<record::Photo> photo = ParsePhoto(value);
          if (photo.ok() && (photo->state() == pb::LOCAL_PHOTO_STATE_FAILED ||
                             photo->state() == pb::LOCAL_PHOTO_STATE_REFUSED)) {
            wanted.push_back(photo->id());
          }
          return true;
        });
    if (!status.ok()) return status;
  }
  std::int64_t retried = 0;
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  for (const std::string& id : wanted) {
    absl::StatusOr<record::Photo> photo = transaction.Photo(id);
    if (absl::IsNotFound(photo.status()) && ids.empty()) continue;
    if (absl::IsNotFound(photo.status())) return NoSuchPhoto(id);
    if (!photo.ok()) return photo.status();
    if (photo->state() != pb::LOCAL_PHOTO_STATE_FAILED &&
        photo->state() != pb::LOCAL_PHOTO_STATE_REFUSED) {
      continue;
    }
    photo->set_stale(true);
    photo->set_attempts(0);
    Requeue(*photo);
    if (absl::Status status = transaction.Store(*photo); !status.ok()) return status;
    ++retried;
  }
  if (absl::Status status = Commit(transaction); !status.ok()) return status;
  return retried;
}

absl::Status Catalog::SetPaused(bool paused) {
  const std::lock_guard lock(mutex_);
  const bool before = totals_.paused();
  totals_.set_paused(paused);
  CatalogTransaction transaction(database_);
  PutTotals(transaction);
  const absl::Status status = Commit(transaction);
  if (!status.ok()) totals_.set_paused(before);
  return status;
}

bool Catalog::paused() const {
  const std::lock_guard lock(mutex_);
  return totals_.paused();
}

bool Catalog::WaitWhilePaused(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  work_changed_.wait(lock, stop, [this] { return !totals_.paused(); });
  return !stop.stop_requested();
}

absl::StatusOr<OriginalPlaces> Catalog::FindOriginal(const std::string& photo_id,
                                                     const base::Digest& digest,
                                                     std::int64_t size) const {
  OriginalPlaces places;
  std::vector<OriginalPlaces::File> doubtful;
  bool known = false;
  const auto take = [&](const record::Photo& photo) {
    known = true;
    const bool same = photo.digest_current() && photo.digest() == digest.bytes();
    const auto add = [&](const record::Place& place, bool sure) {
      if (place.displaced() && place.volume() != 0) {
        places.displaced.push_back(
            {place.path(), StampOf(place), false, place.root(), place.on_submount()});
      }
      if (place.gone() || (!sure && place.size_bytes() != static_cast<std::uint64_t>(size))) return;
      (sure ? places.files : doubtful)
          .push_back({place.path(), StampOf(place), sure, place.root(), place.on_submount()});
    };
    for (const record::Place& place : photo.places()) add(place, same);
    // It may have been the original before the other half of its pair came.
    for (const record::Place& companion : photo.companions()) add(companion, false);
  };
  absl::StatusOr<record::Photo> named = GetPhoto(photo_id);
  if (named.ok()) {
    take(*named);
  } else if (!absl::IsNotFound(named.status())) {
    return named.status();
  }
  const absl::Status status =
      database_.Scan(keys::kDigests, keys::Digest(static_cast<std::uint64_t>(size), digest.bytes()),
                     "", [&](std::string_view key, std::string_view) {
                       const std::string id = keys::PhotoFromDigest(key);
                       if (id == photo_id) return true;
                       if (const absl::StatusOr<record::Photo> twin = GetPhoto(id); twin.ok()) {
                         take(*twin);
                       }
                       return true;
                     });
  if (!status.ok()) return status;
  if (!known) return NoSuchPhoto(photo_id);
  places.files.insert(places.files.end(), doubtful.begin(), doubtful.end());
  places.changed = named.ok() && !IsMissing(*named) && places.files.empty();
  return places;
}

CatalogCounts Catalog::counts() const {
  const std::lock_guard lock(mutex_);
  return {counted_.states, counted_.original_bytes, totals_.sent_bytes(), totals_.paused()};
}

}  // namespace proofline::studio
