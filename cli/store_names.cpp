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

absl::StatusOr<std::string> StoreNames::Gallery(const std::string& text) {
  if (auto name = ExpandName(kGalleryPattern, text, {studio_})) return *name;
  const auto galleries = AllGalleries(client_);
  if (!galleries.ok()) return galleries.status();
  std::vector<std::string> titled;
  for (const v1::Gallery& gallery : *galleries) {
    if (gallery.title() == text) titled.push_back(gallery.name());
  }
  if (titled.size() == 1) return titled.front();
  if (titled.empty()) {
    return absl::NotFoundError(base::Concat("no gallery is called \"", text, "\""));
  }
  return UsageError(base::Concat("more than one gallery has the title \"", text,
                                 "\"; write one of ", LastId(titled[0]), ", ", LastId(titled[1])));
}

absl::Status StoreNames::LoadPhotos() {
  if (photos_) return absl::OkStatus();
  const auto galleries = AllGalleries(client_);
  if (!galleries.ok()) return galleries.status();
  std::vector<std::string> names;
  for (const v1::Gallery& gallery : *galleries) {
    const auto photos = AllPhotos(client_, gallery.name());
    if (!photos.ok()) return photos.status();
    for (const v1::Photo& photo : *photos) names.push_back(photo.name());
  }
  photos_ = std::move(names);
  return absl::OkStatus();
}

absl::StatusOr<std::string> StoreNames::Photo(const std::string& text) {
  if (auto name = ExpandName(kPhotoPattern, text, {studio_})) return *name;
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
