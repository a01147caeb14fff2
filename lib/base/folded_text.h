// Names of files and folders as people compare them.
#pragma once

#include <string>
#include <string_view>

namespace proofline::base {

// ASCII and western letters in lower case without their accents, whether an accent is part of its
// letter or stands behind it, as in names from macOS. All other bytes stay as they are.
std::string FoldedText(std::string_view text);

}  // namespace proofline::base
