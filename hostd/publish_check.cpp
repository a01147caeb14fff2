#include "hostd/publish_check.h"

#include <algorithm>
#include <set>
#include <utility>

#include "hostd/record_text.h"
#include "lib/base/text.h"
#include "lib/imaging/edit_message.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

constexpr std::size_t kMaxHeaderBytes = std::size_t{256} << 10;
constexpr std::size_t kMaxStreamHeaderBytes = std::size_t{8} << 20;
constexpr std::size_t kMaxTitleBytes = 1'000;
constexpr int kMaxSide = 1'000'000;
// 0001-01-01 to 9999-12-31, all that a Timestamp may hold.
constexpr std::int64_t kFirstSecond = -62'135'596'800;
constexpr std::int64_t kLastSecond = 253'402'300'799;

absl::Status Refusal(std::string_view reason, std::string_view sentence) {
  return rpc::Error(absl::StatusCode::kInvalidArgument, sentence, reason);
}

absl::Status TooLong(std::string_view what, std::size_t most) {
  return Refusal("METADATA_INVALID",
                 base::Concat("the ", what, " has more than ", most, " bytes; shorten it"));
}

absl::Status CheckTexts(const pb::Metadata& metadata) {
  const std::pair<std::string_view, std::pair<const std::string*, std::size_t>> texts[] = {
      {"title", {&metadata.title(), 1'000}},
      {"caption", {&metadata.caption(), 10'000}},
      {"subject", {&metadata.subject(), 1'000}},
      {"event", {&metadata.event(), 1'000}},
      {"customer reference", {&metadata.customer_reference(), 1'000}},
      {"label", {&metadata.label(), 10'000}},
      {"creator", {&metadata.creator(), 10'000}},
      {"copyright notice", {&metadata.copyright(), 10'000}},
      {"location", {&metadata.location(), 1'000}},
      {"camera", {&metadata.camera(), 10'000}},
      {"lens", {&metadata.lens(), 10'000}},
  };
  for (const auto& [what, text] : texts) {
    if (text.first->size() > text.second) return TooLong(what, text.second);
  }
  if (metadata.keywords_size() > 200) {
    return Refusal("METADATA_INVALID", "a photo has at most 200 keywords; take some away");
  }
  for (const std::string& keyword : metadata.keywords()) {
    if (keyword.size() > 200) return TooLong("keyword", 200);
  }
  if (metadata.fields_size() > 100) {
    return Refusal("METADATA_INVALID", "a photo has at most 100 free fields; take some away");
  }
  for (const auto& [key, value] : metadata.fields()) {
    if (key.empty() || key.size() > 100) return TooLong("name of a free field", 100);
    if (value.size() > 1'000) return TooLong("value of a free field", 1'000);
  }
  return absl::OkStatus();
}

bool IsTime(const google::protobuf::Timestamp& time) {
  return time.seconds() >= kFirstSecond && time.seconds() <= kLastSecond && time.nanos() >= 0 &&
         time.nanos() <= 999'999'999;
}

absl::Status CheckSaidTimes(const pb::Photo& photo) {
  bool good = photo.said_times().size() <= 256;
  for (const auto& [name, time] : photo.said_times()) {
    good = good && !name.empty() && name.size() <= 200 && IsTime(time);
  }
  if (good) return absl::OkStatus();
  return Refusal("METADATA_INVALID",
                 "a photo tells of at most 256 times at which something was said, each under a "
                 "name of at most 200 bytes, between the years 1 and 9999");
}

absl::Status CheckMetadata(const pb::Metadata& metadata) {
  if (absl::Status texts = CheckTexts(metadata); !texts.ok()) return texts;
  if (metadata.rating() < -1 || metadata.rating() > 5) {
    return Refusal("METADATA_INVALID",
                   base::Concat("a rating is -1 to 5, not ", metadata.rating()));
  }
  if (metadata.has_capture_time() && !IsTime(metadata.capture_time())) {
    return Refusal("METADATA_INVALID",
                   "the capture time is not a time between the years 1 and 9999");
  }
  const int offset = metadata.capture_utc_offset_minutes();
  if (offset < -840 || offset > 840) {
    return Refusal("METADATA_INVALID",
                   base::Concat("an offset from UTC is -840 to 840 minutes, not ", offset));
  }
  return absl::OkStatus();
}

bool IsSide(int pixels) { return pixels >= 1 && pixels <= kMaxSide; }

absl::Status CheckRenditionList(const pb::Photo& photo) {
  std::set<int> kinds;
  for (const pb::Rendition& rendition : photo.renditions()) {
    const bool is_known = rendition.kind() == pb::RENDITION_KIND_THUMBNAIL ||
                          rendition.kind() == pb::RENDITION_KIND_PROOF;
    if (!is_known || !kinds.insert(rendition.kind()).second) {
      return Refusal("RENDITION_INVALID",
                     "a photo has at most one thumbnail and one proof, and nothing else");
    }
    if (!IsSide(rendition.width_px()) || !IsSide(rendition.height_px()) ||
        rendition.size_bytes() < 1 || rendition.digest().size() != base::Digest::kSize) {
      return Refusal("RENDITION_INVALID",
                     "a rendition needs width, height, size and a digest of 32 bytes");
    }
  }
  return absl::OkStatus();
}

const pb::Rendition* FindRendition(const pb::Photo& photo, pb::RenditionKind kind) {
  for (const pb::Rendition& rendition : photo.renditions()) {
    if (rendition.kind() == kind) return &rendition;
  }
  return nullptr;
}

// Refusals of single entries; anything else (a broken disk) ends the stream.
bool IsRefusal(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsAlreadyExists(status);
}

absl::Status BadPack(std::string_view what, std::string_view reason) {
  return rpc::Error(absl::StatusCode::kInvalidArgument, what, reason);
}

}  // namespace

absl::Status CheckPhotoRecord(const pb::Photo& photo, std::string_view studio) {
  const auto ids = rpc::ParseResourceName("studios/*/galleries/*/photos/*", photo.name());
  if (!ids.has_value()) {
    return Refusal("NAME_INVALID", base::Concat("'", photo.name(), "' is not the name of a photo"));
  }
  if (ids->at(0) != studio) {
    return Refusal("FOREIGN_STUDIO",
                   base::Concat(photo.name(), " is not a photo of the studio ", studio));
  }
  if (photo.original_digest().size() != base::Digest::kSize || photo.original_size_bytes() < 1) {
    return Refusal("ORIGINAL_INVALID", "an original needs a digest of 32 bytes and a size");
  }
  if (!IsSide(photo.width_px()) || !IsSide(photo.height_px()) || !IsSide(photo.edited_width_px()) ||
      !IsSide(photo.edited_height_px())) {
    return Refusal("SIZE_INVALID",
                   base::Concat("width and height of a photo, before and after its edit, are 1 to ",
                                kMaxSide, " pixels"));
  }
  if (photo.file_name().size() > 4'096) return TooLong("file name", 4'096);
  const absl::Status edit = imaging::Validate(imaging::EditFromMessage(photo.edit()));
  if (!edit.ok()) return Refusal("EDIT_INVALID", base::ToStd(edit.message()));
  if (absl::Status metadata = CheckMetadata(photo.metadata()); !metadata.ok()) return metadata;
  if (absl::Status said = CheckSaidTimes(photo); !said.ok()) return said;
  return CheckRenditionList(photo);
}

PackChecker::PackChecker(Store& store, Access& access, DeviceCaller caller, std::string catalog_id)
    : store_(store),
      access_(access),
      caller_(std::move(caller)),
      catalog_id_(std::move(catalog_id)) {}

absl::StatusOr<PublishedPack> PackChecker::Check(pb::PublishPack& pack) {
  if (pack.entries().empty()) {
    return BadPack("a pack needs at least one entry", "EMPTY_PACK");
  }
  if (pack.entries_size() > 1 && static_cast<std::int64_t>(pack.ByteSizeLong()) > kMaxPackBytes) {
    return BadPack(base::Concat("a pack of several entries has at most ", kMaxPackBytes,
                                " bytes; send fewer entries in one pack"),
                   "PACK_TOO_LARGE");
  }
  PublishedPack checked;
  checked.studio = caller_.studio;
  checked.device = caller_.device;
  checked.catalog_id = catalog_id_;
  for (pb::PublishEntry& entry : *pack.mutable_entries()) {
    if (entry.sequence() <= last_sequence_) {
      return BadPack(base::Concat("sequences rise on a stream; ", entry.sequence(), " came after ",
                                  last_sequence_),
                     "SEQUENCE_INVALID");
    }
    last_sequence_ = entry.sequence();
    absl::StatusOr<PublishedChange> change = CheckEntry(entry);
    if (!change.ok()) {
      if (!IsRefusal(change.status())) return change.status();
      const absl::Status why = change.status();
      change = PublishedChange();
      change->kind = PublishedChange::Kind::kRefused;
      change->refusal.set_reason(rpc::ReasonOf(why));
      change->refusal.set_message(std::string(base::ToStd(why.message())));
      if (entry.has_photo()) change->photo.set_name(entry.photo().photo().name());
    }
    change->sequence = last_sequence_;
    checked.changes.push_back(*std::move(change));
  }
  return checked;
}

absl::StatusOr<PublishedChange> PackChecker::CheckEntry(pb::PublishEntry& entry) {
  PublishedChange change;
  switch (entry.change_case()) {
    case pb::PublishEntry::kPhoto:
      return CheckPhoto(*entry.mutable_photo());
    case pb::PublishEntry::kWithdrawal: {
      const auto ids =
          rpc::ParseResourceName("studios/*/galleries/*/photos/*", entry.withdrawal().photo());
      if (!ids.has_value() || ids->at(0) != caller_.studio) {
        return Refusal("NAME_INVALID", base::Concat("'", entry.withdrawal().photo(),
                                                    "' is not the name of a photo of this studio"));
      }
      change.kind = PublishedChange::Kind::kWithdrawal;
      change.photo.set_name(entry.withdrawal().photo());
      return change;
    }
    case pb::PublishEntry::kGallery: {
      const auto ids = rpc::ParseResourceName("studios/*/galleries/*", entry.gallery().name());
      if (!ids.has_value() || ids->at(0) != caller_.studio) {
        return Refusal("NAME_INVALID",
                       base::Concat("'", entry.gallery().name(),
                                    "' is not the name of a gallery of this studio"));
      }
      if (entry.gallery().title().empty() || entry.gallery().title().size() > kMaxTitleBytes) {
        return Refusal("TITLE_INVALID", "a gallery's title has 1 to 1,000 bytes");
      }
      change.kind = PublishedChange::Kind::kGallery;
      change.gallery = std::move(*entry.mutable_gallery());
      return change;
    }
    case pb::PublishEntry::kCustomer:
      return CheckCustomer(*entry.mutable_customer());
    case pb::PublishEntry::CHANGE_NOT_SET:
      break;
  }
  return Refusal("UNKNOWN_CHANGE",
                 "this version of the host does not know this kind of change; update the host");
}

void PackChecker::KeepHeaders(const pb::PhotoChange& sent) {
  for (const pb::RenditionData& data : sent.renditions()) {
    const auto digest = base::Digest::FromBytes(data.header_digest());
    if (data.header().empty() || !digest.ok()) continue;
    std::string header = data.header();
    HeaderOf(*digest, header).status().IgnoreError();  // said again when the rendition is checked
  }
}

absl::StatusOr<PublishedChange> PackChecker::CheckPhoto(pb::PhotoChange& sent) {
  // First of all: the photos that follow on this stream name them, whatever is wrong with this one.
  KeepHeaders(sent);
  if (absl::Status record = CheckPhotoRecord(sent.photo(), caller_.studio); !record.ok()) {
    return record;
  }
  PublishedChange change;
  change.kind = PublishedChange::Kind::kPhoto;
  std::set<int> kinds;
  for (pb::RenditionData& data : *sent.mutable_renditions()) {
    if (!kinds.insert(data.kind()).second) {
      return Refusal("RENDITION_INVALID", "a change brings each kind of rendition once");
    }
    absl::StatusOr<PublishedRendition> rendition = CheckRendition(sent.photo(), data);
    if (!rendition.ok()) return rendition.status();
    change.renditions.push_back(*std::move(rendition));
  }
  change.gallery_title = CutText(sent.gallery_title(), kMaxTitleBytes);
  // A copy: the name is needed for the refusal if something else is wrong.
  change.photo = sent.photo();
  change.photo.clear_create_time();
  change.photo.clear_update_time();
  change.photo.clear_etag();
  return change;
}

absl::StatusOr<std::shared_ptr<const std::string>> PackChecker::HeaderOf(const base::Digest& digest,
                                                                         std::string& sent) {
  const auto mismatch = [] {
    return Refusal("DIGEST_MISMATCH", "a header does not have the digest that came with it");
  };
  const auto known = headers_.find(digest);
  if (known != headers_.end()) {
    if (!sent.empty() && sent != *known->second) return mismatch();
    return known->second;
  }
  std::shared_ptr<const std::string> header;
  if (!sent.empty()) {
    if (sent.size() > kMaxHeaderBytes) {
      return Refusal("HEADER_TOO_LARGE", base::Concat("a header has at most ", kMaxHeaderBytes,
                                                      " bytes; send the whole file as body"));
    }
    if (base::Sha256Of(sent) != digest) return mismatch();
    header = std::make_shared<const std::string>(std::move(sent));
  } else {
    absl::StatusOr<std::shared_ptr<const std::string>> held =
        store_.FindHeader(caller_.studio, digest);
    if (!held.ok()) return held.status();
    if (*held == nullptr) {
      return Refusal("HEADER_MISSING",
                     "a rendition's header has not come on this stream; send it with the first "
                     "rendition that has it");
    }
    header = *std::move(held);
  }
  if (header_bytes_ + header->size() > kMaxStreamHeaderBytes) {
    headers_.clear();
    header_bytes_ = 0;
  }
  header_bytes_ += header->size();
  headers_.emplace(digest, header);
  return header;
}

absl::StatusOr<PublishedRendition> PackChecker::CheckRendition(const pb::Photo& photo,
                                                               pb::RenditionData& data) {
  const pb::Rendition* described = FindRendition(photo, data.kind());
  if (described == nullptr) {
    return Refusal("RENDITION_INVALID",
                   "the photo's record does not name a rendition that was sent");
  }
  PublishedRendition rendition;
  rendition.kind = data.kind();
  std::size_t bytes = data.body().size();
  base::Sha256 hash;
  if (!data.header_digest().empty()) {
    const auto digest = base::Digest::FromBytes(data.header_digest());
    if (!digest.ok()) return Refusal("RENDITION_INVALID", "a header's digest has 32 bytes");
    rendition.header_digest = *digest;
    auto header = HeaderOf(*digest, *data.mutable_header());
    if (!header.ok()) return header.status();
    rendition.header = *std::move(header);
    bytes += rendition.header->size();
    hash.Update(std::string_view(*rendition.header));
  }
  hash.Update(std::string_view(data.body()));
  rendition.digest = hash.Finish();
  if (rendition.digest.bytes() != described->digest() ||
      static_cast<std::int64_t>(bytes) != described->size_bytes()) {
    return Refusal("DIGEST_MISMATCH",
                   base::Concat("a rendition of ", photo.name(),
                                " does not have the digest and size that its record gives; make it "
                                "and send it again"));
  }
  rendition.body = std::move(*data.mutable_body());
  return rendition;
}

absl::StatusOr<PublishedChange> PackChecker::CheckCustomer(pb::Customer& customer) {
  const auto ids = rpc::ParseResourceName("studios/*/customers/*", customer.name());
  if (!ids.has_value() || ids->at(0) != caller_.studio) {
    return Refusal("NAME_INVALID", base::Concat("'", customer.name(),
                                                "' is not the name of a customer of this studio"));
  }
  if (customer.display_name().size() > kMaxTitleBytes) return TooLong("name of a customer", 1'000);
  if (absl::Status share = CheckShare(customer.share(), caller_.studio); !share.ok()) return share;
  if (!IsTime(customer.update_time())) {
    return Refusal("TIME_INVALID", "a customer was changed at a time between the years 1 and 9999");
  }
  PublishedChange change;
  change.kind = PublishedChange::Kind::kCustomer;
  if (!customer.identifier().empty()) {
    absl::StatusOr<std::string> hash = access_.HashIdentifier(customer.identifier());
    if (!hash.ok()) return hash.status();
    absl::StatusOr<IdentifierClaim> claim =
        store_.ClaimIdentifier(caller_.studio, ids->at(1), *hash);
    if (!claim.ok()) return claim.status();
    change.identifier_claim = *std::move(claim);
    change.identifier_hash = *std::move(hash);
  }
  change.customer = std::move(customer);
  change.customer.clear_identifier();
  return change;
}

}  // namespace proofline::host
