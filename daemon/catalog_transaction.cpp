#include "daemon/catalog_transaction.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "daemon/catalog_keys.h"
#include "daemon/file_stamp.h"
#include "lib/base/text.h"

namespace proofline::studio {

namespace pb = proofline::v1;

const record::Place* MainPlace(const record::Photo& photo) {
  for (const record::Place& place : photo.places()) {
    if (!place.gone()) return &place;
  }
  return photo.places_size() > 0 ? &photo.places(0) : nullptr;
}

bool IsMissing(const record::Photo& photo) {
  const record::Place* place = MainPlace(photo);
  return place == nullptr || place->gone();
}

std::string ExactBytes(const google::protobuf::MessageLite& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream sink(&bytes);
  google::protobuf::io::CodedOutputStream coded(&sink);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

record::PlaceEntry EntryOf(const record::Place& place, record::PlaceKind kind) {
  record::PlaceEntry entry;
  entry.set_device(place.device());
  entry.set_inode(place.inode());
  entry.set_size_bytes(place.size_bytes());
  entry.set_mtime_ns(place.mtime_ns());
  entry.set_gone(place.gone());
  entry.set_kind(kind);
  entry.set_on_submount(place.on_submount());
  entry.set_volume(place.volume());
  return entry;
}

pb::LocalPhotoState ShownState(const record::Photo& photo) {
  return IsMissing(photo) ? pb::LOCAL_PHOTO_STATE_MISSING : photo.state();
}

bool WantsAnotherLook(const record::Photo& photo) {
  return photo.unreadable() || (photo.state() == pb::LOCAL_PHOTO_STATE_WAITING &&
                                photo.ticket() == 0 && !IsMissing(photo));
}

void CountChanges::Count(const record::Photo& photo, int times) {
  states[ShownState(photo)] += times;
  const record::Place* place = MainPlace(photo);
  if (place == nullptr) return;
  galleries[place->gallery()] += times;
  original_bytes += times * static_cast<std::int64_t>(place->size_bytes());
}

absl::StatusOr<std::optional<std::string>> CatalogTransaction::Get(std::string_view family,
                                                                   std::string_view key) {
  const auto written = written_.find({family, std::string(key)});
  if (written != written_.end()) return written->second;
  absl::StatusOr<std::string> stored = database_.Get(family, key);
  if (absl::IsNotFound(stored.status())) return std::nullopt;
  if (!stored.ok()) return stored.status();
  return *std::move(stored);
}

absl::Status CatalogTransaction::Scan(
    std::string_view family, const std::string& prefix,
    const std::function<bool(std::string_view, std::string_view)>& visit) {
  auto written = written_.lower_bound({family, prefix});
  const auto in_prefix = [&] {
    return written != written_.end() && written->first.first == family &&
           written->first.second.starts_with(prefix);
  };
  bool go_on = true;
  // Both sides are in order: what was written here stands before or in place of what is stored.
  const auto visit_written_before = [&](std::string_view key) {
    while (go_on && in_prefix() && written->first.second < key) {
      if (written->second.has_value()) go_on = visit(written->first.second, *written->second);
      ++written;
    }
  };
  const absl::Status status =
      database_.Scan(family, prefix, "", [&](std::string_view key, std::string_view value) {
        visit_written_before(key);
        if (!go_on) return false;
        if (in_prefix() && written->first.second == key) {
          if (written->second.has_value()) go_on = visit(key, *written->second);
          ++written;
        } else {
          go_on = visit(key, value);
        }
        return go_on;
      });
  if (!status.ok()) return status;
  while (go_on && in_prefix()) {
    if (written->second.has_value()) go_on = visit(written->first.second, *written->second);
    ++written;
  }
  return absl::OkStatus();
}

void CatalogTransaction::Put(std::string_view family, const std::string& key, std::string value) {
  written_[{family, key}] = std::move(value);
}

void CatalogTransaction::Delete(std::string_view family, const std::string& key) {
  written_[{family, key}] = std::nullopt;
}

absl::StatusOr<record::Photo> CatalogTransaction::Photo(const std::string& id) {
  absl::StatusOr<std::optional<std::string>> bytes = Get(keys::kPhotos, keys::Id(id));
  if (!bytes.ok()) return bytes.status();
  if (!bytes->has_value()) {
    return absl::NotFoundError(base::Concat("there is no photo ", Readable(id, 100), " here"));
  }
  record::Photo photo;
  if (!photo.ParseFromString(**bytes)) {
    return absl::DataLossError(
        base::Concat("the catalog's record of the photo ", id,
                     " is damaged; restore the catalog from a backup or build it anew"));
  }
  return photo;
}

CatalogTransaction::Entries CatalogTransaction::IndexOf(const record::Photo& photo) {
  Entries entries;
  const auto add_place = [&](const record::Place& place, record::PlaceKind kind, bool look_again) {
    if (place.inode() != 0) {
      entries[{keys::kInodes, keys::Inode(place.inode(), place.path())}] = photo.id();
    }
    if (place.displaced()) return;
    record::PlaceEntry entry = EntryOf(place, kind);
    entry.set_photo(photo.id());
    entry.set_look_again(look_again);
    entries[{keys::kPlaces, keys::Place(FolderOf(place.path()), NameOf(place.path()))}] =
        entry.SerializeAsString();
  };
  for (const record::Place& place : photo.places()) {
    add_place(place, record::PLACE_KIND_PHOTO, WantsAnotherLook(photo));
  }
  for (const record::Place& place : photo.companions()) {
    add_place(place, record::PLACE_KIND_COMPANION, false);
  }
  if (photo.withdraw_due_ms() != 0) {
    entries[{keys::kWithdrawals, keys::Withdrawal(photo.withdraw_due_ms(), photo.id())}] = "";
  }
  if (const record::Place* place = MainPlace(photo)) {
    entries[{keys::kMembers, keys::Pair(place->gallery(), photo.id())}] = "";
  }
  if (!photo.digest().empty()) {
    const auto size = static_cast<std::uint64_t>(photo.original_size_bytes());
    entries[{keys::kDigests, keys::Digest(size, photo.digest(), photo.id())}] = "";
  }
  if (photo.ticket() != 0) entries[{keys::kWaiting, keys::Number(photo.ticket())}] = photo.id();
  if (photo.sequence() != 0) {
    record::PendingChange change;
    if (photo.sequence_withdraws()) {
      change.set_withdrawal(photo.id());
    } else {
      change.set_photo(photo.id());
    }
    const auto sequence = static_cast<std::uint64_t>(photo.sequence());
    entries[{keys::kPublish, keys::Number(sequence)}] = change.SerializeAsString();
  }
  return entries;
}

absl::Status CatalogTransaction::Replace(const std::string& id, const record::Photo* photo) {
  Entries before;
  absl::StatusOr<record::Photo> stored = Photo(id);
  if (stored.ok()) {
    before = IndexOf(*stored);
    counts_.Count(*stored, -1);
  } else if (!absl::IsNotFound(stored.status())) {
    return stored.status();
  }
  Entries after;
  if (photo != nullptr) {
    after = IndexOf(*photo);
    counts_.Count(*photo, 1);
    Put(keys::kPhotos, keys::Id(id), photo->SerializeAsString());
  } else {
    Delete(keys::kPhotos, keys::Id(id));
  }
  for (const auto& [key, value] : before) {
    if (!after.contains(key)) Delete(key.first, key.second);
  }
  for (auto& [key, value] : after) {
    const auto old = before.find(key);
    if (old == before.end() || old->second != value) Put(key.first, key.second, value);
  }
  return absl::OkStatus();
}

absl::Status CatalogTransaction::Store(const record::Photo& photo) {
  return Replace(photo.id(), &photo);
}

absl::Status CatalogTransaction::Remove(const std::string& id) {
  for (const pb::RenditionKind kind : {pb::RENDITION_KIND_THUMBNAIL, pb::RENDITION_KIND_PROOF}) {
    Delete(keys::kRenditions, keys::Rendition(id, kind));
  }
  return Replace(id, nullptr);
}

kv::Batch CatalogTransaction::TakeBatch() {
  kv::Batch batch;
  for (auto& [key, value] : written_) {
    if (value.has_value()) {
      batch.Put(key.first, key.second, *std::move(value));
    } else {
      batch.Delete(key.first, key.second);
    }
  }
  written_.clear();
  return batch;
}

}  // namespace proofline::studio
