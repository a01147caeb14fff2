// Certificates and keys in PEM files, checked before gRPC gets them: it only says that something
// did not work.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace proofline::rpc {

// The file's text, which holds at least one certificate; InvalidArgument names the file otherwise.
// Errors of reading as base::ReadFile.
absl::StatusOr<std::string> ReadCertificates(const std::string& file);

// A certificate (chain) and its private key.
struct Identity {
  std::string certificates;
  std::string key;
};

// InvalidArgument if a file holds no PEM or the key is not the first certificate's.
absl::StatusOr<Identity> ReadIdentity(const std::string& cert_file, const std::string& key_file);

}  // namespace proofline::rpc
