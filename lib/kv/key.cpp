#include "lib/kv/key.h"

#include <utility>

namespace proofline::kv {
namespace {

constexpr char kZero = '\x00';
constexpr char kEscapedZero = '\xFF';
constexpr char kEnd = '\x01';
constexpr std::size_t kNumberSize = 8;

}  // namespace

KeyBuilder& KeyBuilder::Text(std::string_view text) {
  key_.reserve(key_.size() + text.size() + 2);
  for (const char c : text) {
    key_.push_back(c);
    if (c == kZero) key_.push_back(kEscapedZero);
  }
  key_.push_back(kZero);
  key_.push_back(kEnd);
  return *this;
}

KeyBuilder& KeyBuilder::Number(std::uint64_t number) {
  for (std::size_t i = kNumberSize; i-- > 0;) {
    key_.push_back(static_cast<char>((number >> (8 * i)) & 0xFF));
  }
  return *this;
}

std::string KeyBuilder::Take() { return std::exchange(key_, {}); }

std::string KeyReader::Text() {
  std::string text;
  while (ok_) {
    const std::size_t zero = rest_.find(kZero);
    if (zero == std::string_view::npos || zero + 1 >= rest_.size()) break;
    text.append(rest_.substr(0, zero));
    const char mark = rest_[zero + 1];
    rest_.remove_prefix(zero + 2);
    if (mark == kEnd) return text;
    if (mark != kEscapedZero) break;
    text.push_back(kZero);
  }
  ok_ = false;
  return {};
}

std::uint64_t KeyReader::Number() {
  ok_ = ok_ && rest_.size() >= kNumberSize;
  if (!ok_) return 0;
  std::uint64_t number = 0;
  for (const char c : rest_.substr(0, kNumberSize)) {
    number = number << 8 | static_cast<std::uint8_t>(c);
  }
  rest_.remove_prefix(kNumberSize);
  return number;
}

absl::Status KeyReader::Finish() const {
  if (ok_ && rest_.empty()) return absl::OkStatus();
  return absl::DataLossError(
      "a key of the store cannot be read; it was not written by this program");
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xFF') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<std::uint8_t>(end.back()) + 1);
  return end;
}

}  // namespace proofline::kv
