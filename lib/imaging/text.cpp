#include "lib/imaging/text.h"

#include <array>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "lib/base/text.h"

namespace proofline::imaging {
namespace {

// Windows 1252 from 0x80 to 0x9F; 0 where it has no character.
constexpr std::array<char16_t, 32> kWindowsHigh = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

void AppendUtf8(std::string& text, char16_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | c >> 6);
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    text += static_cast<char>(0xE0 | c >> 12);
    text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  }
}

std::string FromWindows1252(std::string_view bytes) {
  std::string text;
  for (char raw : bytes) {
    const auto c = static_cast<std::uint8_t>(raw);
    const char16_t character = c >= 0x80 && c < 0xA0 ? kWindowsHigh[c - 0x80] : c;
    if (character != 0) AppendUtf8(text, character);
  }
  return text;
}

// Length of the valid UTF-8 character at the front, 0 if there is none.
std::size_t CharacterLength(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  const std::uint8_t first = at(0);
  std::size_t length = 0;
  std::uint32_t value = 0;
  std::uint32_t smallest = 0;
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2, value = first & 0x1F, smallest = 0x80;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3, value = first & 0x0F, smallest = 0x800;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4, value = first & 0x07, smallest = 0x10000;
  }
  if (length == 0 || bytes.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
    value = value << 6 | (at(i) & 0x3F);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  return value < smallest || value > 0x10FFFF || surrogate ? 0 : length;
}

bool IsDropped(std::string_view character) {
  const auto first = static_cast<std::uint8_t>(character[0]);
  if (character.size() == 1)
    return (first < 0x20 && first != '\n' && first != '\t') || first == 0x7F;
  // U+0080 to U+009F.
  return first == 0xC2 && static_cast<std::uint8_t>(character[1]) < 0xA0;
}

}  // namespace

bool IsValidUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = CharacterLength(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string CleanText(std::string_view bytes, std::size_t max_bytes) {
  bytes = bytes.substr(0, bytes.find('\0'));
  const std::string utf8 =
      IsValidUtf8(bytes) ? std::string(bytes) : FromWindows1252(bytes.substr(0, max_bytes));
  std::string_view rest = base::ToStd(absl::StripAsciiWhitespace(utf8));
  std::string text;
  while (!rest.empty()) {
    const std::size_t length = CharacterLength(rest);
    const std::string_view character = rest.substr(0, length);
    rest.remove_prefix(length);
    if (IsDropped(character)) continue;
    if (text.size() + length > max_bytes) break;
    text += character;
  }
  absl::StripTrailingAsciiWhitespace(&text);
  return text;
}

std::string CleanLine(std::string_view bytes, std::size_t max_bytes) {
  std::string text = CleanText(bytes, max_bytes);
  for (char& c : text) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  absl::RemoveExtraAsciiWhitespace(&text);
  return text;
}

}  // namespace proofline::imaging
