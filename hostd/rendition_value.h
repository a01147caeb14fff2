// How the store lays out the content of a rendition.
//
//   1 byte    0: the body is the whole file; 32: a header's digest follows
//   0 or 32   SHA-256 of the JPEG header, which the studio holds once for all its renditions
//   32        SHA-256 of the whole file
//   rest      the file without its header
//
// A wrong byte in the body is not noticed here: whoever must be sure compares the file's digest.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/digest.h"

namespace proofline::host {

// Views into the value.
struct RenditionValue {
  std::optional<base::Digest> header_digest;
  base::Digest digest;
  std::string_view body;
};

inline std::string MakeRenditionValue(const RenditionValue& parts) {
  std::string value;
  value.reserve(1 + 2 * base::Digest::kSize + parts.body.size());
  if (parts.header_digest.has_value()) {
    value += static_cast<char>(base::Digest::kSize);
    value += parts.header_digest->bytes();
  } else {
    value += '\0';
  }
  value += parts.digest.bytes();
  value += parts.body;
  return value;
}

inline absl::StatusOr<RenditionValue> ReadRenditionValue(std::string_view value) {
  const absl::Status broken =
      absl::DataLossError("the store holds a rendition that cannot be read; restore a backup");
  if (value.empty()) return broken;
  const std::size_t header_bytes = static_cast<unsigned char>(value.front());
  value.remove_prefix(1);
  if (header_bytes != 0 && header_bytes != base::Digest::kSize) return broken;
  if (value.size() < header_bytes + base::Digest::kSize) return broken;
  RenditionValue parts;
  if (header_bytes != 0) {
    const auto digest = base::Digest::FromBytes(value.substr(0, header_bytes));
    if (!digest.ok()) return broken;
    parts.header_digest = *digest;
    value.remove_prefix(header_bytes);
  }
  const auto digest = base::Digest::FromBytes(value.substr(0, base::Digest::kSize));
  if (!digest.ok()) return broken;
  parts.digest = *digest;
  parts.body = value.substr(base::Digest::kSize);
  return parts;
}

}  // namespace proofline::host
