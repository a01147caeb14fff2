#include "test/imaging/profiles.h"

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include "test/imaging/test_pictures.h"

namespace proofline::test {
namespace {

std::string Saved(cmsHPROFILE profile) {
  cmsUInt32Number size = 0;
  if (!cmsSaveProfileToMem(profile, nullptr, &size)) throw std::runtime_error("no profile");
  std::string bytes(size, '\0');
  if (!cmsSaveProfileToMem(profile, bytes.data(), &size)) throw std::runtime_error("no profile");
  cmsCloseProfile(profile);
  return bytes;
}

cmsToneCurve* CurveOf(double gamma, int points) {
  const double srgb[] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
  cmsToneCurve* formula =
      gamma > 0 ? cmsBuildGamma(nullptr, gamma) : cmsBuildParametricToneCurve(nullptr, 4, srgb);
  if (points == 0) return formula;
  std::vector<std::uint16_t> table;
  for (int i = 0; i < points; ++i) {
    const float at = static_cast<float>(i) / static_cast<float>(points - 1);
    table.push_back(static_cast<std::uint16_t>(cmsEvalToneCurveFloat(formula, at) * 65535 + 0.5F));
  }
  cmsFreeToneCurve(formula);
  return cmsBuildTabulatedToneCurve16(nullptr, static_cast<cmsUInt32Number>(points), table.data());
}

}  // namespace

std::string RgbProfile(const Primaries& primaries, const ProfileForm& form) {
  cmsToneCurve* curve = CurveOf(primaries.gamma, form.points);
  cmsToneCurve* curves[] = {curve, curve, curve};
  cmsHPROFILE profile = cmsCreateRGBProfile(&primaries.white, &primaries.colours, curves);
  cmsFreeToneCurve(curve);
  cmsSetProfileVersion(profile, form.version);
  if (!form.name.empty()) {
    cmsMLU* name = cmsMLUalloc(nullptr, 1);
    cmsMLUsetASCII(name, "en", "US", form.name.c_str());
    cmsWriteTag(profile, cmsSigProfileDescriptionTag, name);
    cmsMLUfree(name);
  }
  return Saved(profile);
}

std::string GreyProfile(double gamma) {
  cmsToneCurve* curve = cmsBuildGamma(nullptr, gamma);
  const std::string bytes = Saved(cmsCreateGrayProfile(cmsD50_xyY(), curve));
  cmsFreeToneCurve(curve);
  return bytes;
}

std::string LinkProfile() { return Saved(cmsCreateInkLimitingDeviceLink(cmsSigCmykData, 200)); }

std::string BuiltInProfile(const char* name) {
  StartLibvips();
  VipsBlob* blob = nullptr;
  if (vips_profile_load(name, &blob, nullptr) != 0) throw vips::VError();
  size_t size = 0;
  const void* data = vips_blob_get(blob, &size);
  std::string bytes(static_cast<const char*>(data), size);
  vips_area_unref(VIPS_AREA(blob));
  return bytes;
}

vips::VImage Tagged(const vips::VImage& picture, const std::string& profile) {
  vips::VImage tagged = picture.copy();
  vips_image_set_blob_copy(tagged.get_image(), VIPS_META_ICC_NAME, profile.data(), profile.size());
  return tagged;
}

}  // namespace proofline::test
