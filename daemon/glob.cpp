#include "daemon/glob.h"

#include <optional>

#include "absl/strings/ascii.h"

namespace proofline::studio {
namespace {

unsigned char Lower(char byte) {
  return static_cast<unsigned char>(absl::ascii_tolower(static_cast<unsigned char>(byte)));
}

// Matches one byte against the set that begins behind its bracket; `rest` becomes what follows the
// set. Nothing if the set is not closed: the bracket is a byte like others then.
std::optional<bool> MatchesSet(std::string_view set, char byte, std::string_view& rest) {
  std::size_t at = 0;
  const bool negated = !set.empty() && (set[0] == '!' || set[0] == '^');
  if (negated) ++at;
  bool found = false;
  for (std::size_t first = at; at < set.size(); ++at) {
    if (set[at] == ']' && at > first) {
      rest = set.substr(at + 1);
      return found != negated && byte != '/';
    }
    const unsigned char low = Lower(set[at]);
    unsigned char high = low;
    if (at + 2 < set.size() && set[at + 1] == '-' && set[at + 2] != ']') {
      high = Lower(set[at + 2]);
      at += 2;
    }
    found = found || (low <= Lower(byte) && Lower(byte) <= high);
  }
  return std::nullopt;
}

}  // namespace

bool MatchesGlob(std::string_view pattern, std::string_view text) {
  // The last star, to go back to: what follows it, and where in the text it ends so far. A `**` is
  // kept apart, because a `*` behind it cannot do what it can.
  struct Star {
    bool met = false;
    std::string_view pattern;
    std::string_view text;
  };
  Star star;
  Star deep;
  const auto retry = [&] {
    if (star.met && !star.text.empty() && star.text.front() != '/') {
      star.text.remove_prefix(1);
      pattern = star.pattern;
      text = star.text;
      return true;
    }
    star.met = false;
    if (!deep.met || deep.text.empty()) return false;
    deep.text.remove_prefix(1);
    pattern = deep.pattern;
    text = deep.text;
    return true;
  };
  while (true) {
    if (pattern.starts_with("**")) {
      pattern.remove_prefix(2);
      // `**/` is also nothing: what follows may begin right here.
      if (pattern.starts_with('/') && MatchesGlob(pattern.substr(1), text)) return true;
      deep = {true, pattern, text};
      star.met = false;
      continue;
    }
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      star = {true, pattern, text};
      continue;
    }
    if (pattern.empty() && text.empty()) return true;
    bool matches = false;
    if (!pattern.empty() && !text.empty()) {
      std::string_view rest = pattern.substr(1);
      std::optional<bool> in_set;
      if (pattern.front() == '[') in_set = MatchesSet(rest, text.front(), rest);
      if (in_set.has_value()) {
        matches = *in_set;
      } else if (pattern.front() == '?') {
        matches = text.front() != '/';
      } else {
        const bool escaped = pattern.front() == '\\' && !rest.empty();
        matches = Lower(escaped ? rest.front() : pattern.front()) == Lower(text.front());
        if (escaped) rest.remove_prefix(1);
      }
      pattern = rest;
      text.remove_prefix(1);
    }
    if (!matches && !retry()) return false;
  }
}

}  // namespace proofline::studio
