#include "cli/names.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"
#include "cli/exit_code.h"
#include "cli/text.h"
#include "lib/base/id.h"
#include "lib/base/text.h"
#include "lib/rpc/resource_name.h"

namespace proofline::cli {
namespace {

using base::Concat;

std::vector<std::string> Parts(std::string_view text) {
  return absl::StrSplit(base::ToAbsl(text), '/');
}

// The first `ids.size()` stars of the pattern replaced.
std::string Fill(std::string_view pattern, const std::vector<std::string>& ids) {
  std::string name;
  std::size_t next = 0;
  for (const char c : pattern) {
    if (c == '*' && next < ids.size()) {
      name += ids[next++];
    } else {
      name += c;
    }
  }
  return name;
}

// "studios/*/orders/*" as a person reads it: "studios/STUDIO/orders/ORDER".
std::string Placeholders(std::string_view pattern) {
  std::string text;
  std::string word;
  for (const std::string& part : Parts(pattern)) {
    text += text.empty() ? "" : "/";
    if (part == "*") {
      if (word.ends_with("ies")) word.replace(word.size() - 3, 3, "y");
      if (word.ends_with('s')) word.pop_back();
      for (const char c : word) text += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    } else {
      text += part;
      word = part;
    }
  }
  return text;
}

}  // namespace

std::optional<std::string> ExpandName(std::string_view pattern, std::string_view text,
                                      const std::vector<std::string>& known) {
  const std::vector<std::string> wanted = Parts(pattern);
  const std::size_t stars = wanted.size() / 2;
  const std::vector<std::string> given = Parts(text);
  std::string_view ending = pattern;
  for (std::size_t missing = 0; missing < stars && missing <= known.size(); ++missing) {
    std::optional<std::vector<std::string>> ids = rpc::ParseResourceName(ending, text);
    if (!ids && given.size() == stars - missing) {
      // A fixed word where an identifier belongs is a name that was cut short.
      bool valid = true;
      for (const std::string& id : given) {
        valid = valid && base::IsValidId(id) &&
                (given.size() == 1 || std::find(wanted.begin(), wanted.end(), id) == wanted.end());
      }
      if (valid) ids = given;
    }
    if (ids) {
      ids->insert(ids->begin(), known.begin(),
                  known.begin() + static_cast<std::ptrdiff_t>(missing));
      return Fill(pattern, *ids);
    }
    // Two parts less: "studios/*/" goes.
    ending.remove_prefix(ending.find('*') + 1);
    if (!ending.empty()) ending.remove_prefix(1);
  }
  return std::nullopt;
}

absl::StatusOr<std::string> RequireName(std::string_view pattern, std::string_view text,
                                        std::string_view what,
                                        const std::vector<std::string>& known) {
  if (auto name = ExpandName(pattern, text, known)) return *name;
  const std::string full = Placeholders(pattern);
  const std::string ids = ShortName(full, std::min(known.size(), Parts(pattern).size() / 2 - 1));
  return UsageError(Concat("\"", text, "\" does not name ", what, "; write ", ids, " or ", full));
}

std::string StudioOf(std::string_view name) {
  const std::vector<std::string> parts = Parts(name);
  return parts.size() >= 2 && parts[0] == "studios" ? parts[1] : "";
}

absl::StatusOr<std::string> PickByEnding(const std::vector<std::string>& names,
                                         std::string_view text, std::string_view what) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const std::string ids = ShortName(name, 0);
    for (const std::string& form : {name, ids}) {
      if (form == text || form.ends_with(Concat("/", text))) {
        found.push_back(name);
        break;
      }
    }
  }
  if (found.empty()) return absl::NotFoundError(Concat("no ", what, " is called \"", text, "\""));
  if (found.size() > 1) {
    return UsageError(Concat("\"", text, "\" means more than one ", what, "; write one of ",
                             found[0], ", ", found[1], found.size() > 2 ? ", …" : ""));
  }
  return found.front();
}

}  // namespace proofline::cli
