#include "lib/base/typed_code.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "lib/base/check.h"

namespace proofline::base {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kCharacters = 16;
constexpr std::size_t kFewest = 8;
constexpr std::size_t kMost = 64;

}  // namespace

std::string NewTypedCode() {
  std::array<std::uint8_t, kCharacters> bytes{};
  // At most 256 bytes come whole or not at all; only a signal in early boot interrupts.
  while (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    PROOFLINE_CHECK(errno == EINTR, "the kernel gives random bytes");
  }
  std::string code;
  // 5 bits of each byte: 16 characters are 80 bits.
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0 && i % 4 == 0) code += '-';
    code += kAlphabet[bytes[i] % kAlphabet.size()];
  }
  return code;
}

std::optional<std::string> NormaliseTypedCode(std::string_view typed) {
  std::string normal;
  for (char c : typed) {
    if (static_cast<unsigned char>(c) >= 0x80) return std::nullopt;
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')) normal += c;
    if (normal.size() > kMost) return std::nullopt;
  }
  if (normal.size() < kFewest) return std::nullopt;
  return normal;
}

}  // namespace proofline::base
