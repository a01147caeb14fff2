// SHA-256: the identity of every sequence of bytes the line moves.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace proofline::base {

// A SHA-256 value. A default one is all zeros, which no known bytes have.
struct Digest {
  static constexpr std::size_t kSize = 32;

  std::array<std::uint8_t, kSize> value{};

  // 64 lower-case hex digits.
  std::string hex() const;
  // The 32 raw bytes; valid as long as this digest.
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(value.data()), value.size()};
  }
  bool is_zero() const { return *this == Digest{}; }

  // Parses 64 hex digits of either case; InvalidArgument otherwise.
  static absl::StatusOr<Digest> FromHex(std::string_view text);
  // Takes exactly 32 raw bytes; InvalidArgument otherwise.
  static absl::StatusOr<Digest> FromBytes(std::string_view bytes);

  friend bool operator==(const Digest&, const Digest&) = default;
  friend std::strong_ordering operator<=>(const Digest&, const Digest&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const Digest& digest) {
    return H::combine(std::move(h), digest.value);
  }
};

// SHA-256 of bytes that come in pieces. Not thread-safe; movable; one digest per object.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(std::string_view bytes);
  void Update(std::span<const std::uint8_t> bytes);
  // The digest of everything given so far. Call it once; no Update afterwards.
  Digest Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

Digest Sha256Of(std::string_view bytes);

// Digest of a whole file, read in pieces of 1 MiB: blocks for as long as the disk takes, and ends
// with Cancelled soon after `stop` is requested. Errors of opening and reading name the file.
absl::StatusOr<Digest> Sha256OfFile(const std::filesystem::path& path, std::stop_token stop = {});

}  // namespace proofline::base

template <>
struct std::hash<proofline::base::Digest> {
  std::size_t operator()(const proofline::base::Digest& digest) const noexcept {
    // The bytes are already evenly spread; the first eight do.
    std::size_t result = 0;
    std::memcpy(&result, digest.value.data(), sizeof(result));
    return result;
  }
};
