// What a device sends, judged before it reaches the store.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "hostd/access.h"
#include "hostd/store.h"
#include "lib/base/digest.h"
#include "proofline/v1/sync_service.pb.h"

namespace proofline::host {

// Most bytes of a pack of several entries.
inline constexpr std::int64_t kMaxPackBytes = std::int64_t{1} << 20;

// Turns the packs of one stream into changes for the store. Not thread-safe; blocks on the disk.
class PackChecker {
 public:
  // Store and access must outlive it.
  PackChecker(Store& store, Access& access, DeviceCaller caller, std::string catalog_id);

  // An entry that is wrong becomes a refusal; a pack that breaks the rules of PublishPack is
  // InvalidArgument. Contents are moved out of `pack`.
  absl::StatusOr<PublishedPack> Check(proofline::v1::PublishPack& pack);

 private:
  absl::StatusOr<PublishedChange> CheckEntry(proofline::v1::PublishEntry& entry);
  absl::StatusOr<PublishedChange> CheckPhoto(proofline::v1::PhotoChange& change);
  void KeepHeaders(const proofline::v1::PhotoChange& change);
  absl::StatusOr<PublishedRendition> CheckRendition(const proofline::v1::Photo& photo,
                                                    proofline::v1::RenditionData& data);
  absl::StatusOr<std::shared_ptr<const std::string>> HeaderOf(const base::Digest& digest,
                                                              std::string& sent);
  absl::StatusOr<PublishedChange> CheckCustomer(proofline::v1::Customer& customer);

  Store& store_;
  Access& access_;
  const DeviceCaller caller_;
  const std::string catalog_id_;
  std::int64_t last_sequence_ = 0;
  // Headers that this stream has brought; their bytes are bounded.
  std::map<base::Digest, std::shared_ptr<const std::string>> headers_;
  std::size_t header_bytes_ = 0;
};

// What is wrong with a photo's record by itself; InvalidArgument with the reason for the refusal.
absl::Status CheckPhotoRecord(const proofline::v1::Photo& photo, std::string_view studio);

}  // namespace proofline::host
