// What the catalog makes of files that have settled.
#include <algorithm>
#include <utility>

#include "daemon/catalog.h"
#include "daemon/catalog_keys.h"
#include "daemon/gallery.h"
#include "lib/base/id.h"
#include "lib/base/kill_point.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

FileStamp StampOf(const record::Place& place) {
  return {place.device(), place.inode(), place.size_bytes(), place.mtime_ns()};
}

void SetStamp(const FileStamp& stamp, record::Place& place) {
  place.set_device(stamp.device);
  place.set_inode(stamp.inode);
  place.set_size_bytes(stamp.size);
  place.set_mtime_ns(stamp.mtime_ns);
}

int IndexOfPlace(const record::Photo& photo, const std::string& path) {
  for (int i = 0; i < photo.places_size(); ++i) {
    if (photo.places(i).path() == path) return i;
  }
  return -1;
}

bool HasOtherPlace(const record::Photo& photo, int index) {
  for (int i = 0; i < photo.places_size(); ++i) {
    if (i != index && !photo.places(i).gone()) return true;
  }
  return false;
}

// Places that are there come first; of those that are gone one is kept, and only if none is there.
void TidyPlaces(record::Photo& photo) {
  auto& places = *photo.mutable_places();
  std::stable_sort(
      places.begin(), places.end(),
      [](const record::Place& a, const record::Place& b) { return !a.gone() && b.gone(); });
  int keep = 0;
  while (keep < places.size() && !places[keep].gone()) ++keep;
  if (keep == 0) keep = std::min(1, places.size());
  places.DeleteSubrange(keep, places.size() - keep);
}

bool IsRendered(const record::Photo& photo) {
  return photo.state() == pb::LOCAL_PHOTO_STATE_RENDERED ||
         photo.state() == pb::LOCAL_PHOTO_STATE_PUBLISHED;
}

Catalog::KnownFile KnownFileFrom(std::string name, std::string_view bytes) {
  record::PlaceEntry entry;
  entry.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  Catalog::KnownFile file;
  file.name = std::move(name);
  file.stamp = {entry.device(), entry.inode(), entry.size_bytes(), entry.mtime_ns()};
  file.gone = entry.gone();
  file.look_again = entry.look_again();
  return file;
}

}  // namespace

absl::Status Catalog::KnownFilesIn(const std::string& folder,
                                   const std::function<void(const KnownFile&)>& visit) const {
  return database_.Scan(keys::kPlaces, keys::PlacesIn(folder), "",
                        [&](std::string_view key, std::string_view value) {
                          visit(KnownFileFrom(keys::PlaceFrom(key).name, value));
                          return true;
                        });
}

absl::Status Catalog::KnownPathsUnder(
    const std::string& folder, const std::function<bool(const std::string& path)>& visit) const {
  bool go_on = true;
  const auto take = [&](std::string_view key, std::string_view value) {
    record::PlaceEntry entry;
    entry.ParseFromArray(value.data(), static_cast<int>(value.size()));
    if (entry.gone()) return true;
    const keys::FolderAndName place = keys::PlaceFrom(key);
    go_on = visit(JoinPath(place.folder, place.name));
    return go_on;
  };
  const absl::Status status = database_.Scan(keys::kPlaces, keys::PlacesIn(folder), "", take);
  if (!status.ok() || !go_on) return status;
  return database_.Scan(keys::kPlaces, keys::PlacesUnder(folder), "", take);
}

absl::Status Catalog::KnownFoldersUnder(
    const std::string& root, const std::function<bool(const std::string& folder)>& visit) const {
  for (const std::string& prefix : {keys::PlacesIn(root), keys::PlacesUnder(root)}) {
    const auto cursor = database_.NewCursor(keys::kPlaces, prefix);
    cursor->SeekToFirst();
    while (cursor->Valid()) {
      const std::string folder = keys::PlaceFrom(cursor->key()).folder;
      if (!visit(folder)) return absl::OkStatus();
      cursor->Seek(kv::PrefixEnd(keys::PlacesIn(folder)));
    }
    if (!cursor->status().ok()) return cursor->status();
  }
  return absl::OkStatus();
}

std::optional<Catalog::KnownFile> Catalog::FindFile(const std::string& path) const {
  const std::string name = NameOf(path);
  const absl::StatusOr<std::string> bytes =
      database_.Get(keys::kPlaces, keys::Place(FolderOf(path), name));
  if (!bytes.ok()) return std::nullopt;
  return KnownFileFrom(name, *bytes);
}

absl::Status Catalog::RecordSettled(const std::vector<SettledPath>& settled) {
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  // Files first: one that moved is found at its new path before the old one is given up.
  for (const SettledPath& file : settled) {
    if (!file.reading.is_file()) continue;
    if (absl::Status status = TakeFile(transaction, file); !status.ok()) return status;
  }
  for (const SettledPath& file : settled) {
    if (file.reading.kind != Reading::Kind::kAbsent) continue;
    if (absl::Status status = TakeGone(transaction, file); !status.ok()) return status;
  }
  if (transaction.empty()) return absl::OkStatus();
  PutTotals(transaction);
  if (absl::Status status = Commit(transaction); !status.ok()) return status;
  base::KillPoint("studio.catalog.recorded");
  return absl::OkStatus();
}

absl::Status Catalog::TakeFile(CatalogTransaction& transaction, const SettledPath& file) {
  absl::StatusOr<std::optional<std::string>> known =
      transaction.Get(keys::kPlaces, keys::Place(FolderOf(file.path), NameOf(file.path)));
  if (!known.ok()) return known.status();
  if (known->has_value()) {
    record::PlaceEntry entry;
    entry.ParseFromString(**known);
    absl::StatusOr<record::Photo> photo = transaction.Photo(entry.photo());
    if (!photo.ok()) return photo.status();
    return TakeKnownPath(transaction, file, *std::move(photo));
  }
  absl::StatusOr<bool> taken = TakeSameInode(transaction, file);
  if (!taken.ok()) return taken.status();
  return *taken ? absl::OkStatus() : AddPhoto(transaction, file);
}

absl::Status Catalog::TakeKnownPath(CatalogTransaction& transaction, const SettledPath& file,
                                    record::Photo photo) {
  const record::Photo before = photo;
  const int index = IndexOfPlace(photo, file.path);
  record::Place& place = *photo.mutable_places(index);
  const bool same = StampOf(place).SameContent(file.reading.stamp);
  if (!same && HasOtherPlace(photo, index)) {
    // The other files keep the photo; this one is a new original.
    photo.mutable_places()->DeleteSubrange(index, 1);
    absl::Status status = StoreMoved(transaction, before, std::move(photo));
    return status.ok() ? AddPhoto(transaction, file) : status;
  }
  const bool look_again = WantsAnotherLook(photo);
  place.set_gone(false);
  SetStamp(file.reading.stamp, place);
  if (!same) {
    photo.set_digest_current(false);
    photo.set_attempts(0);
    Requeue(photo);
  } else if (look_again ||
             (photo.state() == pb::LOCAL_PHOTO_STATE_WAITING && photo.ticket() == 0)) {
    Requeue(photo);
  }
  return StoreMoved(transaction, before, std::move(photo));
}

absl::StatusOr<bool> Catalog::TakeSameInode(CatalogTransaction& transaction,
                                            const SettledPath& file) {
  const FileStamp& stamp = file.reading.stamp;
  std::vector<std::string> candidates;
  absl::Status status = transaction.Scan(keys::kInodes, keys::Inode(stamp.inode),
                                         [&](std::string_view, std::string_view photo) {
                                           candidates.emplace_back(photo);
                                           return candidates.size() < 16;
                                         });
  if (!status.ok()) return status;
  for (const std::string& id : candidates) {
    absl::StatusOr<record::Photo> photo = transaction.Photo(id);
    if (!photo.ok()) return photo.status();
    const record::Photo before = *photo;
    for (record::Place& place : *photo->mutable_places()) {
      if (!StampOf(place).SameContent(stamp)) continue;
      const bool old_path_gone =
          place.gone() || ReadPath(place.path()).kind == Reading::Kind::kAbsent;
      if (!old_path_gone && place.device() != stamp.device) continue;
      const record::Place moved = MakePlace(transaction, file, status);
      if (!status.ok()) return status;
      if (old_path_gone) {
        place = moved;
      } else {
        *photo->add_places() = moved;  // a hard link: the same bytes under another name
      }
      if (photo->state() == pb::LOCAL_PHOTO_STATE_WAITING && photo->ticket() == 0) Requeue(*photo);
      status = StoreMoved(transaction, before, *std::move(photo));
      if (!status.ok()) return status;
      return true;
    }
  }
  return false;
}

record::Place Catalog::MakePlace(CatalogTransaction& transaction, const SettledPath& file,
                                 absl::Status& status) const {
  const GalleryName gallery = GalleryOf(file.root, file.path);
  record::Place place;
  place.set_path(file.path);
  place.set_root(file.root);
  SetStamp(file.reading.stamp, place);
  place.set_gallery(gallery.id);
  place.set_gallery_title(gallery.title);
  const absl::StatusOr<std::optional<std::string>> known =
      transaction.Get(keys::kGalleries, keys::Id(gallery.id));
  status.Update(known.status());
  if (known.ok() && !known->has_value()) {
    record::Gallery record;
    record.set_title(gallery.title);
    *record.mutable_create_time() = NowMessage();
    transaction.Put(keys::kGalleries, keys::Id(gallery.id), record.SerializeAsString());
  }
  return place;
}

absl::Status Catalog::AddPhoto(CatalogTransaction& transaction, const SettledPath& file) {
  absl::Status status;
  record::Photo photo;
  photo.set_id(base::NewId());
  *photo.add_places() = MakePlace(transaction, file, status);
  photo.set_original_size_bytes(static_cast<std::int64_t>(file.reading.stamp.size));
  status.Update(TakeLaterMetadata(transaction, photo));
  *photo.mutable_create_time() = NowMessage();
  Touch(photo);
  Requeue(photo);
  return status.ok() ? transaction.Store(photo) : status;
}

absl::Status Catalog::TakeGone(CatalogTransaction& transaction, const SettledPath& file) {
  absl::StatusOr<std::optional<std::string>> known =
      transaction.Get(keys::kPlaces, keys::Place(FolderOf(file.path), NameOf(file.path)));
  if (!known.ok()) return known.status();
  if (!known->has_value()) return absl::OkStatus();
  record::PlaceEntry entry;
  entry.ParseFromString(**known);
  absl::StatusOr<record::Photo> photo = transaction.Photo(entry.photo());
  if (!photo.ok()) return photo.status();
  const record::Photo before = *photo;
  photo->mutable_places(IndexOfPlace(*photo, file.path))->set_gone(true);
  return StoreMoved(transaction, before, *std::move(photo));
}

absl::Status Catalog::StoreMoved(CatalogTransaction& transaction, const record::Photo& before,
                                 record::Photo photo) {
  TidyPlaces(photo);
  if (IsMissing(photo)) photo.set_ticket(0);
  const record::Place& from = *MainPlace(before);
  const record::Place& to = *MainPlace(photo);
  const bool renamed = from.gallery() != to.gallery() || NameOf(from.path()) != NameOf(to.path());
  if (renamed) {
    Touch(photo);
    if (IsRendered(photo)) QueuePublish(photo, /*with_renditions=*/false);
  }
  return transaction.Store(photo);
}

}  // namespace proofline::studio
