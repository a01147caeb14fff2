// Values as people read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/generated_enum_reflection.h"
#include "google/protobuf/timestamp.pb.h"
#include "proofline/v1/photo.pb.h"

namespace proofline::cli {

// `text` with every control character, and every byte that is not UTF-8, replaced by '?': what
// others have named cannot move a terminal's cursor or break a row of a table.
std::string Printable(std::string_view text);

// Whether every byte belongs to a character.
bool IsUtf8(std::string_view text);

// How many columns `text` (UTF-8) takes in a terminal: one for each character, two for the wide
// ones of East Asia, none for combining marks.
std::size_t DisplayWidth(std::string_view text);

// As much of `text` as fits into so many columns; what is cut ends with "…".
std::string CutToWidth(std::string_view text, std::size_t columns);

// In the machine's time zone, e.g. "2025-03-01T13:00:00+01:00"; empty for the zero timestamp.
std::string LocalTime(const google::protobuf::Timestamp& time);

// When a picture was taken, by the camera's clock: with its offset where the file had one, without
// any where it had none; empty when unknown.
std::string CaptureTime(const v1::Metadata& metadata);

// "0 B", "999 B", "1.5 MB": powers of 1000, one decimal below 10.
std::string SizeText(std::int64_t bytes);

// "1 photo", "2 photos".
std::string CountText(std::int64_t count, std::string_view one, std::string_view many);

// How long a shutter was open, as photographers say it: "1/250 s", "2.5 s"; empty for 0.
std::string ExposureText(double seconds);

// A number without needless zeros: "1.5", "4", "0.001".
std::string NumberText(double value);

// "l,t,w,h" as ParseCrop reads it.
std::string CropText(const v1::Crop& crop);
// E.g. "rotated 90, straightened 1.5, crop 0,0,1,0.5"; empty for no edit.
std::string EditText(const v1::Edit& edit);

// Raw bytes as hex digits.
std::string HexText(std::string_view bytes);

// The last part of a resource name.
std::string LastId(std::string_view name);
// The identifiers of a resource name from the `first`th on (counted from 0), joined by slashes:
// ShortName("studios/s/galleries/g/photos/p", 1) is "g/p". Other text is given back as it is.
std::string ShortName(std::string_view name, std::size_t first);

// An enum's value as one word: its name without the enum's own name, in lower case, with hyphens
// ("ORDER_STATE_AT_LAB" is "at-lab"). Unspecified is empty; a value newer than this program is its
// number.
std::string EnumWord(const google::protobuf::EnumDescriptor* type, int value);
// The value that a word names; nothing when there is none. "unspecified" names none.
std::optional<int> EnumFromWord(const google::protobuf::EnumDescriptor* type,
                                std::string_view word);
// All words, separated by ", ".
std::string EnumWords(const google::protobuf::EnumDescriptor* type);

template <typename E>
std::string Word(E value) {
  return EnumWord(google::protobuf::GetEnumDescriptor<E>(), static_cast<int>(value));
}

}  // namespace proofline::cli
