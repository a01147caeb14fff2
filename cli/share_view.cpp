#include "cli/share_view.h"

#include <algorithm>
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
  // Hundreds of chosen photos would bury everything else in a list; --json has them all.
  constexpr int kPhotosNamed = 5;
  for (int i = 0; i < std::min(share.photos_size(), kPhotosNamed); ++i) {
    add("photo " + ShortName(share.photos(i), 1));
  }
  if (share.photos_size() > kPhotosNamed) {
    add(CountText(share.photos_size() - kPhotosNamed, "more photo", "more photos"));
  }
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
