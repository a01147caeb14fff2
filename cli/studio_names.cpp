#include "cli/studio_names.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/str_replace.h"
#include "cli/exit_code.h"
#include "cli/names.h"
#include "cli/text.h"
#include "lib/base/folded_text.h"
#include "lib/base/id.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::StudioControlService::Stub;
using base::Concat;

constexpr int kPageSize = 1000;

std::string WithoutSlashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// A title as the path of its folder, and a path, in one spelling: "School / 3b" and "school/3b/".
std::string AsFolder(const std::string& text) {
  return WithoutSlashes(absl::StrReplaceAll(base::FoldedText(text), {{" / ", "/"}}));
}

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
  if (auto name = ExpandName(kGalleryPattern, text)) {
    if (text.starts_with("studios/")) return *name;
    // "school/3b" may be a folder as well as a studio and its gallery.
    absl::StatusOr<std::optional<std::string>> alike = GalleryLike(text);
    if (!alike.ok()) return alike.status();
    return alike->has_value() ? **std::move(alike) : *name;
  }
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
  absl::StatusOr<std::string> picked = PickByEnding(names, text, "gallery");
  if (!absl::IsNotFound(picked.status())) return picked;
  absl::StatusOr<std::optional<std::string>> alike = GalleryLike(text);
  if (!alike.ok()) return alike.status();
  return alike->has_value() ? **std::move(alike) : picked;
}

absl::StatusOr<std::string> StudioNames::TitleOfFolder(const std::string& text) const {
  std::error_code ignored;
  if (!std::filesystem::is_directory(text, ignored)) return text;
  const std::string path = WithoutSlashes(std::filesystem::absolute(text).lexically_normal());
  const auto status = client_.Call(&Stub::GetStudioStatus, v1::GetStudioStatusRequest());
  if (!status.ok()) return status.status();
  // The innermost of the watched folders that it lies in.
  std::string title = text;
  std::size_t longest = 0;
  for (const v1::WatchedFolder& folder : status->folders()) {
    const std::string root = WithoutSlashes(folder.path());
    if (path != root && !path.starts_with(Concat(root, "/"))) continue;
    if (root.size() < longest) continue;
    longest = root.size();
    title = path == root ? LastId(root) : path.substr(root.size() + 1);
  }
  return title;
}

absl::StatusOr<std::optional<std::string>> StudioNames::GalleryLike(const std::string& text) {
  if (absl::Status status = LoadGalleries(); !status.ok()) return status;
  const absl::StatusOr<std::string> meant = TitleOfFolder(text);
  if (!meant.ok()) return meant.status();
  std::vector<std::string> alike;
  for (const v1::Gallery& gallery : *galleries_) {
    if (AsFolder(gallery.title()) == AsFolder(*meant)) alike.push_back(gallery.name());
  }
  if (alike.size() > 1) {
    return UsageError(Concat("more than one gallery is called like \"", text, "\"; write one of ",
                             LastId(alike[0]), ", ", LastId(alike[1])));
  }
  if (alike.empty()) return std::nullopt;
  return alike.front();
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
  } else if (absl::StatusOr<std::optional<std::string>> alike = GalleryLike(text);
             !alike.ok() || alike->has_value()) {
    if (!alike.ok()) return alike.status();
    return Meant{**std::move(alike)};
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
