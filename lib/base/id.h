// Identifiers: new ones, readable ones made from names, and the rule all of them obey.
// Everything here may be called from any thread and never blocks for long.
#pragma once

#include <string>
#include <string_view>

namespace proofline::base {

// Longest resource id, in characters.
inline constexpr std::size_t kMaxIdLength = 63;

// A new unique id: 26 characters of lower-case Crockford base32, the first 10 of which are the
// milliseconds since 1970 (so ids sort by creation time between milliseconds), the other 16 are
// 80 random bits. It is a valid resource id.
std::string NewId();

// True if `id` may be the last segment of a resource name: 1 to 63 characters of [a-z0-9-], the
// first and the last alphanumeric.
bool IsValidId(std::string_view id);

// 256 random bits from the operating system as 43 characters of base64url without padding.
std::string NewSecret();

// A readable resource id for any text or bytes (a folder's name, say): the ASCII letters and
// digits of `text` in lower case, accents of western letters dropped, everything else a single
// '-', cut to fit, then '-' and the first 8 hex digits of the SHA-256 of the exact text. Equal
// texts give equal ids; texts that differ in any byte give, for practical purposes, different ids.
std::string Slug(std::string_view text);

}  // namespace proofline::base
