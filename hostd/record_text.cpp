#include "hostd/record_text.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/match.h"
#include "lib/base/digest.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

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
         (absl::StartsWith(field, kFieldPrefix) && field.size() > kFieldPrefix.size());
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
  if (!absl::StartsWith(field, kFieldPrefix)) return false;
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
    if (Matches(photo.metadata(), match)) return true;
  }
  return false;
}

std::string GalleryNameOf(const pb::Photo& photo) {
  return photo.name().substr(0, photo.name().rfind("/photos/"));
}

std::string GalleryIdOf(const pb::Photo& photo) {
  return std::string(LastPart(GalleryNameOf(photo)));
}

}  // namespace proofline::host
