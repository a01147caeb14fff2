// Text across the two string views: abseil may be built with a string_view of its own (Debian 12
// does), which neither converts to std::string_view nor back, so that absl::StrCat and its like
// refuse ours. These work with either build.
#pragma once

#include <charconv>
#include <concepts>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace proofline::base {

// The same characters as abseil's view, and as the standard's. Neither owns them.
inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

namespace internal {

inline void AppendPart(std::string& out, std::string_view part) { out.append(part); }

template <std::same_as<std::filesystem::path> T>
void AppendPart(std::string& out, const T& part) {
  out.append(part.native());
}

template <typename T>
requires std::same_as<T, absl::string_view> &&
    (!std::same_as<T, std::string_view>)void AppendPart(std::string& out, T part) {
  out.append(part.data(), part.size());
}

template <std::integral T>
requires(!std::same_as<T, bool> && !std::same_as<T, char>) void AppendPart(std::string& out,
                                                                           T part) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof(digits), part).ptr);
}

}  // namespace internal

// The parts one after the other: text of any kind, paths, and whole numbers in decimal.
template <typename... Parts>
std::string Concat(const Parts&... parts) {
  std::string out;
  (internal::AppendPart(out, parts), ...);
  return out;
}

}  // namespace proofline::base
