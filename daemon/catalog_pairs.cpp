// What belongs to a photo beside its original: the other file of a RAW and JPEG pair, and the XMP
// sidecar. Both lie in the original's folder and are named like it.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "daemon/catalog.h"
#include "daemon/catalog_keys.h"
#include "daemon/catalog_place.h"
#include "lib/base/text.h"

namespace proofline::studio {

namespace {

bool BelongsTo(const record::Photo& photo, const record::Place& companion) {
  return std::any_of(photo.places().begin(), photo.places().end(), [&](const record::Place& place) {
    return ArePair(place.path(), companion.path());
  });
}

record::Place SidecarPlace(const std::string& path, const record::PlaceEntry& entry) {
  record::Place place;
  place.set_path(path);
  place.set_device(entry.device());
  place.set_inode(entry.inode());
  place.set_size_bytes(entry.size_bytes());
  place.set_mtime_ns(entry.mtime_ns());
  place.set_volume(entry.volume());
  return place;
}

}  // namespace

absl::Status Catalog::NamedLike(
    CatalogTransaction& transaction, const std::string& folder, std::string_view stem,
    const std::function<void(const std::string& path, const record::PlaceEntry& entry)>& visit) {
  const std::string beginning = base::Concat(stem, ".");
  return transaction.Scan(keys::kPlaces, keys::PlacesNamed(folder, beginning),
                          [&](std::string_view key, std::string_view value) {
                            record::PlaceEntry entry;
                            entry.ParseFromArray(value.data(), static_cast<int>(value.size()));
                            visit(JoinPath(folder, keys::PlaceFrom(key).name), entry);
                            return true;
                          });
}

// ---- Pairs

absl::StatusOr<bool> Catalog::TakePairOf(Settling& settling, const SettledPath& file) {
  CatalogTransaction& transaction = settling.transaction;
  const PairHalf half = HalfOf(NameOf(file.path));
  if (half == PairHalf::kNone) return false;
  std::string partner;
  std::string id;
  absl::Status status =
      NamedLike(transaction, FolderOf(file.path), StemOf(NameOf(file.path)),
                [&](const std::string& path, const record::PlaceEntry& entry) {
                  if (!partner.empty() || entry.gone() || entry.kind() != record::PLACE_KIND_PHOTO)
                    return;
                  if (!ArePair(file.path, path)) return;
                  partner = path;
                  id = entry.photo();
                });
  if (!status.ok()) return status;
  if (partner.empty()) return false;
  absl::StatusOr<record::Photo> photo = transaction.Photo(id);
  if (!photo.ok()) return photo.status();
  const record::Photo before = *photo;
  const record::Place place = MakePlace(transaction, file, status);
  if (!status.ok()) return status;
  if ((half == PairHalf::kRaw) != options_.raw_is_original) {
    *photo->add_companions() = place;
    status = StoreMoved(settling, before, *std::move(photo));
    if (!status.ok()) return status;
    return true;
  }
  // The better half of the pair has come: it is the original from now on. Copies of the other half
  // elsewhere are photos of their own, as they have no such file beside them.
  std::vector<record::Place> copies;
  for (const record::Place& other : photo->places()) {
    if (other.path() == partner) {
      *photo->add_companions() = other;
    } else if (!other.gone()) {
      copies.push_back(other);
    }
  }
  photo->clear_places();
  *photo->add_places() = place;
  photo->set_digest_current(false);
  photo->set_attempts(0);
  Requeue(*photo);
  status = StoreMoved(settling, before, *std::move(photo));
  for (const record::Place& copy : copies) {
    if (status.ok()) status = AddPhotoAt(settling, copy);
  }
  if (!status.ok()) return status;
  return true;
}

absl::Status Catalog::TakeKnownCompanion(Settling& settling, const SettledPath& file,
                                         record::Photo photo) {
  const record::Photo before = photo;
  record::Place& place = *photo.mutable_companions(IndexOfPlace(photo.companions(), file.path));
  if (!StampOf(place).SameContent(file.reading.stamp) &&
      (IsElsewhere(settling, place) || StampOf(place).OnAnotherVolumeThan(file.reading.stamp))) {
    place.set_gone(true);
    place.set_displaced(true);
    absl::Status status = StoreMoved(settling, before, std::move(photo));
    return status.ok() ? TakeNewPath(settling, file) : status;
  }
  SetStamp(file.reading.stamp, place);
  place.set_gone(false);
  return StoreMoved(settling, before, std::move(photo));
}

absl::StatusOr<bool> Catalog::TakeMovedCompanion(Settling& settling, const SettledPath& file,
                                                 record::Photo photo) {
  const record::Photo before = photo;
  for (int i = 0; i < photo.companions_size(); ++i) {
    if (!StampOf(photo.companions(i)).SameContent(file.reading.stamp)) continue;
    if (!photo.companions(i).displaced() && IsStillThere(photo.companions(i))) continue;
    absl::Status status;
    const record::Place now = MakePlace(settling.transaction, file, status);
    if (!status.ok()) return status;
    // Where the original has stayed behind, the pair has been parted.
    const record::Place* main = MainPlace(photo);
    if (!BelongsTo(photo, now) && !main->gone() && IsStillThere(*main)) {
      photo.mutable_companions()->DeleteSubrange(i, 1);
      status = StoreMoved(settling, before, std::move(photo));
      if (!status.ok()) return status;
      return false;
    }
    *photo.mutable_companions(i) = now;
    status = StoreMoved(settling, before, std::move(photo));
    if (!status.ok()) return status;
    return true;
  }
  return false;
}

bool Catalog::PromoteCompanion(record::Photo& photo, const record::Place* beside) {
  for (int i = 0; i < photo.companions_size(); ++i) {
    if (photo.companions(i).gone() || !IsStillThere(photo.companions(i))) continue;
    // One that lies elsewhere was moved, and the original may be about to follow.
    if (beside != nullptr && !ArePair(beside->path(), photo.companions(i).path())) continue;
    const record::Place place = photo.companions(i);
    photo.mutable_companions()->DeleteSubrange(i, 1);
    photo.clear_places();
    *photo.add_places() = place;
    photo.set_digest_current(false);
    photo.set_attempts(0);
    Requeue(photo);
    return true;
  }
  return false;
}

std::vector<record::Place> Catalog::TakeStrays(record::Photo& photo) {
  std::vector<record::Place> strays;
  for (int i = photo.companions_size() - 1; i >= 0; --i) {
    const record::Place& companion = photo.companions(i);
    if (BelongsTo(photo, companion)) continue;
    // It may be about to follow the original, or be followed by it.
    if (companion.gone() || !IsStillThere(companion)) continue;
    const record::Place* main = MainPlace(photo);
    if (main->gone() || !IsStillThere(*main)) continue;
    strays.push_back(companion);
    photo.mutable_companions()->DeleteSubrange(i, 1);
  }
  return strays;
}

// ---- Sidecars

absl::Status Catalog::TakeSidecar(Settling& settling, const SettledPath& file) {
  absl::StatusOr<std::optional<record::PlaceEntry>> known =
      EntryAt(settling.transaction, file.path);
  if (!known.ok()) return known.status();
  PutBareEntry(settling.transaction, file, record::PLACE_KIND_SIDECAR);
  settling.sidecars.insert(file.path);
  return absl::OkStatus();
}

absl::Status Catalog::GiveSidecar(Settling& settling, const std::string& path) {
  CatalogTransaction& transaction = settling.transaction;
  // "IMG_1.xmp" belongs to every IMG_1, "IMG_1.CR2.xmp" to IMG_1.CR2 only.
  const std::string name = NameOf(path);
  const std::string_view whole = StemOf(name);
  std::set<std::string> photos;
  absl::Status status = NamedLike(transaction, FolderOf(path), StemOf(whole),
                                  [&](const std::string& other, const record::PlaceEntry& entry) {
                                    if (entry.photo().empty() || entry.gone()) return;
                                    const std::string other_name = NameOf(other);
                                    if (other_name == whole || StemOf(other_name) == whole)
                                      photos.insert(entry.photo());
                                  });
  if (!status.ok()) return status;
  for (const std::string& id : photos) {
    absl::StatusOr<record::Photo> photo = transaction.Photo(id);
    if (!photo.ok()) return photo.status();
    const std::string before = photo->SerializeAsString();
    if (status = ChooseSidecar(transaction, *photo); !status.ok()) return status;
    if (photo->SerializeAsString() == before) continue;
    if (status = transaction.Store(*photo); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Catalog::ChooseSidecar(CatalogTransaction& transaction, record::Photo& photo) {
  const record::Place* main = MainPlace(photo);
  if (main == nullptr || main->gone()) return absl::OkStatus();
  const std::string folder = FolderOf(main->path());
  const std::string name = NameOf(main->path());
  // The one that names the whole file comes first, then the one that names a companion.
  std::optional<record::Place> chosen;
  int best = 0;
  absl::Status status = NamedLike(transaction, folder, StemOf(name),
                                  [&](const std::string& path, const record::PlaceEntry& entry) {
                                    if (entry.kind() != record::PLACE_KIND_SIDECAR) return;
                                    const std::string sidecar = NameOf(path);
                                    const std::string_view of = StemOf(sidecar);
                                    int rank = of == name ? 3 : of == StemOf(name) ? 1 : 0;
                                    for (const record::Place& companion : photo.companions()) {
                                      if (of == NameOf(companion.path())) rank = std::max(rank, 2);
                                    }
                                    if (rank <= best) return;
                                    best = rank;
                                    chosen = SidecarPlace(path, entry);
                                  });
  if (!status.ok()) return status;
  const bool had = photo.has_sidecar();
  // The photo has moved ahead of its sidecar, which is no reason to read it again: what the
  // sidecar said stays until another one is found.
  if (had && !chosen.has_value() && FolderOf(photo.sidecar().path()) != folder) {
    return absl::OkStatus();
  }
  const bool same_content = had && chosen.has_value()
                                ? StampOf(photo.sidecar()).SameContent(StampOf(*chosen))
                                : had == chosen.has_value();
  if (chosen.has_value()) {
    *photo.mutable_sidecar() = *chosen;
  } else {
    photo.clear_sidecar();
  }
  // What the sidecar says enters the record when the photo is read again.
  if (!same_content) {
    photo.set_sidecar_unread(true);
    photo.set_stale(true);
    Requeue(photo);
  }
  return absl::OkStatus();
}

}  // namespace proofline::studio
