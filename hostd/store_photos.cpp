// Reading what devices have published.
#include <algorithm>

#include "hostd/record_text.h"
#include "hostd/rendition_value.h"
#include "hostd/store.h"
#include "hostd/store_internal.h"
#include "hostd/store_keys.h"
#include "lib/base/text.h"
#include "lib/rpc/resource_name.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

// A rendition is replaced between the reads of its two parts at most this often.
constexpr int kReadTries = 5;

}  // namespace

absl::StatusOr<std::optional<pb::Photo>> Store::FindPhoto(std::string_view studio,
                                                          std::string_view photo) const {
  auto found = Find<record::PhotoRecord>(keys::Photo(studio, photo));
  if (!found.ok()) return found.status();
  if (!found->has_value()) return std::optional<pb::Photo>();
  return std::optional<pb::Photo>(std::move(*(*found)->mutable_photo()));
}

absl::StatusOr<std::shared_ptr<const std::string>> Store::FindHeader(
    const std::string& studio, const base::Digest& digest) const {
  const std::string key = keys::Header(studio, digest);
  if (std::shared_ptr<const std::string> held = headers_->Find(key)) return held;
  absl::StatusOr<std::string> value = database_->Get(keys::kRecords, key);
  if (absl::IsNotFound(value.status())) return std::shared_ptr<const std::string>();
  if (!value.ok()) return value.status();
  auto header = std::make_shared<const std::string>(*std::move(value));
  headers_->Add(key, header);
  return header;
}

absl::StatusOr<std::optional<RenditionFile>> Store::ReadRendition(const std::string& studio,
                                                                  std::string_view photo,
                                                                  pb::RenditionKind kind) const {
  for (int i = 0; i < kReadTries; ++i) {
    const absl::StatusOr<std::string> value =
        database_->Get(keys::kRenditions, keys::Rendition(studio, photo, kind));
    if (absl::IsNotFound(value.status())) return std::optional<RenditionFile>();
    if (!value.ok()) return value.status();
    const absl::StatusOr<RenditionValue> parts = ReadRenditionValue(*value);
    if (!parts.ok()) return parts.status();
    RenditionFile file;
    file.digest = parts->digest;
    if (!parts->header_digest.has_value()) {
      file.content = std::string(parts->body);
      return std::optional<RenditionFile>(std::move(file));
    }
    const auto header = FindHeader(studio, *parts->header_digest);
    if (!header.ok()) return header.status();
    // Not there: it went with this rendition, which was replaced or withdrawn between the reads.
    if (*header == nullptr) continue;
    file.content = base::Concat(**header, parts->body);
    return std::optional<RenditionFile>(std::move(file));
  }
  return absl::DataLossError("the store lacks the header of a rendition; restore a backup");
}

absl::StatusOr<std::optional<pb::Gallery>> Store::FindGallery(std::string_view studio,
                                                              std::string_view gallery) const {
  return Find<pb::Gallery>(keys::Gallery(studio, gallery));
}

absl::StatusOr<Page<pb::Gallery>> Store::ListGalleries(std::string_view studio,
                                                       std::string_view after, int limit) const {
  if (const auto known = GetStudio(studio); !known.ok()) return known.status();
  return ReadPage<pb::Gallery, pb::Gallery>(
      *database_, keys::Galleries(studio), after.empty() ? "" : keys::Gallery(studio, after), limit,
      [](pb::Gallery gallery) -> absl::StatusOr<pb::Gallery> { return gallery; },
      [](const pb::Gallery& gallery) { return std::string(LastPart(gallery.name())); });
}

std::string Store::PositionInGallery(const pb::Photo& photo) {
  return kv::KeyBuilder().Number(keys::OrderOfTime(photo)).Text(LastPart(photo.name())).Take();
}

absl::StatusOr<Page<pb::Photo>> Store::ListGalleryPhotos(std::string_view studio,
                                                         std::string_view gallery,
                                                         std::string_view after, int limit,
                                                         const PhotoCondition& condition) const {
  const std::string prefix = keys::GalleryPhotos(studio, gallery);
  Page<pb::Photo> page;
  absl::Status failure;
  int examined = 0;
  std::string last;
  const absl::Status scanned = database_->Scan(
      keys::kRecords, prefix, after.empty() ? "" : base::Concat(prefix, after),
      [&](std::string_view key, std::string_view) {
        if (static_cast<int>(page.items.size()) == limit || examined == condition.max_examined) {
          page.next = last;
          return false;
        }
        ++examined;
        last = std::string(key.substr(prefix.size()));
        const std::optional<std::string> id = keys::PhotoOfGalleryPhoto(key);
        auto photo = id.has_value() ? FindPhoto(studio, *id) : std::optional<pb::Photo>();
        if (!photo.ok()) {
          failure = photo.status();
          return false;
        }
        // The index is as of the beginning of the scan, the photo may have gone on since.
        const bool is_here = photo->has_value() && GalleryIdOf(**photo) == gallery;
        if (is_here && (!condition.accept || condition.accept(**photo))) {
          page.items.push_back(std::move(**photo));
        }
        return true;
      });
  if (!failure.ok()) return failure;
  if (!scanned.ok()) return scanned;
  return page;
}

absl::StatusOr<Page<pb::Photo>> Store::ListDevicePhotos(std::string_view studio,
                                                        std::string_view device,
                                                        std::string_view after, int limit) const {
  const std::string name =
      rpc::MakeResourceName("studios/*/devices/*", {std::string(studio), std::string(device)});
  return ReadSparsePage<record::PhotoRecord, pb::Photo>(
      *database_, keys::Photos(studio), after.empty() ? "" : keys::Photo(studio, after), limit,
      [&](const record::PhotoRecord& record) { return record.photo().device() == name; },
      [](record::PhotoRecord record) { return std::move(*record.mutable_photo()); });
}

absl::StatusOr<std::vector<std::string>> Store::MatchedGalleries(
    std::string_view studio, const pb::MetadataMatch& match) const {
  const std::string prefix = keys::MatchedGalleries(studio, match.field(), match.value());
  const std::unique_ptr<kv::Cursor> cursor = database_->NewCursor(keys::kRecords, prefix);
  std::vector<std::string> galleries;
  cursor->SeekToFirst();
  while (cursor->Valid()) {
    const std::optional<keys::Match> found = keys::ReadMatchedPhoto(cursor->key());
    if (!found.has_value()) {
      return absl::DataLossError("the store holds a key that cannot be read; restore a backup");
    }
    galleries.push_back(found->gallery);
    // On to the next gallery, however many photos this one has.
    cursor->Seek(
        kv::PrefixEnd(keys::MatchedPhotos(studio, match.field(), match.value(), found->gallery)));
  }
  if (absl::Status status = cursor->status(); !status.ok()) return status;
  return galleries;
}

absl::StatusOr<std::vector<std::string>> Store::MatchedPhotos(std::string_view studio,
                                                              const pb::MetadataMatch& match,
                                                              std::string_view gallery) const {
  std::vector<std::string> photos;
  const absl::Status scanned = database_->Scan(
      keys::kRecords, keys::MatchedPhotos(studio, match.field(), match.value(), gallery), "",
      [&](std::string_view key, std::string_view) {
        if (const std::optional<keys::Match> found = keys::ReadMatchedPhoto(key)) {
          photos.push_back(found->photo);
        }
        return true;
      });
  if (!scanned.ok()) return scanned;
  return photos;
}

}  // namespace proofline::host
