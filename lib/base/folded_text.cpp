#include "lib/base/folded_text.h"

#include <cstdint>

#include "absl/strings/ascii.h"

namespace proofline::base {
namespace {

// U+00C0 to U+00FF in lower case without their accents; '*' where there is no such letter.
constexpr std::string_view kWestern =
    "aaaaaa*ceeeeiiii*nooooo*ouuuuy**"
    "aaaaaa*ceeeeiiii*nooooo*ouuuuy*y";

}  // namespace

std::string FoldedText(std::string_view text) {
  std::string folded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<std::uint8_t>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<std::uint8_t>(text[i + 1]) : 0U;
    if (lead == 0xC3 && next >= 0x80 && next <= 0xBF && kWestern[next - 0x80U] != '*') {
      folded += kWestern[next - 0x80U];
      ++i;
    } else if ((lead == 0xCC && next >= 0x80) || (lead == 0xCD && next >= 0x80 && next <= 0xAF)) {
      ++i;  // an accent of its own
    } else {
      folded += absl::ascii_tolower(lead);
    }
  }
  return folded;
}

}  // namespace proofline::base
