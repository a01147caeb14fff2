#include "cli/arguments.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "cli/exit_code.h"
#include "cli/text.h"
#include "lib/base/text.h"
#include "lib/imaging/edit.h"
#include "lib/imaging/edit_message.h"

namespace proofline::cli {
namespace {

using base::Concat;
using base::ToAbsl;

std::string Quoted(std::string_view text) { return Concat("\"", text, "\""); }

std::optional<double> Number(std::string_view text) {
  double value = 0;
  if (!absl::SimpleAtod(ToAbsl(text), &value) || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

absl::StatusOr<base::Duration> ParseDuration(std::string_view text) {
  absl::Duration duration;
  if (const auto seconds = Number(text)) {
    duration = absl::Seconds(*seconds);
  } else if (!absl::ParseDuration(std::string(text), &duration)) {
    duration = absl::ZeroDuration();
  }
  // What is longer than a year is a slip of the hand, and must not overflow a deadline.
  if (duration <= absl::ZeroDuration() || duration > absl::Hours(24 * 366)) {
    return UsageError(Concat(Quoted(text), " is no length of time; write 500ms, 30s, 5m or 1h"));
  }
  return absl::ToChronoNanoseconds(duration);
}

absl::StatusOr<v1::Crop> ParseCrop(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(text), absl::ByAnyChar(",:"));
  const auto wrong = [&](std::string_view why) {
    return UsageError(Concat("the crop ", Quoted(text), " ", why,
                             "; write left,top,width,height as fractions, e.g. 0.1,0,0.8,1"));
  };
  if (parts.size() != 4) return wrong("has not four numbers");
  double values[4];
  for (std::size_t i = 0; i < 4; ++i) {
    const auto value = Number(parts[i]);
    if (!value) return wrong("has not four numbers");
    values[i] = *value;
  }
  v1::Crop crop;
  crop.set_left(values[0]);
  crop.set_top(values[1]);
  crop.set_width(values[2]);
  crop.set_height(values[3]);
  if (!imaging::Validate(imaging::CropFromMessage(crop)).ok()) {
    return wrong("does not lie inside the picture");
  }
  return crop;
}

absl::StatusOr<std::pair<std::string, std::string>> ParseKeyValue(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos) {
    return UsageError(Concat(Quoted(text), " is not KEY=VALUE, e.g. class=4b"));
  }
  return std::make_pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

absl::StatusOr<v1::MetadataMatch> ParseMatch(std::string_view text) {
  const auto pair = ParseKeyValue(text);
  const auto known = [](std::string_view field) {
    return field == "subject" || field == "event" || field == "keywords" ||
           field == "customer_reference" ||
           (field.starts_with("fields.") && field.size() > std::string_view("fields.").size());
  };
  if (!pair.ok() || pair->second.empty() || !known(pair->first)) {
    return UsageError(Concat("the match ", Quoted(text),
                             " is not FIELD=VALUE with one of the fields subject, event, keywords,"
                             " customer_reference, fields.KEY; e.g. event=Prom"));
  }
  v1::MetadataMatch match;
  match.set_field(pair->first);
  match.set_value(pair->second);
  return match;
}

absl::StatusOr<google::protobuf::Timestamp> ParseTime(std::string_view text) {
  absl::Time time;
  absl::CivilDay day;
  std::string ignored;
  if (text.find('T') == std::string_view::npos && absl::ParseCivilTime(ToAbsl(text), &day)) {
    time = absl::FromCivil(day, absl::LocalTimeZone());
  } else if (!absl::ParseTime(absl::RFC3339_full, ToAbsl(text), &time, &ignored)) {
    return UsageError(Concat(Quoted(text),
                             " is no time; write a day (2027-01-01) or an instant with its offset"
                             " (2027-01-01T18:00:00+01:00)"));
  }
  // The years that a timestamp of the API can hold.
  if (time < absl::FromUnixSeconds(-62135596800) || time > absl::FromUnixSeconds(253402300799)) {
    return UsageError(Concat(Quoted(text), " is not in the years 1 to 9999"));
  }
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(absl::ToUnixSeconds(time));
  return timestamp;
}

absl::StatusOr<LineArgument> ParseLine(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(text), ',');
  LineArgument line;
  if (parts.size() < 2 || parts.size() > 4 || parts[0].empty() || parts[1].empty()) {
    return UsageError(
        Concat("the line ", Quoted(text),
               " is not PHOTO,PRODUCT[,QUANTITY[,l:t:w:h]], e.g. summer/p1,10x15,2,0:0:1:0.8"));
  }
  line.photo = parts[0];
  line.product = parts[1];
  if (parts.size() > 2) {
    if (!absl::SimpleAtoi(parts[2], &line.quantity) || line.quantity < 1 ||
        line.quantity > 10'000) {
      return UsageError(Concat("the quantity of the line ", Quoted(text),
                               " must be a whole number from 1 to 10000, not ", Quoted(parts[2])));
    }
  }
  if (parts.size() > 3) {
    const absl::StatusOr<v1::Crop> crop = ParseCrop(parts[3]);
    if (!crop.ok()) return crop.status();
    line.print_crop = *crop;
  }
  return line;
}

absl::StatusOr<int> ParseRotation(std::string_view text) {
  int degrees = 0;
  if (!absl::SimpleAtoi(ToAbsl(text), &degrees) || degrees % 90 != 0) {
    return UsageError(Concat("a rotation is 0, 90, 180 or 270 degrees clockwise, not ",
                             Quoted(text), "; to turn by less, straighten"));
  }
  return (degrees % 360 + 360) % 360;
}

absl::StatusOr<double> ParseNumber(std::string_view text, double least, double most,
                                   std::string_view what) {
  const std::optional<double> value = Number(text);
  if (!value || *value < least || *value > most) {
    return UsageError(Concat(what, " is a number from ", NumberText(least), " to ",
                             NumberText(most), ", not ", Quoted(text)));
  }
  return *value;
}

absl::StatusOr<int> ParseEnum(const google::protobuf::EnumDescriptor* type, std::string_view text) {
  if (text.empty()) return 0;
  const std::optional<int> value = EnumFromWord(type, text);
  if (!value) return UsageError(Concat(Quoted(text), " is not one of ", EnumWords(type)));
  return *value;
}

}  // namespace proofline::cli
