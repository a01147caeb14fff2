// Resource names as AIP-122 has them: fixed words and identifiers in turn, e.g.
// "studios/demo/orders/7".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/id.h"

namespace proofline::rpc {

// The identifiers of `name` where `pattern` has a star ("studios/*/orders/*"), in order; nothing
// when the name is not of that pattern or an identifier is not valid by base::IsValidId.
inline std::optional<std::vector<std::string>> ParseResourceName(std::string_view pattern,
                                                                 std::string_view name) {
  std::vector<std::string> ids;
  while (true) {
    const std::string_view want = pattern.substr(0, pattern.find('/'));
    const std::string_view have = name.substr(0, name.find('/'));
    if (want == "*") {
      if (!base::IsValidId(have)) return std::nullopt;
      ids.emplace_back(have);
    } else if (want != have) {
      return std::nullopt;
    }
    const bool pattern_ends = want.size() == pattern.size();
    const bool name_ends = have.size() == name.size();
    if (pattern_ends != name_ends) return std::nullopt;
    if (pattern_ends) return ids;
    pattern.remove_prefix(want.size() + 1);
    name.remove_prefix(have.size() + 1);
  }
}

// The name that `pattern` gives with these identifiers in the places of its stars.
inline std::string MakeResourceName(std::string_view pattern,
                                    std::initializer_list<std::string_view> ids) {
  std::string name;
  auto id = ids.begin();
  for (const char c : pattern) {
    if (c == '*' && id != ids.end()) {
      name += *id++;
    } else {
      name += c;
    }
  }
  return name;
}

}  // namespace proofline::rpc
