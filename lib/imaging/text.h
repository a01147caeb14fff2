// Text from files of any origin, made fit for messages, logs and screens.
#pragma once

#include <string>
#include <string_view>

namespace proofline::imaging {

// Valid UTF-8 of at most `max_bytes`, cut between characters. What is not UTF-8 is taken as Windows
// 1252, as cameras and old editors write. Ends at the first NUL; control characters other than
// newline and tab are dropped, white space at both ends too.
std::string CleanText(std::string_view bytes, std::size_t max_bytes);

// The same on one line: every run of white space becomes one space.
std::string CleanLine(std::string_view bytes, std::size_t max_bytes);

bool IsValidUtf8(std::string_view bytes);

}  // namespace proofline::imaging
