// What benchmarks are told on the command line.
#pragma once

#include <filesystem>
#include <vector>

namespace proofline::bench {

// The JPEG files (.jpg) in the folders that follow the first argument; where none do, those of the
// cameras in PROOFLINE_TEST_PHOTOS, or else of Debian's mate-backgrounds. By name. Throws
// std::runtime_error if there are none, and what a folder that cannot be read throws.
std::vector<std::filesystem::path> JpegFiles(int argc, char** argv);

}  // namespace proofline::bench
