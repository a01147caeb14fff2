// ICC profiles that the tests make themselves.
#pragma once

#include <lcms2.h>

#include <string>
#include <vips/vips8>

namespace proofline::test {

struct Primaries {
  cmsCIExyY white;
  cmsCIExyYTRIPLE colours;
  // 0 for sRGB's own curve.
  double gamma;
};
inline const Primaries kSrgb{
    {0.3127, 0.3290, 1}, {{0.64, 0.33, 1}, {0.30, 0.60, 1}, {0.15, 0.06, 1}}, 0};
// sRGB but for its curve.
inline const Primaries kGamma22{
    {0.3127, 0.3290, 1}, {{0.64, 0.33, 1}, {0.30, 0.60, 1}, {0.15, 0.06, 1}}, 2.2};
inline const Primaries kAdobeRgb{
    {0.3127, 0.3290, 1}, {{0.64, 0.33, 1}, {0.21, 0.71, 1}, {0.15, 0.06, 1}}, 2.2};
inline const Primaries kProPhoto{
    {0.3457, 0.3585, 1}, {{0.7347, 0.2653, 1}, {0.1596, 0.8404, 1}, {0.0366, 0.0001, 1}}, 1.8};

struct ProfileForm {
  // Of the curve as a table; 0 for a formula.
  int points = 0;
  double version = 4.3;
  std::string name = {};
};

std::string RgbProfile(const Primaries& primaries, const ProfileForm& form);
std::string GreyProfile(double gamma);
// One that leads from one device to another.
std::string LinkProfile();
// libvips' own: "srgb", "p3", "cmyk".
std::string BuiltInProfile(const char* name);

vips::VImage Tagged(const vips::VImage& picture, const std::string& profile);

}  // namespace proofline::test
