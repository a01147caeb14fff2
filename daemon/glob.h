// Patterns for names and paths, as people write them in the configuration.
#pragma once

#include <string_view>

namespace proofline::studio {

// True if the whole text matches. `?` is any byte but a slash, `*` any number of them, `**` any
// number of any bytes (`**/` also none at all), `[a-z]` one byte of a set, `[!a-z]` one that is not
// in it; a backslash takes the next byte as it is. Letters A to Z match in either case. Text is
// bytes.
bool MatchesGlob(std::string_view pattern, std::string_view text);

}  // namespace proofline::studio
