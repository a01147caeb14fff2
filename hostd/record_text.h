// Small things about records that many parts of the host need: times, names, etags, matches.
// Pure; from any thread.
#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/clock.h"
#include "proofline/v1/customer.pb.h"
#include "proofline/v1/photo.pb.h"

namespace proofline::host {

google::protobuf::Timestamp TimestampOf(base::WallTime time);
// True if `time` is now or before. Any time a message can hold may be asked about.
bool HasPassed(const google::protobuf::Timestamp& time, base::WallTime now);
bool Earlier(const google::protobuf::Timestamp& a, const google::protobuf::Timestamp& b);

// The same bytes for equal messages.
std::string ExactBytes(const google::protobuf::Message& message);
// For etags: 16 hex digits that change whenever the message does.
std::string EtagOf(const google::protobuf::Message& message);

// At most `max_bytes` of a UTF-8 text, cut between two characters.
std::string CutText(const std::string& text, std::size_t max_bytes);

// The last part of a resource name.
std::string_view LastPart(std::string_view name);

// The values of a photo's metadata that a MetadataMatch can name, as (field, value).
std::vector<std::pair<std::string, std::string>> MatchableValues(
    const proofline::v1::Metadata& metadata);
// "subject", "event", "keywords", "customer_reference" or "fields.KEY", with a value.
bool IsMatch(const proofline::v1::MetadataMatch& match);
bool Matches(const proofline::v1::Metadata& metadata, const proofline::v1::MetadataMatch& match);

// True if the share opens the photo. Single photos are known by their id: they stay shared when
// they move into another gallery. The photo is of the share's studio.
bool Opens(const proofline::v1::Share& share, const proofline::v1::Photo& photo);

// InvalidArgument (SHARE_INVALID) unless everything that the share names is of this studio and can
// be read.
absl::Status CheckShare(const proofline::v1::Share& share, std::string_view studio);

// studios/S/galleries/G of a photo's name.
std::string GalleryNameOf(const proofline::v1::Photo& photo);
// The id alone.
std::string GalleryIdOf(const proofline::v1::Photo& photo);

}  // namespace proofline::host
