#include "cli/share_view.h"

#include <utility>
#include <vector>

#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {

using base::Concat;

std::string ShareText(const v1::Share& share) {
  std::string text;
  const auto add = [&](const std::string& part) { text += Concat(text.empty() ? "" : ", ", part); };
  for (const std::string& gallery : share.galleries()) add("gallery " + LastId(gallery));
  for (const std::string& photo : share.photos()) add("photo " + ShortName(photo, 1));
  // One value in many galleries is told once.
  std::vector<std::pair<std::string, std::vector<std::string>>> values;
  for (const v1::MetadataMatch& match : share.matches()) {
    const std::string value = Concat(match.field(), "=", match.value());
    if (values.empty() || values.back().first != value) values.push_back({value, {}});
    if (!match.gallery().empty()) values.back().second.push_back(LastId(match.gallery()));
  }
  for (const auto& [value, galleries] : values) {
    add(galleries.empty()       ? value
        : galleries.size() == 1 ? Concat(value, " in ", galleries.front())
                                : Concat(value, " in ", galleries.size(), " galleries"));
  }
  return text;
}

}  // namespace proofline::cli
