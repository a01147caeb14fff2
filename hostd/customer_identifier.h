// What customers type, as the store knows it: a keyed hash.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace proofline::host {

// Turns identifiers into what the store knows them by: HMAC-SHA-256 under a key of this host alone,
// so that a stolen store does not open galleries. Thread-safe.
class IdentifierHasher {
 public:
  // The key is 32 random bytes.
  explicit IdentifierHasher(std::string key) : key_(std::move(key)) {}
  // Reads the key from `file`, or makes both, with mode 0600. DataLoss for a file of another size,
  // and for one that is missing while identifiers have been hashed with it (`in_use`).
  static absl::StatusOr<IdentifierHasher> Load(const std::filesystem::path& file, bool in_use);

  // 32 bytes; of an identifier as base::NormaliseTypedCode spells it.
  std::string Hash(std::string_view normalised) const;

 private:
  std::string key_;
};

// True if both are equal, in a time that depends on the lengths alone.
bool EqualSecrets(std::string_view a, std::string_view b);

}  // namespace proofline::host
