// HEIF and AVIF files that name their colours by number instead of with a profile.
#pragma once

#include <string>
#include <string_view>

namespace proofline::imaging {

// An ICC profile of the colours that `file`'s picture names (primaries and transfer of ITU-T H.273,
// as phones and HDR modes of cameras write them): Display P3, BT.2020, and PQ or HLG light, whose
// highlights roll off into what paper and screens can show. Empty if the file has a profile of its
// own, names nothing, names sRGB or BT.709 (which decoders show alike), or cannot be read.
std::string NamedColourProfile(std::string_view file);

}  // namespace proofline::imaging
