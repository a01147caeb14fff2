// JPEGs written from planes.
#pragma once

#include <array>
#include <string>

#include "lib/imaging/plane.h"

namespace proofline::imaging {

// The same form as EncodeJpeg gives with subsampling: equal sizes and qualities get equal headers.
// `planes` are luma and the two chromas of 4:2:0 (half of luma's size, rounded up), which get their
// edges extended. Empty if the encoder refuses, which it does for sizes of no JPEG. Throws
// std::bad_alloc.
std::string EncodePlanes(std::array<Plane, 3>& planes, int quality);

}  // namespace proofline::imaging
