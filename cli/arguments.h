// Values as people type them. Every error is a UsageError that shows the right form.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/timestamp.pb.h"
#include "lib/base/clock.h"
#include "proofline/v1/customer.pb.h"
#include "proofline/v1/photo.pb.h"

namespace proofline::cli {

// "500ms", "30s", "5m", "1h30m", or a number of seconds; greater than 0.
absl::StatusOr<base::Duration> ParseDuration(std::string_view text);

// "left,top,width,height" (colons do as well), as fractions of the picture: "0.1,0,0.8,1".
absl::StatusOr<v1::Crop> ParseCrop(std::string_view text);

// "KEY=VALUE"; the value may be empty and may hold further equal signs, the key must not be empty.
absl::StatusOr<std::pair<std::string, std::string>> ParseKeyValue(std::string_view text);

// "FIELD=VALUE" with a field that a share can name and a value that is not empty.
absl::StatusOr<v1::MetadataMatch> ParseMatch(std::string_view text);

// A day ("2027-01-01": its first instant in the machine's time zone) or an instant
// ("2027-01-01T18:00:00+01:00").
absl::StatusOr<google::protobuf::Timestamp> ParseTime(std::string_view text);

// One order line as "PHOTO,PRODUCT[,QUANTITY[,l:t:w:h]]"; the names are not expanded yet.
struct LineArgument {
  std::string photo;
  std::string product;
  int quantity = 1;
  std::optional<v1::Crop> print_crop;
};
absl::StatusOr<LineArgument> ParseLine(std::string_view text);

// 0, 90, 180 or 270; other multiples of 90 count as what they come to.
absl::StatusOr<int> ParseRotation(std::string_view text);

// A number inside [least, most]; `what` begins the error's sentence.
absl::StatusOr<double> ParseNumber(std::string_view text, double least, double most,
                                   std::string_view what);

// The value that a word names (see EnumWord), 0 for empty text.
absl::StatusOr<int> ParseEnum(const google::protobuf::EnumDescriptor* type, std::string_view text);

template <typename E>
absl::StatusOr<E> ParseWord(std::string_view text) {
  const absl::StatusOr<int> value = ParseEnum(google::protobuf::GetEnumDescriptor<E>(), text);
  if (!value.ok()) return value.status();
  return static_cast<E>(*value);
}

}  // namespace proofline::cli
