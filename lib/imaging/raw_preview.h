// The pictures that cameras put into their RAW files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace proofline::imaging {

// The JPEGs inside a RAW file that Exiv2 finds, smallest first; empty if there are none, or if the
// file is broken. Their own headers are not checked.
std::vector<std::string> EmbeddedJpegs(std::string_view raw_file);

}  // namespace proofline::imaging
