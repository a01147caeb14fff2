#include "cli/studio_names.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "cli/exit_code.h"
#include "cli/names.h"
#include "cli/text.h"
#include "lib/base/id.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::StudioControlService::Stub;
using base::Concat;

constexpr int kPageSize = 1000;

}  // namespace

absl::Status StudioNames::LoadGalleries() {
  if (galleries_) return absl::OkStatus();
  std::vector<v1::Gallery> galleries;
  v1::ListLocalGalleriesRequest request;
  request.set_page_size(kPageSize);
  const absl::Status status = client_.ForEachPage(
      &Stub::ListLocalGalleries, request, [&](const v1::ListLocalGalleriesResponse& page) {
        galleries.insert(galleries.end(), page.galleries().begin(), page.galleries().end());
      });
  if (status.ok()) galleries_ = std::move(galleries);
  return status;
}

absl::StatusOr<std::string> StudioNames::Gallery(const std::string& text) {
  if (auto name = ExpandName(kGalleryPattern, text)) return *name;
  if (absl::Status status = LoadGalleries(); !status.ok()) return status;
  std::vector<std::string> titled;
  std::vector<std::string> names;
  for (const v1::Gallery& gallery : *galleries_) {
    names.push_back(gallery.name());
    if (gallery.title() == text) titled.push_back(gallery.name());
  }
  if (titled.size() == 1) return titled.front();
  if (titled.size() > 1) {
    return UsageError(Concat("more than one gallery has the title \"", text, "\"; write one of ",
                             LastId(titled[0]), ", ", LastId(titled[1])));
  }
  return PickByEnding(names, text, "gallery");
}

absl::StatusOr<v1::LocalPhoto> StudioNames::Get(const std::string& name_or_path) const {
  v1::GetLocalPhotoRequest request;
  request.set_name(name_or_path);
  return client_.Call(&Stub::GetLocalPhoto, request);
}

absl::StatusOr<std::vector<v1::LocalPhoto>> StudioNames::List(const std::string& gallery) const {
  std::vector<v1::LocalPhoto> photos;
  v1::ListLocalPhotosRequest request;
  request.set_gallery(gallery);
  request.set_page_size(kPageSize);
  const absl::Status status = client_.ForEachPage(
      &Stub::ListLocalPhotos, request, [&](const v1::ListLocalPhotosResponse& page) {
        photos.insert(photos.end(), page.photos().begin(), page.photos().end());
      });
  if (!status.ok()) return status;
  return photos;
}

absl::StatusOr<v1::LocalPhoto> StudioNames::Photo(const std::string& text) {
  if (auto name = ExpandName(kPhotoPattern, text)) return Get(*name);
  std::error_code ignored;
  if (std::filesystem::path path(text);
      path.is_absolute() || std::filesystem::exists(path, ignored)) {
    return Get(std::filesystem::absolute(path).lexically_normal());
  }
  const std::size_t slash = text.rfind('/');
  if (slash != std::string::npos) {
    const std::string photo = text.substr(slash + 1);
    if (!base::IsValidId(photo)) {
      return UsageError(Concat("\"", text,
                               "\" names no photo; write GALLERY/PHOTO, a photo's "
                               "identifier, or the path of its original"));
    }
    const absl::StatusOr<std::string> gallery = Gallery(text.substr(0, slash));
    if (!gallery.ok()) return gallery.status();
    return Get(Concat(*gallery, "/photos/", photo));
  }
  absl::StatusOr<std::vector<v1::LocalPhoto>> all = List("");
  if (!all.ok()) return all.status();
  for (v1::LocalPhoto& photo : *all) {
    if (LastId(photo.photo().name()) == text) return std::move(photo);
  }
  return absl::NotFoundError(Concat("no photo is called \"", text, "\""));
}

absl::StatusOr<StudioNames::Meant> StudioNames::Find(const std::string& text) {
  if (text.starts_with("studios/")) {
    if (auto photo = ExpandName(kPhotoPattern, text)) return Meant{*std::move(photo)};
    if (auto gallery = ExpandName(kGalleryPattern, text)) return Meant{*std::move(gallery)};
  }
  if (absl::Status status = LoadGalleries(); !status.ok()) return status;
  // Titles of galleries in folders of folders have slashes too.
  const bool is_title =
      std::any_of(galleries_->begin(), galleries_->end(),
                  [&](const v1::Gallery& gallery) { return gallery.title() == text; });
  if (is_title || text.find('/') == std::string::npos) {
    absl::StatusOr<std::string> gallery = Gallery(text);
    if (gallery.ok()) return Meant{*std::move(gallery)};
    if (!absl::IsNotFound(gallery.status())) return gallery.status();
  }
  absl::StatusOr<v1::LocalPhoto> photo = Photo(text);
  if (absl::IsNotFound(photo.status()) && text.find('/') == std::string::npos) {
    return absl::NotFoundError(Concat("no gallery and no photo is called \"", text, "\""));
  }
  if (!photo.ok()) return photo.status();
  std::string name = photo->photo().name();
  return Meant{std::move(name), *std::move(photo)};
}

absl::StatusOr<std::vector<std::string>> StudioNames::Names(const std::vector<std::string>& texts) {
  std::vector<std::string> names;
  for (const std::string& text : texts) {
    absl::StatusOr<Meant> meant = Find(text);
    if (!meant.ok()) return meant.status();
    names.push_back(std::move(meant->name));
  }
  return names;
}

absl::StatusOr<std::vector<v1::LocalPhoto>> StudioNames::Photos(
    const std::vector<std::string>& texts) {
  std::vector<v1::LocalPhoto> photos;
  std::set<std::string> seen;
  const auto add = [&](v1::LocalPhoto photo) {
    if (seen.insert(LastId(photo.photo().name())).second) photos.push_back(std::move(photo));
  };
  for (const std::string& text : texts) {
    absl::StatusOr<Meant> meant = Find(text);
    if (!meant.ok()) return meant.status();
    if (meant->photo.has_value()) {
      add(*std::move(meant->photo));
    } else if (ExpandName(kPhotoPattern, meant->name)) {
      absl::StatusOr<v1::LocalPhoto> photo = Get(meant->name);
      if (!photo.ok()) return photo.status();
      add(*std::move(photo));
    } else {
      absl::StatusOr<std::vector<v1::LocalPhoto>> listed = List(meant->name);
      if (!listed.ok()) return listed.status();
      for (v1::LocalPhoto& photo : *listed) add(std::move(photo));
    }
  }
  return photos;
}

}  // namespace proofline::cli
