#include "lib/base/id.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <span>

#include "lib/base/check.h"
#include "lib/base/digest.h"

namespace proofline::base {
namespace {

constexpr std::string_view kCrockford = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
// U+00C0 to U+00FF without their accents.
constexpr std::string_view kLatin1 =
    "aaaaaaaceeeeiiiidnooooo-ouuuuyts"
    "aaaaaaaceeeeiiiidnooooo-ouuuuyty";
constexpr std::size_t kSlugHashDigits = 8;

void FillRandom(std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    PROOFLINE_CHECK(got > 0, "the kernel gives random bytes");
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

bool IsIdLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// The letter that stands for the text at `at`; moves `at` past it. '\0' for what is to vanish.
char SlugLetter(std::string_view text, std::size_t& at) {
  const char c = text[at++];
  if (IsIdLetter(c)) return c;
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  if (at >= text.size()) return '-';
  const auto lead = static_cast<std::uint8_t>(c);
  const auto next = static_cast<std::uint8_t>(text[at]);
  if (lead == 0xC3 && next >= 0x80 && next <= 0xBF) {
    ++at;
    return kLatin1[next - 0x80U];
  }
  // Combining accents, as file names from macOS have them.
  if ((lead == 0xCC && next >= 0x80 && next <= 0xBF) ||
      (lead == 0xCD && next >= 0x80 && next <= 0xAF)) {
    ++at;
    return '\0';
  }
  return '-';
}

}  // namespace

std::string NewId() {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  auto time = static_cast<std::uint64_t>(now.count()) & ((std::uint64_t{1} << 48) - 1);
  std::string id(26, '0');
  for (std::size_t i = 10; i-- > 0; time >>= 5) id[i] = kCrockford[time & 31];
  std::array<std::uint8_t, 10> random{};
  FillRandom(random);
  std::uint32_t bits = 0;
  int held = 0;
  std::size_t out = 10;
  for (const std::uint8_t byte : random) {
    bits = (bits << 8 | byte) & 0xFFFF;
    for (held += 8; held >= 5; held -= 5) id[out++] = kCrockford[(bits >> (held - 5)) & 31];
  }
  return id;
}

bool IsValidId(std::string_view id) {
  if (id.empty() || id.size() > kMaxIdLength) return false;
  for (const char c : id) {
    if (!IsIdLetter(c) && c != '-') return false;
  }
  return id.front() != '-' && id.back() != '-';
}

std::string NewSecret() {
  std::array<std::uint8_t, 32> random{};
  FillRandom(random);
  std::string secret;
  std::uint32_t bits = 0;
  int held = 0;
  for (const std::uint8_t byte : random) {
    bits = (bits << 8 | byte) & 0xFFFF;
    for (held += 8; held >= 6; held -= 6) secret.push_back(kBase64Url[(bits >> (held - 6)) & 63]);
  }
  // 256 bits leave 4 over.
  secret.push_back(kBase64Url[(bits << (6 - held)) & 63]);
  return secret;
}

std::string Slug(std::string_view text) {
  constexpr std::size_t kMaxReadable = kMaxIdLength - kSlugHashDigits - 1;
  std::string slug;
  for (std::size_t at = 0; at < text.size() && slug.size() < kMaxReadable;) {
    const char letter = SlugLetter(text, at);
    if (letter == '\0' || (letter == '-' && (slug.empty() || slug.back() == '-'))) continue;
    slug.push_back(letter);
  }
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  if (!slug.empty()) slug.push_back('-');
  return slug + Sha256Of(text).hex().substr(0, kSlugHashDigits);
}

}  // namespace proofline::base
