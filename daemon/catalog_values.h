// What the catalog gives out and takes in.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/file_stamp.h"
#include "daemon/record.pb.h"
#include "daemon/selection.h"
#include "lib/imaging/edit.h"
#include "lib/imaging/image_facts.h"
#include "proofline/v1/customer.pb.h"
#include "proofline/v1/photo.pb.h"
#include "proofline/v1/studio_control_service.pb.h"

namespace proofline::studio {

// A file that the catalog has a record of.
struct KnownFile {
  // Without its folder; valid while it is visited, empty where one was asked for.
  std::string_view name;
  FileStamp stamp;
  bool gone = false;
  bool look_again = false;
  // The original of a photo; others were found to be no picture, or belong to a photo.
  bool is_photo = false;
  bool on_submount = false;

  // There is nothing to do about a file that reads like this.
  bool IsAsRecorded(const FileStamp& now) const {
    return !gone && !look_again && stamp.SameContent(now) &&
           (now.volume == 0 || stamp.volume == now.volume);
  }
};

// A photo that waits to be rendered, taken by a renderer. Exactly one Finish… or Release call gives
// it back.
struct RenderTask {
  std::string photo;
  std::uint64_t ticket = 0;
  std::string root;
  std::string path;
  FileStamp stamp;
  // The XMP sidecar that belongs to it; empty if there is none.
  std::string sidecar_path;
  imaging::Edit edit;
  v1::Edit edit_message;
  PhotoFacts facts;
  record::Photo record;
  // How the renditions are made and why; the renderer fills them in before it finishes.
  std::string recipe;
  std::string reason;
  // Another photo, or this one before, has a file of this size: worth hashing before rendering.
  bool maybe_known = false;
};

// A change on its way to the host.
struct PendingPublish {
  struct Content {
    v1::RenditionKind kind = v1::RENDITION_KIND_UNSPECIFIED;
    std::string jpeg;
  };
  std::int64_t sequence = 0;
  // Set: a customer has changed, and the rest is empty.
  std::optional<v1::Customer> customer;
  v1::Photo photo;
  // The photo is taken back; only its name counts.
  bool withdrawal = false;
  std::string gallery_title;
  std::vector<Content> contents;
};

struct Refusal {
  std::string reason;   // for programs
  std::string message;  // for people
};

// Takes what was found in the original over into its photo.
void TakeFacts(const imaging::ImageFacts& facts, const imaging::Edit& edit, record::Photo& photo);

struct CatalogCounts {
  std::map<v1::LocalPhotoState, std::int64_t> states;
  std::int64_t original_bytes = 0;
  std::int64_t sent_bytes = 0;
  bool paused = false;

  std::int64_t in(v1::LocalPhotoState state) const {
    const auto found = states.find(state);
    return found == states.end() ? 0 : found->second;
  }
};

struct LocalGallery {
  std::string id;
  record::Gallery record;
  std::int64_t photos = 0;
};

// Where an ordered original can be read, best first.
struct OriginalPlaces {
  struct File {
    std::string path;
    // As it was last recorded.
    FileStamp stamp;
    // A file that reads like `stamp` has the content that was asked for. One of which that is not
    // sure has its size, and must be read to know.
    bool sure = true;
    // The watched folder above it, and whether it lies on another volume than that does.
    std::string root;
    bool on_submount = false;
  };
  std::vector<File> files;
  // Paths it lay at that another volume's files have now.
  std::vector<File> displaced;
  // The photo is here, but its file has another content by now.
  bool changed = false;
};

// What came out when a catalog was built anew.
struct RebuildResult {
  // In the folders.
  std::int64_t photos = 0;
  // The host has them, and their originals are there.
  std::int64_t known_photos = 0;
  // The host has them, and their originals are not there.
  std::int64_t missing_photos = 0;
  // The host knew something newer about them that people had said.
  std::int64_t taken_over_photos = 0;
  std::int64_t taken_over_customers = 0;
};

// The key under which the customer of one subject in one set of galleries is found; empty for
// other shares.
std::string SubjectKeyOf(const v1::Share& share);

// What the host knew better than the catalog when it was last asked.
struct TakenOver {
  std::int64_t photos = 0;
  std::int64_t customers = 0;
  google::protobuf::Timestamp time;
};

void ForgetTakenOver(record::Catalog& catalog);

}  // namespace proofline::studio
