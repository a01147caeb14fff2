// Keys whose byte order is the order of their parts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace proofline::kv {

// Builds a key from parts: `KeyBuilder().Text("studio").Number(7).Take()`. Two keys built with the
// same kinds of parts compare like the parts compare, one after the other. A key built from fewer
// parts is a prefix of exactly those keys that begin with these parts: no part can spill into the
// next, whatever bytes it holds.
//
// On disk: a text is its bytes with 0x00 written as 0x00 0xFF, then 0x00 0x01; a number is 8 bytes,
// most significant first. Never change this: stores hold it.
class KeyBuilder {
 public:
  KeyBuilder& Text(std::string_view text);
  KeyBuilder& Number(std::uint64_t number);

  const std::string& str() const { return key_; }
  // The key; the builder is empty afterwards.
  std::string Take();

 private:
  std::string key_;
};

// Takes a key apart in the order it was built. After the first part that is not there, every
// further part reads as empty or 0 and ok() is false: read all, then ask. Does not copy the key:
// it must outlive the reader.
class KeyReader {
 public:
  explicit KeyReader(std::string_view key) : rest_(key) {}

  std::string Text();
  std::uint64_t Number();

  // Everything read so far was there.
  bool ok() const { return ok_; }
  bool AtEnd() const { return rest_.empty(); }
  // OK if every part was there and nothing is left over; DataLoss otherwise.
  absl::Status Finish() const;

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// The smallest key greater than every key that begins with `prefix`; empty if there is none (the
// prefix is empty or all 0xFF).
std::string PrefixEnd(std::string_view prefix);

}  // namespace proofline::kv
