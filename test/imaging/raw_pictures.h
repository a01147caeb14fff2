// Camera RAW files that the tests make themselves.
#pragma once

#include <string>
#include <vips/vips8>

namespace proofline::test {

struct RawSpec {
  // What the sensor sees, lying as the camera held it: 8 bit sRGB, even sides. About a hundredth of
  // it should be white, for a developer takes its brightest part as white.
  vips::VImage scene;
  // The tag, 1 to 8.
  int orientation = 1;
  // A JPEG to put in front of the sensor data; none when empty.
  std::string preview = {};
  // Rows and columns at each side that the camera does not show.
  int margin = 0;
};

// A DNG with an uncompressed 16 bit colour filter array (RGGB), a colour matrix, and a white
// balance without which its colours would be far off.
std::string RawFile(const RawSpec& spec);

// The test scene with a white frame, as RawSpec wants it.
vips::VImage RawScene(int width, int height);

}  // namespace proofline::test
