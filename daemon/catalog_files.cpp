// What the catalog makes of files that have settled.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "daemon/catalog.h"
#include "daemon/catalog_keys.h"
#include "daemon/catalog_place.h"
#include "daemon/gallery.h"
#include "lib/base/check.h"
#include "lib/base/id.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

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

// Of the companions that are gone one is kept too: it may turn up under another name.
void TidyCompanions(record::Photo& photo) {
  auto& companions = *photo.mutable_companions();
  int gone = 0;
  for (int i = companions.size() - 1; i >= 0; --i) {
    if (companions[i].gone() && ++gone > 1) companions.DeleteSubrange(i, 1);
  }
}

bool HasLiveCompanion(const record::Photo& photo) {
  return std::any_of(photo.companions().begin(), photo.companions().end(),
                     [](const record::Place& place) { return !place.gone(); });
}

bool HasOtherPlace(const record::Photo& photo, int index) {
  for (int i = 0; i < photo.places_size(); ++i) {
    if (i != index && !photo.places(i).gone()) return true;
  }
  return false;
}

// Cameras give the names of their files anew, for every card and after every formatting.
bool LiesOnCard(const record::Place& place) {
  const std::string root = place.root();
  std::string path = base::Concat("/", NameOf(root), place.path().substr(root.size()));
  absl::AsciiStrToUpper(&path);
  return place.inode() == 0 && path.find("/DCIM/") != std::string::npos;
}

// What lies at the photo's path now was never this photo, not saved anew: it lies on another
// volume, or is another picture of the camera's.
bool IsAnotherPicture(const record::Photo& photo, const record::Place& place,
                      const FileStamp& now) {
  const FileStamp before = StampOf(place);
  if (before.OnAnotherVolumeThan(now)) return true;
  return LiesOnCard(place) && before.size != now.size && before.mtime_ns != now.mtime_ns &&
         photo.digest_current() && photo.renditions_size() > 0;
}

// `entry` is used again and again: parsing into it allocates nothing.
void KnownFileFrom(std::string_view name, std::string_view bytes, record::PlaceEntry& entry,
                   KnownFile& file) {
  entry.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  file.name = name;
  file.stamp = {entry.device(), entry.inode(), entry.size_bytes(), entry.mtime_ns(),
                entry.volume()};
  file.gone = entry.gone();
  file.look_again = entry.look_again();
  file.is_photo = entry.kind() == record::PLACE_KIND_PHOTO;
  file.on_submount = entry.on_submount();
}

}  // namespace

absl::Status Catalog::KnownFilesIn(const std::string& folder,
                                   const std::function<void(const KnownFile&)>& visit) const {
  record::PlaceEntry entry;
  KnownFile file;
  const std::string prefix = keys::PlacesIn(folder);
  return database_.Scan(keys::kPlaces, prefix, "",
                        [&](std::string_view key, std::string_view value) {
                          const std::string name = kv::KeyReader(key.substr(prefix.size())).Text();
                          KnownFileFrom(name, value, entry, file);
                          visit(file);
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

std::optional<KnownFile> Catalog::FindFile(const std::string& path) const {
  const absl::StatusOr<std::string> bytes =
      database_.Get(keys::kPlaces, keys::Place(FolderOf(path), NameOf(path)));
  if (!bytes.ok()) return std::nullopt;
  record::PlaceEntry entry;
  KnownFile file;
  KnownFileFrom({}, *bytes, entry, file);
  return file;
}

absl::Status Catalog::RecordSettled(const std::vector<SettledPath>& settled,
                                    const FoundElsewhere& elsewhere) {
  return Looking([&] { return RecordLooking(settled, elsewhere); });
}

absl::Status Catalog::Looking(const std::function<absl::Status()>& change,
                              const std::function<void(std::unique_lock<std::mutex>&)>& wait) {
  Looks looks;
  while (true) {
    absl::Status status;
    {
      std::unique_lock lock(mutex_);
      if (wait) wait(lock);
      looks_ = &looks;
      status = change();
      looks_ = nullptr;
    }
    if (looks.wanted.empty()) return status;
    for (const record::Place& place : std::exchange(looks.wanted, {})) {
      looks.known[place.path()] =
          options_.look ? options_.look(place.root(), place.path()) : ReadPath(place.path());
    }
  }
}

bool Catalog::IsStillThere(const record::Place& place) {
  if (place.displaced()) return false;
  PROOFLINE_CHECK(looks_ != nullptr, "files are looked at without the lock only");
  const auto look = looks_->known.find(place.path());
  if (look == looks_->known.end()) {
    looks_->wanted.push_back(place);
    return true;
  }
  const Reading& reading = look->second;
  return reading.kind == Reading::Kind::kUnknown ||
         (reading.is_file() && reading.stamp.SameContent(StampOf(place)));
}

absl::Status Catalog::RecordLooking(const std::vector<SettledPath>& settled,
                                    const FoundElsewhere& elsewhere) {
  CatalogTransaction transaction(database_);
  Settling settling{transaction, settled, elsewhere, {}};
  absl::Status status;
  // Sidecars first: a photo that is new finds its own. Then files: one that moved is found at its
  // new path before the old one is given up.
  for (const SettledPath& file : settled) {
    if (!file.reading.is_file() || file.kind != FileKind::kSidecar) continue;
    if (status = TakeSidecar(settling, file); !status.ok()) return status;
  }
  for (const SettledPath& file : settled) {
    if (!file.reading.is_file() || file.kind == FileKind::kSidecar) continue;
    if (status = TakeFile(settling, file); !status.ok()) return status;
  }
  for (const SettledPath& file : settled) {
    if (file.reading.kind != Reading::Kind::kAbsent) continue;
    if (status = TakeGone(settling, file); !status.ok()) return status;
  }
  for (const std::string& sidecar : settling.sidecars) {
    if (status = GiveSidecar(settling, sidecar); !status.ok()) return status;
  }
  if (transaction.empty()) return absl::OkStatus();
  PutTotals(transaction);
  if (status = Commit(transaction); !status.ok()) return status;
  base::KillPoint("studio.catalog.recorded");
  return absl::OkStatus();
}

bool Catalog::IsElsewhere(const Settling& settling, const record::Place& place) {
  const FileStamp stamp = StampOf(place);
  if (stamp.inode == 0) return false;
  const bool in_batch =
      std::any_of(settling.settled.begin(), settling.settled.end(), [&](const SettledPath& other) {
        return other.reading.is_file() && other.path != place.path() &&
               other.reading.stamp.SameContent(stamp);
      });
  return in_batch || (settling.elsewhere && settling.elsewhere(stamp));
}

absl::StatusOr<std::optional<record::PlaceEntry>> Catalog::EntryAt(CatalogTransaction& transaction,
                                                                   const std::string& path) {
  absl::StatusOr<std::optional<std::string>> known =
      transaction.Get(keys::kPlaces, keys::Place(FolderOf(path), NameOf(path)));
  if (!known.ok()) return known.status();
  if (!known->has_value()) return std::nullopt;
  record::PlaceEntry entry;
  entry.ParseFromString(**known);
  return entry;
}

void Catalog::PutBareEntry(CatalogTransaction& transaction, const SettledPath& file,
                           record::PlaceKind kind) {
  record::Place place;
  SetStamp(file.reading.stamp, place);
  place.set_on_submount(file.on_submount);
  record::PlaceEntry entry = EntryOf(place, kind);
  entry.set_look_again(file.unreadable);
  transaction.Put(keys::kPlaces, keys::Place(FolderOf(file.path), NameOf(file.path)),
                  entry.SerializeAsString());
}

absl::Status Catalog::TakeFile(Settling& settling, const SettledPath& file) {
  CatalogTransaction& transaction = settling.transaction;
  absl::StatusOr<std::optional<record::PlaceEntry>> known = EntryAt(transaction, file.path);
  if (!known.ok()) return known.status();
  const bool has_photo = known->has_value() && !(*known)->photo().empty();
  if (!has_photo && file.kind == FileKind::kIgnored) {
    PutBareEntry(transaction, file, record::PLACE_KIND_NO_PICTURE);
    return absl::OkStatus();
  }
  if (!has_photo) return TakeNewPath(settling, file);
  absl::StatusOr<record::Photo> photo = transaction.Photo((*known)->photo());
  if (!photo.ok()) return photo.status();
  if ((*known)->kind() == record::PLACE_KIND_COMPANION) {
    return TakeKnownCompanion(settling, file, *std::move(photo));
  }
  return TakeKnownPath(settling, file, *std::move(photo));
}

absl::Status Catalog::TakeNewPath(Settling& settling, const SettledPath& file) {
  absl::StatusOr<bool> taken = TakeSameInode(settling, file);
  if (taken.ok() && !*taken) taken = TakePairOf(settling, file);
  if (!taken.ok()) return taken.status();
  return *taken ? absl::OkStatus() : AddPhoto(settling, file);
}

absl::Status Catalog::TakeKnownPath(Settling& settling, const SettledPath& file,
                                    record::Photo photo) {
  const record::Photo before = photo;
  const int index = IndexOfPlace(photo.places(), file.path);
  record::Place& place = *photo.mutable_places(index);
  const bool same = StampOf(place).SameContent(file.reading.stamp);
  if (!same && HasOtherPlace(photo, index)) {
    // The other files keep the photo; this one is another original.
    photo.mutable_places()->DeleteSubrange(index, 1);
    absl::Status status = StoreMoved(settling, before, std::move(photo));
    return status.ok() ? TakeNewPath(settling, file) : status;
  }
  if (!same &&
      (IsElsewhere(settling, place) || IsAnotherPicture(photo, place, file.reading.stamp))) {
    // The original has moved away, and another file has come in its place.
    place.set_gone(true);
    place.set_displaced(true);
    absl::Status status = StoreMoved(settling, before, std::move(photo));
    return status.ok() ? TakeNewPath(settling, file) : status;
  }
  const bool look_again = WantsAnotherLook(photo);
  place.set_gone(false);
  SetStamp(file.reading.stamp, place);
  if (!same) {
    photo.set_digest_current(false);
    photo.set_attempts(0);
    Requeue(photo);
  } else if (look_again || IsWaitingForFile(photo)) {
    Requeue(photo);
  }
  return StoreMoved(settling, before, std::move(photo));
}

absl::StatusOr<bool> Catalog::TakeSameInode(Settling& settling, const SettledPath& file) {
  CatalogTransaction& transaction = settling.transaction;
  const FileStamp& stamp = file.reading.stamp;
  if (stamp.inode == 0) return false;
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
      const bool moved = place.gone() || !IsStillThere(place);
      if (!moved && place.device() != stamp.device) continue;
      const record::Place now = MakePlace(transaction, file, status);
      if (!status.ok()) return status;
      if (moved) {
        place = now;
      } else {
        *photo->add_places() = now;  // a hard link: the same bytes under another name
      }
      if (IsWaitingForFile(*photo)) Requeue(*photo);
      status = StoreMoved(settling, before, *std::move(photo));
      if (!status.ok()) return status;
      return true;
    }
    absl::StatusOr<bool> taken = TakeMovedCompanion(settling, file, *std::move(photo));
    if (!taken.ok() || *taken) return taken;
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
  place.set_on_submount(file.on_submount);
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

absl::Status Catalog::AddPhoto(Settling& settling, const SettledPath& file) {
  absl::Status status;
  const record::Place place = MakePlace(settling.transaction, file, status);
  return status.ok() ? AddPhotoAt(settling, place) : status;
}

absl::Status Catalog::AddPhotoAt(Settling& settling, const record::Place& place) {
  record::Photo photo;
  photo.set_id(base::NewId());
  *photo.add_places() = place;
  photo.set_original_size_bytes(static_cast<std::int64_t>(place.size_bytes()));
  *photo.mutable_create_time() = NowMessage();
  Touch(photo);
  absl::Status status = TakeLaterMetadata(settling.transaction, photo);
  status.Update(ChooseSidecar(settling.transaction, photo));
  if (!status.ok()) return status;
  Requeue(photo);
  return settling.transaction.Store(photo);
}

absl::Status Catalog::TakeGone(Settling& settling, const SettledPath& file) {
  CatalogTransaction& transaction = settling.transaction;
  absl::StatusOr<std::optional<record::PlaceEntry>> known = EntryAt(transaction, file.path);
  if (!known.ok()) return known.status();
  if (!known->has_value()) return absl::OkStatus();
  const record::PlaceEntry& entry = **known;
  if (entry.photo().empty()) {
    transaction.Delete(keys::kPlaces, keys::Place(FolderOf(file.path), NameOf(file.path)));
    if (entry.kind() == record::PLACE_KIND_SIDECAR) settling.sidecars.insert(file.path);
    return absl::OkStatus();
  }
  absl::StatusOr<record::Photo> photo = transaction.Photo(entry.photo());
  if (!photo.ok()) return photo.status();
  const record::Photo before = *photo;
  if (entry.kind() == record::PLACE_KIND_COMPANION) {
    photo->mutable_companions(IndexOfPlace(photo->companions(), file.path))->set_gone(true);
  } else {
    record::Place& place = *photo->mutable_places(IndexOfPlace(photo->places(), file.path));
    place.set_gone(true);
    if (IsMissing(*photo) && !IsElsewhere(settling, place)) PromoteCompanion(*photo, &place);
  }
  return StoreMoved(settling, before, *std::move(photo));
}

absl::Status Catalog::StoreMoved(Settling& settling, const record::Photo& before,
                                 record::Photo photo) {
  TidyPlaces(photo);
  TidyCompanions(photo);
  const std::vector<record::Place> strays = TakeStrays(photo);
  absl::Status status = ChooseSidecar(settling.transaction, photo);
  if (!status.ok()) return status;
  if (IsMissing(photo)) {
    photo.set_ticket(0);
    if (photo.withdraw_due_ms() == 0 && (IsAtHost(photo) || HasLiveCompanion(photo))) {
      photo.set_withdraw_due_ms(NowMs() + options_.grace.count());
    }
  } else {
    // What the selection keeps is to be withdrawn although its file is here.
    if (!StaysHere(photo)) photo.set_withdraw_due_ms(0);
  }
  const record::Place& from = *MainPlace(before);
  const record::Place& to = *MainPlace(photo);
  const bool renamed = from.gallery() != to.gallery() || NameOf(from.path()) != NameOf(to.path());
  if (renamed) {
    Touch(photo);
    if (IsRendered(photo)) QueuePublish(photo, /*with_renditions=*/false);
  }
  // Rules may look at the path and the gallery.
  if (from.path() != to.path() && !IsMissing(photo)) ApplySelection(photo);
  if (status = settling.transaction.Store(photo); !status.ok()) return status;
  for (const record::Place& stray : strays) {
    if (status = AddPhotoAt(settling, stray); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace proofline::studio
