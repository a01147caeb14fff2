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

constexpr std::size_t kKeyBytes = 32;

template <std::size_t N>
std::array<unsigned char, N> RandomBytes() {
  std::array<unsigned char, N> bytes{};
  PROOFLINE_CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1,
                  "the system gives random bytes");
  return bytes;
}

}  // namespace

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
