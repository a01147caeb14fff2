#include "hostd/customer_view.h"

#include <algorithm>
#include <utility>

#include "hostd/record_text.h"
#include "lib/rpc/resource_name.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

// Photos of a gallery that are read for every page of it, to be sorted; of more the gallery is gone
// through, page by page.
constexpr std::size_t kMostSorted = 500;

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
  (*photo)->clear_said_times();
  return photo;
}

bool CustomerView::SharesWhole(std::string_view gallery) const {
  const auto& galleries = caller_.record.share().galleries();
  return std::any_of(galleries.begin(), galleries.end(),
                     [&](const std::string& name) { return LastPart(name) == gallery; });
}

absl::StatusOr<const CustomerView::Named*> CustomerView::NamedPhotos() const {
  if (!named_.has_value()) {
    Named named;
    for (const std::string& name : caller_.record.share().photos()) {
      const auto photo = store_.FindPhoto(caller_.studio, LastPart(name));
      if (!photo.ok()) return photo.status();
      if (photo->has_value()) named[GalleryIdOf(**photo)].emplace(LastPart(name));
    }
    named_ = std::move(named);
  }
  return &*named_;
}

absl::StatusOr<std::vector<std::string>> CustomerView::Galleries() const {
  const pb::Share& share = caller_.record.share();
  std::set<std::string> ids;
  for (const std::string& name : share.galleries()) {
    const auto gallery = store_.FindGallery(caller_.studio, LastPart(name));
    if (!gallery.ok()) return gallery.status();
    if (gallery->has_value() && (*gallery)->photo_count() > 0) ids.emplace(LastPart(name));
  }
  const auto named = NamedPhotos();
  if (!named.ok()) return named.status();
  for (const auto& [gallery, photos] : **named) ids.insert(gallery);
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
  const auto named = NamedPhotos();
  if (!named.ok()) return named.status();
  if (const auto here = (*named)->find(std::string(gallery)); here != (*named)->end()) {
    ids = here->second;
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
  const auto wanted = [&](const pb::Photo& photo) {
    return std::all_of(filter.begin(), filter.end(), [&](const pb::MetadataMatch& match) {
      return Matches(photo.metadata(), match);
    });
  };
  if (SharesWhole(gallery)) {
    return store_.ListGalleryPhotos(caller_.studio, gallery, after, limit, {.accept = wanted});
  }
  const auto ids = SinglePhotos(gallery);
  if (!ids.ok()) return ids.status();
  // What is named one by one is among the ids; what matches may have changed since it was found.
  const auto named = NamedPhotos();
  if (!named.ok()) return named.status();
  const auto named_here = (*named)->find(std::string(gallery));
  pb::Share matches;
  *matches.mutable_matches() = caller_.record.share().matches();
  const auto accept = [&](const pb::Photo& photo) {
    const bool is_named = named_here != (*named)->end() &&
                          named_here->second.contains(std::string(LastPart(photo.name())));
    return (is_named || Opens(matches, photo)) && wanted(photo);
  };
  if (ids->size() > kMostSorted) {
    return store_.ListGalleryPhotos(caller_.studio, gallery, after, limit, {.accept = accept});
  }
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
