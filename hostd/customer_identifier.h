// What customers type: making identifiers, forgiving how they are typed, and hashing them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace proofline::host {

// 80 random bits as 16 characters of Crockford's base 32 in groups of four: "7K3M-09QX-T4ZD-5WPA".
std::string NewCustomerIdentifier();

// The one spelling of everything that counts as the same identifier: capitals, no hyphens, spaces
// and other signs, 0 for O, 1 for I and L. Nothing if it has fewer than 8 or more than 64 letters
// and digits, or letters outside ASCII.
std::optional<std::string> NormaliseIdentifier(std::string_view typed);

// Turns identifiers into what the store knows them by: HMAC-SHA-256 under a key of this host alone,
// so that a stolen store does not open galleries. Thread-safe.
class IdentifierHasher {
 public:
  // The key is 32 random bytes.
  explicit IdentifierHasher(std::string key) : key_(std::move(key)) {}
  // Reads the key from `file`, or makes both, with mode 0600. DataLoss for a file of another size,
  // and for one that is missing while identifiers have been hashed with it (`in_use`).
  static absl::StatusOr<IdentifierHasher> Load(const std::filesystem::path& file, bool in_use);

  // 32 bytes; of a normalised identifier.
  std::string Hash(std::string_view normalised) const;

 private:
  std::string key_;
};

// True if both are equal, in a time that depends on the lengths alone.
bool EqualSecrets(std::string_view a, std::string_view b);

}  // namespace proofline::host
