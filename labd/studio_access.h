// Which studio a call comes from.
#pragma once

#include <grpcpp/server_context.h>

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/digest.h"

namespace proofline::lab {

// The studios that may bring jobs, and the hashes of their keys. Filled before it is used, then
// read by any number of threads.
class StudioAccess {
 public:
  // `key`: the access key as the studio has it, "STUDIO.SECRET". InvalidArgument if it is none, or
  // another studio's; AlreadyExists for a studio that is there.
  absl::Status Add(std::string_view studio, std::string_view key);

  // The studio of the call's credential. Unauthenticated with the same sentence whatever is wrong
  // with it.
  absl::StatusOr<std::string> Authenticate(const grpc::ServerContextBase& context) const;

 private:
  std::map<std::string, base::Digest, std::less<>> keys_;
};

}  // namespace proofline::lab
