#include "hostd/customer_identifier.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <cstdint>

#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::host {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kCharacters = 16;
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kFewest = 8;
constexpr std::size_t kMost = 64;

template <std::size_t N>
std::array<unsigned char, N> RandomBytes() {
  std::array<unsigned char, N> bytes{};
  PROOFLINE_CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1,
                  "the system gives random bytes");
  return bytes;
}

}  // namespace

std::string NewCustomerIdentifier() {
  // 5 bits of each byte: 16 characters are 80 bits.
  const auto bytes = RandomBytes<kCharacters>();
  std::string identifier;
  for (std::size_t i = 0; i < kCharacters; ++i) {
    if (i > 0 && i % 4 == 0) identifier += '-';
    identifier += kAlphabet[bytes[i] % kAlphabet.size()];
  }
  return identifier;
}

std::optional<std::string> NormaliseIdentifier(std::string_view typed) {
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

absl::StatusOr<IdentifierHasher> IdentifierHasher::Load(const std::filesystem::path& file,
                                                        bool in_use) {
  absl::StatusOr<std::string> key = base::ReadFile(file, kKeyBytes);
  if (absl::IsNotFound(key.status()) && !in_use) {
    const auto bytes = RandomBytes<kKeyBytes>();
    std::string made(bytes.begin(), bytes.end());
    if (absl::Status written = base::WriteFileDurably(file, made, 0600); !written.ok()) {
      return written;
    }
    return IdentifierHasher(std::move(made));
  }
  if (key.ok() && key->size() == kKeyBytes) return IdentifierHasher(*std::move(key));
  if (!key.ok() && !absl::IsResourceExhausted(key.status()) && !absl::IsNotFound(key.status())) {
    return key.status();
  }
  return absl::DataLossError(base::Concat(
      "the key file ", file.string(),
      " is missing or damaged; without it no customer can sign in: restore it from a backup"));
}

std::string IdentifierHasher::Hash(std::string_view normalised) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  const unsigned char* made = HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
                                   reinterpret_cast<const unsigned char*>(normalised.data()),
                                   normalised.size(), hash.data(), &size);
  PROOFLINE_CHECK(made != nullptr, "HMAC-SHA-256 can be computed");
  return std::string(reinterpret_cast<const char*>(hash.data()), size);
}

bool EqualSecrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace proofline::host
