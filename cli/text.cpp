#include "cli/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t length = 1;
  bool valid = false;
};

// The character at the beginning of `text`, which is not empty; overlong forms, surrogates and cut
// sequences are one invalid byte each.
Character NextCharacter(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  char32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kLeast[length] || code > 0x10FFFF || surrogate) return {};
  return {code, length, true};
}

// C0 and C1, and the characters that reorder text: a file's name must look like what it is.
bool IsControl(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x2028 || code == 0x2029;
}

bool IsCombining(char32_t code) {
  return (code >= 0x300 && code <= 0x36F) || code == 0x200B || code == 0x200D ||
         (code >= 0xFE00 && code <= 0xFE0F) || (code >= 0x20D0 && code <= 0x20FF);
}

bool IsWide(char32_t code) {
  return (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
         (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
         (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
         (code >= 0xFFE0 && code <= 0xFFE6) || (code >= 0x1F300 && code <= 0x1FAFF) ||
         (code >= 0x20000 && code <= 0x3FFFD);
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds());
}

// "LocalPhotoState" as its values begin: "LOCAL_PHOTO_STATE_".
std::string ValuePrefix(const google::protobuf::EnumDescriptor* type) {
  std::string prefix;
  for (const char c : type->name()) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(static_cast<unsigned char>(c));
  }
  return prefix + '_';
}

std::string WordOf(const google::protobuf::EnumValueDescriptor* value) {
  const std::string prefix = ValuePrefix(value->type());
  std::string name(value->name());
  if (name.starts_with(prefix)) name.erase(0, prefix.size());
  for (char& c : name) {
    c = c == '_' ? '-' : absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return name;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character c = NextCharacter(text);
    if (!c.valid || IsControl(c.code)) {
      out += '?';
    } else {
      out.append(text.substr(0, c.length));
    }
    text.remove_prefix(c.length);
  }
  return out;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const Character c = NextCharacter(text);
    if (!c.valid) return false;
    text.remove_prefix(c.length);
  }
  return true;
}

std::size_t DisplayWidth(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Character c = NextCharacter(text);
    width += IsCombining(c.code) ? 0 : IsWide(c.code) ? 2 : 1;
    text.remove_prefix(c.length);
  }
  return width;
}

std::string CutToWidth(std::string_view text, std::size_t columns) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  std::string cut;
  while (!text.empty() && columns > 0) {
    const std::string next = cut + std::string(text.substr(0, NextCharacter(text).length));
    if (DisplayWidth(next) > columns - 1) break;
    text.remove_prefix(next.size() - cut.size());
    cut = next;
  }
  return columns > 0 ? cut + "…" : cut;
}

std::string LocalTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%S%Ez", ToTime(time), absl::LocalTimeZone());
}

std::string CaptureTime(const v1::Metadata& metadata) {
  if (!metadata.has_capture_time()) return "";
  const absl::Time time = ToTime(metadata.capture_time());
  if (!metadata.has_capture_utc_offset_minutes()) {
    return absl::FormatTime("%Y-%m-%d%ET%H:%M:%S", time, absl::UTCTimeZone());
  }
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%S%Ez", time,
                          absl::FixedTimeZone(metadata.capture_utc_offset_minutes() * 60));
}

std::string SizeText(std::int64_t bytes) {
  constexpr std::array<const char*, 6> kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit > 0 && value < 9.95 ? "%.1f %s" : "%.0f %s", value,
                kUnits[unit]);
  return text;
}

std::string CountText(std::int64_t count, std::string_view one, std::string_view many) {
  return base::Concat(count, " ", count == 1 ? one : many);
}

std::string ExposureText(double seconds) {
  if (!(seconds > 0)) return "";
  // Where a whole fraction says the same, to the precision that cameras have.
  const double parts = std::round(1 / seconds);
  if (seconds < 0.4 && std::abs(parts * seconds - 1) < 0.05) {
    return base::Concat("1/", NumberText(parts), " s");
  }
  return NumberText(seconds) + " s";
}

std::string NumberText(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

std::string CropText(const v1::Crop& crop) {
  return base::Concat(NumberText(crop.left()), ",", NumberText(crop.top()), ",",
                      NumberText(crop.width()), ",", NumberText(crop.height()));
}

std::string EditText(const v1::Edit& edit) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (edit.rotation_degrees() != 0) add(base::Concat("rotated ", edit.rotation_degrees()));
  if (edit.straighten_degrees() != 0) add("straightened " + NumberText(edit.straighten_degrees()));
  if (edit.has_crop()) add("crop " + CropText(edit.crop()));
  return text;
}

std::string HexText(std::string_view bytes) { return absl::BytesToHexString(base::ToAbsl(bytes)); }

std::string LastId(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return std::string(slash == std::string_view::npos ? name : name.substr(slash + 1));
}

std::string ShortName(std::string_view name, std::size_t first) {
  std::string ids;
  std::string_view rest = name;
  for (std::size_t part = 0; !rest.empty(); ++part) {
    const std::string_view word = rest.substr(0, rest.find('/'));
    if (part % 2 == 1 && part / 2 >= first) {
      ids += ids.empty() ? "" : "/";
      ids += word;
    }
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  }
  return ids.empty() ? std::string(name) : ids;
}

std::string EnumWord(const google::protobuf::EnumDescriptor* type, int value) {
  if (value == 0) return "";
  const google::protobuf::EnumValueDescriptor* known = type->FindValueByNumber(value);
  return known == nullptr ? std::to_string(value) : WordOf(known);
}

std::optional<int> EnumFromWord(const google::protobuf::EnumDescriptor* type,
                                std::string_view word) {
  for (int i = 0; i < type->value_count(); ++i) {
    const google::protobuf::EnumValueDescriptor* value = type->value(i);
    if (value->number() != 0 && WordOf(value) == word) return value->number();
  }
  return std::nullopt;
}

std::string EnumWords(const google::protobuf::EnumDescriptor* type) {
  std::string words;
  for (int i = 0; i < type->value_count(); ++i) {
    if (type->value(i)->number() == 0) continue;
    words += (words.empty() ? "" : ", ") + WordOf(type->value(i));
  }
  return words;
}

}  // namespace proofline::cli
