#include "test/rpc/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "test/catch.h"

namespace proofline::rpc {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;

void Extend(X509* certificate, X509* issuer, int what, const char* value) {
  X509V3_CTX context = {};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free> extension(
      X509V3_EXT_conf_nid(nullptr, &context, what, value));
  REQUIRE(extension != nullptr);
  REQUIRE(X509_add_ext(certificate, extension.get(), -1) == 1);
}

// Signed by `issuer`, or by itself.
Certificate Make(const std::string& name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  static int serial = 0;
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509* by = issuer != nullptr ? issuer : certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(by));
  if (issuer == nullptr) {
    Extend(certificate.get(), by, NID_basic_constraints, "critical,CA:TRUE");
  } else {
    Extend(certificate.get(), by, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  }
  REQUIRE(X509_sign(certificate.get(), issuer_key, EVP_sha256()) > 0);
  return certificate;
}

void WriteCertificate(const std::string& file, X509* certificate) {
  const std::unique_ptr<BIO, Free> bio(BIO_new_file(file.c_str(), "w"));
  REQUIRE(bio != nullptr);
  REQUIRE(PEM_write_bio_X509(bio.get(), certificate) == 1);
}

void WriteKey(const std::string& file, EVP_PKEY* key) {
  const std::unique_ptr<BIO, Free> bio(BIO_new_file(file.c_str(), "w"));
  REQUIRE(bio != nullptr);
  REQUIRE(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
}

Key NewKey() { return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")); }

}  // namespace

struct Certificates::Authority {
  Key key;
  Certificate certificate;
};

Certificates::Certificates(std::filesystem::path folder)
    : folder_(std::move(folder)), authority_(std::make_unique<Authority>()) {
  std::filesystem::create_directories(folder_);
  authority_->key = NewKey();
  authority_->certificate = Make("authority of " + folder_.filename().string(),
                                 authority_->key.get(), nullptr, authority_->key.get());
  WriteCertificate(ca_file(), authority_->certificate.get());
}

Certificates::~Certificates() = default;

void Certificates::Sign(const std::string& name) {
  const Key key = NewKey();
  const Certificate certificate =
      Make(name, key.get(), authority_->certificate.get(), authority_->key.get());
  WriteCertificate(cert_file(name), certificate.get());
  WriteKey(key_file(name), key.get());
}

}  // namespace proofline::rpc
