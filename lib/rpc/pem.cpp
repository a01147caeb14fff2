#include "lib/rpc/pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::rpc {
namespace {

constexpr std::uint64_t kMaxPemBytes = 4 << 20;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

std::unique_ptr<BIO, Free> Memory(const std::string& text) {
  return std::unique_ptr<BIO, Free>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::unique_ptr<X509, Free> FirstCertificate(const std::string& text) {
  std::unique_ptr<X509, Free> certificate(
      PEM_read_bio_X509(Memory(text).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return certificate;
}

// Never asks a terminal for a password.
int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

}  // namespace

absl::StatusOr<std::string> ReadCertificates(const std::string& file) {
  absl::StatusOr<std::string> text = base::ReadFile(file, kMaxPemBytes);
  if (!text.ok()) return text.status();
  if (FirstCertificate(*text) == nullptr) {
    return absl::InvalidArgumentError(base::Concat(
        file, " holds no certificate; it must be a PEM file with a BEGIN CERTIFICATE line"));
  }
  return text;
}

absl::StatusOr<Identity> ReadIdentity(const std::string& cert_file, const std::string& key_file) {
  absl::StatusOr<std::string> certificates = ReadCertificates(cert_file);
  if (!certificates.ok()) return certificates.status();
  absl::StatusOr<std::string> key_text = base::ReadFile(key_file, kMaxPemBytes);
  if (!key_text.ok()) return key_text.status();

  const std::unique_ptr<EVP_PKEY, Free> key(
      PEM_read_bio_PrivateKey(Memory(*key_text).get(), nullptr, NoPassword, nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    return absl::InvalidArgumentError(base::Concat(
        key_file,
        " holds no private key that can be read; it must be a PEM file without password"));
  }
  const bool belong = X509_check_private_key(FirstCertificate(*certificates).get(), key.get()) == 1;
  ERR_clear_error();
  if (!belong) {
    return absl::InvalidArgumentError(
        base::Concat("the key in ", key_file, " does not belong to the certificate in ", cert_file,
                     "; give the two that were made together"));
  }
  return Identity{*std::move(certificates), *std::move(key_text)};
}

}  // namespace proofline::rpc
