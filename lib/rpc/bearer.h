// The credential that a call carries.
#pragma once

#include <grpcpp/server_context.h>

#include <string>

#include "absl/status/statusor.h"

namespace proofline::rpc {

// The token of the call's `authorization: Bearer TOKEN`. Unauthenticated with reason
// CREDENTIAL_MISSING if there is none, more than one, another scheme, or one longer than 1024
// bytes. The token is never part of the sentence. Never blocks.
absl::StatusOr<std::string> BearerToken(const grpc::ServerContextBase& context);

// The certificate's common name of a client that came with a verified certificate; empty
// otherwise.
std::string ClientCertificateName(const grpc::ServerContextBase& context);

}  // namespace proofline::rpc
