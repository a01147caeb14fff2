// What people call galleries and photos at the studio daemon.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/target.h"
#include "proofline/v1/studio_control_service.grpc.pb.h"

namespace proofline::cli {

using StudioClient = Client<v1::StudioControlService>;

// Looks things up at the daemon, each list at most once. Not thread-safe; the client must outlive
// it.
class StudioNames {
 public:
  explicit StudioNames(const StudioClient& client) : client_(client) {}

  // A gallery's full name, identifier, or title, or the folder that it is: "School / 3b",
  // "school/3b", "/photos/School/3b".
  absl::StatusOr<std::string> Gallery(const std::string& text);
  // A photo's full name, "GALLERY/PHOTO", its identifier alone, or the path of its original.
  absl::StatusOr<v1::LocalPhoto> Photo(const std::string& text);
  // The photos that the texts name (as Names() reads them), in that order, each once; a gallery
  // stands for all of its photos.
  absl::StatusOr<std::vector<v1::LocalPhoto>> Photos(const std::vector<std::string>& texts);
  // The full names of photos and galleries that the texts mean: a gallery as Gallery() has it, a
  // photo as Photo() has it, the gallery first where both could be.
  absl::StatusOr<std::vector<std::string>> Names(const std::vector<std::string>& texts);

 private:
  absl::StatusOr<v1::LocalPhoto> Get(const std::string& name_or_path) const;
  absl::StatusOr<std::vector<v1::LocalPhoto>> List(const std::string& gallery) const;
  absl::Status LoadGalleries();
  // Below its watched folder, where the text is a folder on this machine; else the text.
  absl::StatusOr<std::string> TitleOfFolder(const std::string& text) const;
  // The gallery whose title is spelt otherwise, in case, accents or slashes, if there is one.
  absl::StatusOr<std::optional<std::string>> GalleryLike(const std::string& text);
  // What a text means. `photo` is there when it had to be asked for.
  struct Meant {
    std::string name;
    std::optional<v1::LocalPhoto> photo = std::nullopt;
  };
  absl::StatusOr<Meant> Find(const std::string& text);

  const StudioClient& client_;
  std::optional<std::vector<v1::Gallery>> galleries_;
};

}  // namespace proofline::cli
