#include "labd/studio_access.h"

#include <openssl/crypto.h>

#include <optional>

#include "lib/base/text.h"
#include "lib/rpc/access_key.h"
#include "lib/rpc/bearer.h"
#include "lib/rpc/status.h"

namespace proofline::lab {

absl::Status StudioAccess::Add(std::string_view studio, std::string_view key) {
  const std::optional<rpc::AccessKey> parsed = rpc::ParseAccessKey(key, 1);
  if (!parsed.has_value() || parsed->names.front() != studio) {
    return absl::InvalidArgumentError(
        base::Concat("the key file of studio \"", studio, "\" does not hold a key of the form ",
                     studio, ".SECRET; make it with `proofline lab studio-key ", studio, "`"));
  }
  if (!keys_.emplace(studio, base::Sha256Of(key)).second) {
    return absl::AlreadyExistsError(
        base::Concat("studio \"", studio, "\" stands in the configuration twice; remove one"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> StudioAccess::Authenticate(
    const grpc::ServerContextBase& context) const {
  absl::StatusOr<std::string> token = rpc::BearerToken(context);
  if (!token.ok()) return token;
  const std::optional<rpc::AccessKey> key = rpc::ParseAccessKey(*token, 1);
  const base::Digest given = base::Sha256Of(*token);
  // An unknown studio is compared as well, so that it takes as long as a wrong key.
  base::Digest expected;
  const auto known = key.has_value() ? keys_.find(key->names.front()) : keys_.end();
  if (known != keys_.end()) expected = known->second;
  const bool equal =
      CRYPTO_memcmp(given.value.data(), expected.value.data(), base::Digest::kSize) == 0;
  if (known == keys_.end() || !equal) {
    return rpc::Error(absl::StatusCode::kUnauthenticated,
                      "the lab does not know this studio's key; ask the lab for a new one",
                      "CREDENTIAL_INVALID");
  }
  return known->first;
}

}  // namespace proofline::lab
