// The JPEGs this project writes.
#pragma once

#include <string>
#include <vips/vips8>

namespace proofline::imaging {

struct JpegOptions {
  int quality = 0;
  // 4:2:0 instead of 4:4:4.
  bool subsample = true;
  // 0: no density, only the shape of pixels (square).
  int pixels_per_inch = 0;
};

// Baseline, standard Huffman tables, a JFIF header, and nothing else but the picture: no metadata,
// no profile. `srgb` has three bands of 8 bits. Throws vips::VError.
std::string EncodeJpeg(const vips::VImage& srgb, const JpegOptions& options);

}  // namespace proofline::imaging
