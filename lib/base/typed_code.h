// Codes that people read from paper and type.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace proofline::base {

// 80 random bits from the operating system as 16 characters of Crockford's base 32 in groups of
// four: "7K3M-09QX-T4ZD-5WPA". Nobody guesses one, and two are never alike.
std::string NewTypedCode();

// The one spelling of everything that counts as the same code: capitals, no hyphens, spaces and
// other signs, 0 for O, 1 for I and L. Nothing if it has fewer than 8 or more than 64 letters and
// digits, or letters outside ASCII.
std::optional<std::string> NormaliseTypedCode(std::string_view typed);

}  // namespace proofline::base
