// What is wrong with a JPEG that a decoder has complained of.
#pragma once

#include <cstdint>
#include <string_view>

namespace proofline::imaging {

enum class JpegDamage : std::uint8_t {
  kNone,  // whatever was said of it costs nothing that would be seen
  kCutShort,
  kBroken,
};

// Decodes all of it, at the least size. For JPEGs of every kind.
JpegDamage DamageOf(std::string_view jpeg);

}  // namespace proofline::imaging
