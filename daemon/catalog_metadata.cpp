// What people enter for many photos at once, and for photos that are still to come.
#include <algorithm>
#include <utility>

#include "daemon/catalog.h"
#include "daemon/catalog_keys.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace {

// Changes of many photos are recorded in commits of this many: enough to share a sync, few enough
// that rendering and publishing get their turn in between.
constexpr std::size_t kChangedPerCommit = 256;

}  // namespace

absl::Status Catalog::CheckUpdate(const std::vector<std::string>& ids,
                                  const IndexedChange& change) const {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    absl::StatusOr<record::Photo> photo = GetPhoto(ids[i]);
    if (!photo.ok()) return photo.status();
    if (absl::Status status = change(i, *photo); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::int64_t> Catalog::UpdateMany(const std::vector<std::string>& ids,
                                                 const IndexedChange& change) {
  std::int64_t changed_photos = 0;
  for (std::size_t first = 0; first < ids.size(); first += kChangedPerCommit) {
    const std::size_t end = std::min(ids.size(), first + kChangedPerCommit);
    std::int64_t changed_here = 0;
    const std::lock_guard lock(mutex_);
    CatalogTransaction transaction(database_);
    for (std::size_t i = first; i < end; ++i) {
      bool changed = false;
      const absl::StatusOr<record::Photo> photo = UpdateIn(
          transaction, ids[i], "", [&](record::Photo& record) { return change(i, record); },
          changed);
      if (absl::IsNotFound(photo.status())) continue;
      if (!photo.ok()) return photo.status();
      changed_here += changed ? 1 : 0;
    }
    if (changed_here == 0) continue;
    PutTotals(transaction);
    if (absl::Status status = Commit(transaction); !status.ok()) return status;
    changed_photos += changed_here;
    base::KillPoint("studio.catalog.group_updated");
  }
  return changed_photos;
}

absl::Status Catalog::VisitPhotos(const std::string& gallery,
                                  const std::function<bool(const record::Photo&)>& visit) const {
  absl::Status damage;
  absl::Status status;
  if (gallery.empty()) {
    status = database_.Scan(keys::kPhotos, "", "", [&](std::string_view, std::string_view value) {
      record::Photo photo;
      if (photo.ParseFromArray(value.data(), static_cast<int>(value.size()))) return visit(photo);
      damage = absl::DataLossError(
          "a photo's record in the catalog is damaged; restore the catalog from a backup");
      return false;
    });
  } else {
    status = database_.Scan(keys::kMembers, keys::Id(gallery), "",
                            [&](std::string_view key, std::string_view) {
                              const auto photo = GetPhoto(keys::PairFrom(key).second);
                              if (absl::IsNotFound(photo.status())) return true;
                              damage.Update(photo.status());
                              return photo.ok() && visit(*photo);
                            });
  }
  status.Update(damage);
  return status;
}

absl::StatusOr<record::Gallery> Catalog::GetGallery(const std::string& id) const {
  const absl::StatusOr<std::string> bytes = database_.Get(keys::kGalleries, keys::Id(id));
  if (absl::IsNotFound(bytes.status())) {
    return rpc::Error(
        absl::StatusCode::kNotFound,
        base::Concat("there is no gallery \"", Readable(id, 200), "\" on this device"),
        "GALLERY_NOT_FOUND", {{"gallery", Readable(id, 200)}});
  }
  if (!bytes.ok()) return bytes.status();
  record::Gallery gallery;
  if (!gallery.ParseFromString(*bytes)) {
    return absl::DataLossError(base::Concat("the catalog's record of the gallery ", id,
                                            " is damaged; restore the catalog from a backup"));
  }
  return gallery;
}

absl::Status Catalog::SetLaterMetadata(const std::string& gallery,
                                       const std::function<absl::Status(record::Photo&)>& change) {
  const std::lock_guard lock(mutex_);
  absl::StatusOr<record::Gallery> stored = GetGallery(gallery);
  if (!stored.ok()) return stored.status();
  // Whatever can be entered for a photo can be entered for those to come.
  record::Photo photo;
  *photo.mutable_entered() = stored->later();
  *photo.mutable_entered_fields() = stored->later_fields();
  if (absl::Status status = change(photo); !status.ok()) return status;
  *stored->mutable_later() = photo.entered();
  *stored->mutable_later_fields() = photo.entered_fields();
  CatalogTransaction transaction(database_);
  transaction.Put(keys::kGalleries, keys::Id(gallery), stored->SerializeAsString());
  return Commit(transaction);
}

absl::Status Catalog::TakeLaterMetadata(CatalogTransaction& transaction,
                                        record::Photo& photo) const {
  const absl::StatusOr<std::optional<std::string>> bytes =
      transaction.Get(keys::kGalleries, keys::Id(MainPlace(photo)->gallery()));
  if (!bytes.ok()) return bytes.status();
  record::Gallery gallery;
  if (!bytes->has_value() || !gallery.ParseFromString(**bytes)) return absl::OkStatus();
  if (gallery.later_fields().empty()) return absl::OkStatus();
  *photo.mutable_entered() = gallery.later();
  *photo.mutable_entered_fields() = gallery.later_fields();
  return absl::OkStatus();
}

}  // namespace proofline::studio
