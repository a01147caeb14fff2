#include <algorithm>
#include <utility>

#include "cli/customer_verbs.h"
#include "cli/exit_code.h"
#include "cli/names.h"
#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::StorefrontService::Stub;

constexpr int kPageSize = 1000;

}  // namespace

absl::StatusOr<std::vector<v1::Gallery>> AllGalleries(const StoreClient& client) {
  std::vector<v1::Gallery> galleries;
  v1::ListGalleriesRequest request;
  request.set_page_size(kPageSize);
  const absl::Status status =
      client.ForEachPage(&Stub::ListGalleries, request, [&](const v1::ListGalleriesResponse& page) {
        galleries.insert(galleries.end(), page.galleries().begin(), page.galleries().end());
      });
  if (!status.ok()) return status;
  return galleries;
}

absl::StatusOr<std::vector<v1::Photo>> AllPhotos(const StoreClient& client,
                                                 const std::string& gallery) {
  std::vector<v1::Photo> photos;
  v1::ListPhotosRequest request;
  request.set_parent(gallery);
  request.set_page_size(kPageSize);
  const absl::Status status =
      client.ForEachPage(&Stub::ListPhotos, request, [&](const v1::ListPhotosResponse& page) {
        photos.insert(photos.end(), page.photos().begin(), page.photos().end());
      });
  if (!status.ok()) return status;
  return photos;
}

absl::StatusOr<std::vector<v1::Product>> AllProducts(const StoreClient& client) {
  std::vector<v1::Product> products;
  v1::ListProductsRequest request;
  request.set_page_size(kPageSize);
  const absl::Status status =
      client.ForEachPage(&Stub::ListProducts, request, [&](const v1::ListProductsResponse& page) {
        products.insert(products.end(), page.products().begin(), page.products().end());
      });
  if (!status.ok()) return status;
  return products;
}

absl::Status StoreNames::LoadGalleries() {
  if (galleries_) return absl::OkStatus();
  auto galleries = AllGalleries(client_);
  if (galleries.ok()) galleries_ = *std::move(galleries);
  return galleries.status();
}

absl::StatusOr<bool> StoreNames::IsTitle(const std::string& text) {
  if (absl::Status status = LoadGalleries(); !status.ok()) return status;
  return std::any_of(galleries_->begin(), galleries_->end(),
                     [&](const v1::Gallery& gallery) { return gallery.title() == text; });
}

absl::StatusOr<std::string> StoreNames::Gallery(const std::string& text) {
  const auto name = ExpandName(kGalleryPattern, text, {studio_});
  if (name && text.starts_with("studios/")) return *name;
  if (absl::Status status = LoadGalleries(); !status.ok()) return status;
  // A text may be an identifier or a title, and many titles look like identifiers.
  std::vector<std::string> titled;
  for (const v1::Gallery& gallery : *galleries_) {
    if (name && gallery.name() == *name) return *name;
    if (gallery.title() == text) titled.push_back(gallery.name());
  }
  if (titled.size() == 1) return titled.front();
  if (titled.empty() && name && text.find('/') != std::string::npos) return *name;
  if (titled.empty()) {
    return absl::NotFoundError(base::Concat("no gallery is called \"", text, "\""));
  }
  return UsageError(base::Concat("more than one gallery has the title \"", text,
                                 "\"; write one of ", LastId(titled[0]), ", ", LastId(titled[1])));
}

absl::Status StoreNames::LoadPhotos() {
  if (photos_) return absl::OkStatus();
  if (absl::Status status = LoadGalleries(); !status.ok()) return status;
  std::vector<std::string> names;
  for (const v1::Gallery& gallery : *galleries_) {
    const auto photos = AllPhotos(client_, gallery.name());
    if (!photos.ok()) return photos.status();
    for (const v1::Photo& photo : *photos) names.push_back(photo.name());
  }
  photos_ = std::move(names);
  return absl::OkStatus();
}

absl::StatusOr<std::string> StoreNames::Photo(const std::string& text) {
  const bool is_full = text.find("photos/") != std::string::npos;
  if (auto name = ExpandName(kPhotoPattern, text, {studio_}); name && is_full) return *name;
  if (const std::size_t slash = text.rfind('/'); slash != std::string::npos) {
    const auto gallery = Gallery(text.substr(0, slash));
    if (!gallery.ok()) return gallery.status();
    return RequireName(kPhotoPattern, base::Concat(*gallery, "/photos/", text.substr(slash + 1)),
                       "a photo");
  }
  if (absl::Status status = LoadPhotos(); !status.ok()) return status;
  return PickByEnding(*photos_, text, "photo");
}

absl::StatusOr<std::string> StoreNames::Product(const std::string& text) {
  if (auto name = ExpandName(kProductPattern, text, {studio_})) return *name;
  if (!products_) {
    const auto products = AllProducts(client_);
    if (!products.ok()) return products.status();
    products_.emplace();
    for (const v1::Product& product : *products) products_->push_back(product.name());
  }
  return PickByEnding(*products_, text, "product");
}

}  // namespace proofline::cli
