#include "hostd/record_text.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <chrono>

#include "lib/base/digest.h"
#include "lib/base/text.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

// It is read with every call of the customer.
constexpr std::size_t kMaxShareBytes = std::size_t{1} << 20;

constexpr std::string_view kFieldPrefix = "fields.";

}  // namespace

google::protobuf::Timestamp TimestampOf(base::WallTime time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  google::protobuf::Timestamp result;
  result.set_seconds(seconds.count());
  result.set_nanos(static_cast<int>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count()));
  return result;
}

bool Earlier(const google::protobuf::Timestamp& a, const google::protobuf::Timestamp& b) {
  return a.seconds() != b.seconds() ? a.seconds() < b.seconds() : a.nanos() < b.nanos();
}

bool HasPassed(const google::protobuf::Timestamp& time, base::WallTime now) {
  return !Earlier(TimestampOf(now), time);
}

std::string ExactBytes(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream sink(&bytes);
  google::protobuf::io::CodedOutputStream coded(&sink);
  coded.SetSerializationDeterministic(true);
  message.SerializeWithCachedSizes(&coded);
  coded.Trim();
  return bytes;
}

std::string EtagOf(const google::protobuf::Message& message) {
  return base::Sha256Of(ExactBytes(message)).hex().substr(0, 16);
}

std::string CutText(const std::string& text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

std::string_view LastPart(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

std::vector<std::pair<std::string, std::string>> MatchableValues(const pb::Metadata& metadata) {
  std::vector<std::pair<std::string, std::string>> values;
  const auto add = [&](std::string field, const std::string& value) {
    if (!value.empty()) values.emplace_back(std::move(field), value);
  };
  add("subject", metadata.subject());
  add("event", metadata.event());
  add("customer_reference", metadata.customer_reference());
  for (const std::string& keyword : metadata.keywords()) add("keywords", keyword);
  for (const auto& [key, value] : metadata.fields()) add(std::string(kFieldPrefix) + key, value);
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

bool IsMatch(const pb::MetadataMatch& match) {
  if (match.value().empty()) return false;
  const std::string& field = match.field();
  return field == "subject" || field == "event" || field == "keywords" ||
         field == "customer_reference" ||
         (field.starts_with(kFieldPrefix) && field.size() > kFieldPrefix.size());
}

bool Matches(const pb::Metadata& metadata, const pb::MetadataMatch& match) {
  const std::string& field = match.field();
  const std::string& value = match.value();
  if (value.empty()) return false;
  if (field == "subject") return metadata.subject() == value;
  if (field == "event") return metadata.event() == value;
  if (field == "customer_reference") return metadata.customer_reference() == value;
  if (field == "keywords") {
    return std::find(metadata.keywords().begin(), metadata.keywords().end(), value) !=
           metadata.keywords().end();
  }
  if (!field.starts_with(kFieldPrefix)) return false;
  const auto found = metadata.fields().find(field.substr(kFieldPrefix.size()));
  return found != metadata.fields().end() && found->second == value;
}

bool Opens(const pb::Share& share, const pb::Photo& photo) {
  const std::string gallery = GalleryNameOf(photo);
  for (const std::string& shared : share.galleries()) {
    if (shared == gallery) return true;
  }
  const std::string_view id = LastPart(photo.name());
  for (const std::string& shared : share.photos()) {
    if (LastPart(shared) == id) return true;
  }
  for (const pb::MetadataMatch& match : share.matches()) {
    const bool is_in_gallery = match.gallery().empty() || match.gallery() == gallery;
    if (is_in_gallery && Matches(photo.metadata(), match)) return true;
  }
  return false;
}

absl::Status CheckShare(const pb::Share& share, std::string_view studio) {
  const auto bad = [](std::string_view what) {
    return rpc::Error(absl::StatusCode::kInvalidArgument, what, "SHARE_INVALID");
  };
  const auto is_of_studio = [&](std::string_view pattern, const std::string& name) {
    const auto ids = rpc::ParseResourceName(pattern, name);
    return ids.has_value() && ids->at(0) == studio;
  };
  if (share.ByteSizeLong() > kMaxShareBytes) {
    return bad("the share names too many photos for one customer; share their gallery");
  }
  for (const std::string& name : share.galleries()) {
    if (is_of_studio("studios/*/galleries/*", name)) continue;
    return bad(base::Concat("a share names galleries of its own studio (studios/", studio,
                            "/galleries/GALLERY), not ", name));
  }
  for (const std::string& name : share.photos()) {
    if (is_of_studio("studios/*/galleries/*/photos/*", name)) continue;
    return bad(base::Concat("a share names photos of its own studio (studios/", studio,
                            "/galleries/GALLERY/photos/PHOTO), not ", name));
  }
  for (const pb::MetadataMatch& match : share.matches()) {
    if (!match.gallery().empty() && !is_of_studio("studios/*/galleries/*", match.gallery())) {
      return bad(base::Concat("a match names a gallery of its own studio (studios/", studio,
                              "/galleries/GALLERY), not ", match.gallery()));
    }
    if (IsMatch(match)) continue;
    return bad(base::Concat(
        "a match names subject, event, keywords, customer_reference or fields.KEY and a value, "
        "not '",
        match.field(), "' and '", match.value(), "'"));
  }
  return absl::OkStatus();
}

std::string GalleryNameOf(const pb::Photo& photo) {
  return photo.name().substr(0, photo.name().rfind("/photos/"));
}

std::string GalleryIdOf(const pb::Photo& photo) {
  return std::string(LastPart(GalleryNameOf(photo)));
}

}  // namespace proofline::host
