#include "hostd/customer_view.h"

#include <algorithm>
#include <utility>

#include "hostd/record_text.h"
#include "lib/rpc/resource_name.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

// Whether a match of a share reaches into the gallery with this id.
bool IsWithin(const pb::MetadataMatch& match, std::string_view gallery) {
  return match.gallery().empty() || LastPart(match.gallery()) == gallery;
}

}  // namespace

absl::StatusOr<std::optional<pb::Photo>> CustomerView::FindPhoto(std::string_view name) const {
  const auto ids = rpc::ParseResourceName("studios/*/galleries/*/photos/*", name);
  if (!ids.has_value() || ids->at(0) != caller_.studio) return std::optional<pb::Photo>();
  auto photo = store_.FindPhoto(caller_.studio, ids->at(2));
  if (!photo.ok()) return photo.status();
  const bool is_visible =
      photo->has_value() && (*photo)->name() == name && Opens(caller_.record.share(), **photo);
  if (!is_visible) return std::optional<pb::Photo>();
  return photo;
}

bool CustomerView::SharesWhole(std::string_view gallery) const {
  const auto& galleries = caller_.record.share().galleries();
  return std::any_of(galleries.begin(), galleries.end(),
                     [&](const std::string& name) { return LastPart(name) == gallery; });
}

absl::StatusOr<std::vector<std::string>> CustomerView::Galleries() const {
  const pb::Share& share = caller_.record.share();
  std::set<std::string> ids;
  for (const std::string& name : share.galleries()) {
    const auto gallery = store_.FindGallery(caller_.studio, LastPart(name));
    if (!gallery.ok()) return gallery.status();
    if (gallery->has_value() && (*gallery)->photo_count() > 0) ids.emplace(LastPart(name));
  }
  for (const std::string& name : share.photos()) {
    const auto photo = store_.FindPhoto(caller_.studio, LastPart(name));
    if (!photo.ok()) return photo.status();
    if (photo->has_value()) ids.insert(GalleryIdOf(**photo));
  }
  for (const pb::MetadataMatch& match : share.matches()) {
    auto matched = store_.MatchedGalleries(caller_.studio, match);
    if (!matched.ok()) return matched.status();
    for (std::string& gallery : *matched) {
      if (IsWithin(match, gallery)) ids.insert(std::move(gallery));
    }
  }
  return std::vector<std::string>(ids.begin(), ids.end());
}

absl::StatusOr<std::set<std::string>> CustomerView::SinglePhotos(std::string_view gallery) const {
  std::set<std::string> ids;
  for (const std::string& name : caller_.record.share().photos()) {
    const auto photo = store_.FindPhoto(caller_.studio, LastPart(name));
    if (!photo.ok()) return photo.status();
    if (photo->has_value() && GalleryIdOf(**photo) == gallery) ids.emplace(LastPart(name));
  }
  for (const pb::MetadataMatch& match : caller_.record.share().matches()) {
    if (!IsWithin(match, gallery)) continue;
    auto matched = store_.MatchedPhotos(caller_.studio, match, gallery);
    if (!matched.ok()) return matched.status();
    ids.insert(matched->begin(), matched->end());
  }
  return ids;
}

absl::StatusOr<std::optional<pb::Gallery>> CustomerView::FindGallery(std::string_view id) const {
  auto gallery = store_.FindGallery(caller_.studio, id);
  if (!gallery.ok()) return gallery.status();
  if (!gallery->has_value()) return std::optional<pb::Gallery>();
  if (!SharesWhole(id)) {
    const auto photos = SinglePhotos(id);
    if (!photos.ok()) return photos.status();
    (*gallery)->set_photo_count(static_cast<std::int64_t>(photos->size()));
  }
  if ((*gallery)->photo_count() == 0) return std::optional<pb::Gallery>();
  return gallery;
}

absl::StatusOr<Page<pb::Photo>> CustomerView::ListPhotos(
    std::string_view gallery, const google::protobuf::RepeatedPtrField<pb::MetadataMatch>& filter,
    std::string_view after, int limit) const {
  const auto accept = [&](const pb::Photo& photo) {
    return Opens(caller_.record.share(), photo) &&
           std::all_of(filter.begin(), filter.end(), [&](const pb::MetadataMatch& match) {
             return Matches(photo.metadata(), match);
           });
  };
  if (SharesWhole(gallery)) {
    return store_.ListGalleryPhotos(caller_.studio, gallery, after, limit, {.accept = accept});
  }
  const auto ids = SinglePhotos(gallery);
  if (!ids.ok()) return ids.status();
  std::vector<std::pair<std::string, pb::Photo>> found;
  for (const std::string& id : *ids) {
    auto photo = store_.FindPhoto(caller_.studio, id);
    if (!photo.ok()) return photo.status();
    if (!photo->has_value() || GalleryIdOf(**photo) != gallery || !accept(**photo)) continue;
    std::string position = Store::PositionInGallery(**photo);
    if (position > after) found.emplace_back(std::move(position), std::move(**photo));
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  Page<pb::Photo> page;
  for (auto& [position, photo] : found) {
    if (static_cast<int>(page.items.size()) == limit) break;
    page.next = position;
    page.items.push_back(std::move(photo));
  }
  if (page.items.size() == found.size()) page.next.clear();
  return page;
}

}  // namespace proofline::host
