// JPEGs of kinds that libvips does not write.
#pragma once

#include <string>
#include <vips/vips8>

namespace proofline::test {

struct JpegKind {
  // Luma samples for each chroma sample, across and down: 1 or 2 for what cameras write.
  int across = 2;
  int down = 2;
  int quality = 95;
  // Units between restart markers; 0 for none.
  int restart_interval = 0;
  bool progressive = false;
  bool arithmetic = false;
  // Red, green and blue as they are.
  bool rgb = false;
  // One component, from the first band.
  bool grey = false;
};

// `picture` has three bands of 8 bits; a profile it carries is embedded.
std::string JpegOf(const vips::VImage& picture, const JpegKind& kind);

}  // namespace proofline::test
