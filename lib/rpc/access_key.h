// Keys that say whom they belong to: names and a secret, joined by dots, e.g.
// "demo.front-desk.SECRET".
//
// The names let the receiver find one record to compare the secret's hash with, instead of
// searching by secret.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/id.h"

namespace proofline::rpc {

struct AccessKey {
  std::vector<std::string> names;  // each a valid resource id, see base::IsValidId
  std::string secret;              // never empty, never holds a dot
};

// The text that goes into a key file and, as bearer token, over the wire.
inline std::string FormatAccessKey(const AccessKey& key) {
  std::string text;
  for (const std::string& name : key.names) text += name + '.';
  return text + key.secret;
}

// Reads a key of exactly `name_count` names; nothing when the text is not one.
inline std::optional<AccessKey> ParseAccessKey(std::string_view text, size_t name_count) {
  AccessKey key;
  for (size_t i = 0; i < name_count; ++i) {
    const size_t dot = text.find('.');
    if (dot == std::string_view::npos || !base::IsValidId(text.substr(0, dot))) return std::nullopt;
    key.names.emplace_back(text.substr(0, dot));
    text.remove_prefix(dot + 1);
  }
  if (text.empty() || text.find('.') != std::string_view::npos) return std::nullopt;
  key.secret = std::string(text);
  return key;
}

}  // namespace proofline::rpc
