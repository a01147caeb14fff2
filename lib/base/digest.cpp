#include "lib/base/digest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::base {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string Digest::hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * kSize);
  for (const std::uint8_t byte : value) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

absl::StatusOr<Digest> Digest::FromHex(std::string_view text) {
  Digest digest;
  bool good = text.size() == 2 * kSize;
  for (std::size_t i = 0; good && i < kSize; ++i) {
    const int high = HexValue(text[2 * i]);
    const int low = HexValue(text[2 * i + 1]);
    good = high >= 0 && low >= 0;
    if (good) digest.value[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  if (!good) return absl::InvalidArgumentError("a SHA-256 digest is 64 hexadecimal digits");
  return digest;
}

absl::StatusOr<Digest> Digest::FromBytes(std::string_view bytes) {
  if (bytes.size() != kSize) {
    return absl::InvalidArgumentError(Concat("a SHA-256 digest is 32 bytes, not ", bytes.size()));
  }
  Digest digest;
  std::memcpy(digest.value.data(), bytes.data(), kSize);
  return digest;
}

struct Sha256::Context {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> evp{EVP_MD_CTX_new()};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  PROOFLINE_CHECK(context_->evp != nullptr &&
                      EVP_DigestInit_ex(context_->evp.get(), EVP_sha256(), nullptr) == 1,
                  "OpenSSL has SHA-256");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::string_view bytes) {
  PROOFLINE_CHECK(context_ != nullptr, "a finished digest takes no more bytes");
  PROOFLINE_CHECK(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()) == 1,
                  "SHA-256 takes any bytes");
}

void Sha256::Update(std::span<const std::uint8_t> bytes) {
  Update(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Digest Sha256::Finish() {
  PROOFLINE_CHECK(context_ != nullptr, "a digest is finished once");
  Digest digest;
  PROOFLINE_CHECK(EVP_DigestFinal_ex(context_->evp.get(), digest.value.data(), nullptr) == 1,
                  "SHA-256 finishes");
  context_.reset();
  return digest;
}

Digest Sha256Of(std::string_view bytes) {
  Sha256 sha;
  sha.Update(bytes);
  return sha.Finish();
}

absl::StatusOr<Digest> Sha256OfFile(const std::filesystem::path& path, std::stop_token stop) {
  absl::StatusOr<UniqueFd> fd = OpenForReading(path);
  if (!fd.ok()) return fd.status();
  ::posix_fadvise(fd->get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  std::vector<char> buffer(std::size_t{1} << 20);
  Sha256 sha;
  while (true) {
    if (stop.stop_requested()) {
      return absl::CancelledError(Concat("stopped while reading ", path.string()));
    }
    const ssize_t got = ::read(fd->get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, Concat("cannot read ", path.string()));
    if (got == 0) return sha.Finish();
    sha.Update(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
  }
}

}  // namespace proofline::base
