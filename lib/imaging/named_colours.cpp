#include "lib/imaging/named_colours.h"

#include <lcms2.h>
#include <libheif/heif.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace proofline::imaging {
namespace {

template <auto Function>
struct Free {
  template <typename Thing>
  void operator()(Thing* thing) const {
    Function(thing);
  }
};
using Context = std::unique_ptr<heif_context, Free<heif_context_free>>;
using Handle = std::unique_ptr<const heif_image_handle, Free<heif_image_handle_release>>;
using Nclx = std::unique_ptr<heif_color_profile_nclx, Free<heif_nclx_color_profile_free>>;
using ToneCurve = std::unique_ptr<cmsToneCurve, Free<cmsFreeToneCurve>>;

// Their numbers.
struct Named {
  int primaries = 2;
  int transfer = 2;
  auto operator<=>(const Named&) const = default;
};

std::optional<Named> ReadNamed(std::string_view file) {
  const Context context(heif_context_alloc());
  const auto is_ok = [](const heif_error& error) { return error.code == heif_error_Ok; };
  if (context == nullptr || !is_ok(heif_context_read_from_memory_without_copy(
                                context.get(), file.data(), file.size(), nullptr))) {
    return std::nullopt;
  }
  heif_image_handle* found = nullptr;
  if (!is_ok(heif_context_get_primary_image_handle(context.get(), &found))) return std::nullopt;
  const Handle picture(found);
  if (heif_image_handle_get_raw_color_profile_size(picture.get()) > 0) return std::nullopt;
  heif_color_profile_nclx* named = nullptr;
  if (!is_ok(heif_image_handle_get_nclx_color_profile(picture.get(), &named)) || named == nullptr) {
    return std::nullopt;
  }
  const Nclx nclx(named);
  return Named{nclx->color_primaries, nclx->transfer_characteristics};
}

constexpr cmsCIExyY kD65 = {0.3127, 0.3290, 1};

std::optional<cmsCIExyYTRIPLE> PrimariesOf(int number) {
  switch (number) {
    case 1:  // BT.709
    case 2:  // not said
      return cmsCIExyYTRIPLE{{0.640, 0.330, 1}, {0.300, 0.600, 1}, {0.150, 0.060, 1}};
    case 5:  // BT.601 of 625 lines
      return cmsCIExyYTRIPLE{{0.640, 0.330, 1}, {0.290, 0.600, 1}, {0.150, 0.060, 1}};
    case 6:  // BT.601 of 525 lines
    case 7:
      return cmsCIExyYTRIPLE{{0.630, 0.340, 1}, {0.310, 0.595, 1}, {0.155, 0.070, 1}};
    case 9:  // BT.2020
      return cmsCIExyYTRIPLE{{0.708, 0.292, 1}, {0.170, 0.797, 1}, {0.131, 0.046, 1}};
    case 12:  // Display P3
      return cmsCIExyYTRIPLE{{0.680, 0.320, 1}, {0.265, 0.690, 1}, {0.150, 0.060, 1}};
    default:
      return std::nullopt;
  }
}

// In candelas for each square metre, and stored as PQ does (SMPTE ST 2084).
constexpr double kM1 = 2610.0 / 16384;
constexpr double kM2 = 2523.0 / 32;
constexpr double kC1 = 3424.0 / 4096;
constexpr double kC2 = 2413.0 / 128;
constexpr double kC3 = 2392.0 / 128;
double LightOfPq(double stored) {
  const double power = std::pow(stored, 1 / kM2);
  return 10000 * std::pow(std::max(power - kC1, 0.0) / (kC2 - kC3 * power), 1 / kM1);
}
double PqOfLight(double light) {
  const double power = std::pow(light / 10000, kM1);
  return std::pow((kC1 + kC2 * power) / (1 + kC3 * power), kM2);
}

// What a screen of 1000 candelas shows of a value stored as HLG does (BT.2100).
double LightOfHlg(double stored) {
  constexpr double kA = 0.17883277;
  constexpr double kB = 1 - 4 * kA;
  const double c = 0.5 - kA * std::log(4 * kA);
  const double scene =
      stored <= 0.5 ? stored * stored / 3 : (std::exp((stored - c) / kA) + kB) / 12;
  return 1000 * std::pow(scene, 1.2);
}

// From the light of an HDR screen to that of paper, 0 to 1: unchanged where it is dark, then along
// the curve of BT.2390 from a peak of 1000 candelas to the white of BT.2408.
double Shown(double light) {
  constexpr double kPeak = 1000;
  constexpr double kPaperWhite = 203;
  const double peak = PqOfLight(kPeak);
  const double white = PqOfLight(kPaperWhite) / peak;
  const double knee = 1.5 * white - 0.5;
  double stored = std::min(1.0, PqOfLight(light) / peak);
  if (stored > knee) {
    const double t = (stored - knee) / (1 - knee);
    const double t2 = t * t;
    const double t3 = t2 * t;
    stored =
        (2 * t3 - 3 * t2 + 1) * knee + (t3 - 2 * t2 + t) * (1 - knee) + (-2 * t3 + 3 * t2) * white;
  }
  return std::min(1.0, LightOfPq(stored * peak) / kPaperWhite);
}

ToneCurve HdrCurve(double (*light_of)(double)) {
  constexpr std::size_t kSteps = 4096;
  std::vector<float> light(kSteps);
  for (std::size_t i = 0; i < kSteps; ++i) {
    light[i] = static_cast<float>(Shown(light_of(static_cast<double>(i) / (kSteps - 1))));
  }
  return ToneCurve(cmsBuildTabulatedToneCurveFloat(nullptr, kSteps, light.data()));
}

// What is made for television screens is shown by sRGB's curve, as by other programs.
bool IsLikeSrgb(int transfer) {
  return transfer == 1 || transfer == 2 || transfer == 6 || transfer == 13 || transfer == 14 ||
         transfer == 15;
}

ToneCurve CurveOf(int transfer) {
  if (IsLikeSrgb(transfer)) {
    const double srgb[] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
    return ToneCurve(cmsBuildParametricToneCurve(nullptr, 4, srgb));
  }
  switch (transfer) {
    case 4:
      return ToneCurve(cmsBuildGamma(nullptr, 2.2));
    case 5:
      return ToneCurve(cmsBuildGamma(nullptr, 2.8));
    case 8:
      return ToneCurve(cmsBuildGamma(nullptr, 1));
    case 16:
      return HdrCurve(LightOfPq);
    case 18:
      return HdrCurve(LightOfHlg);
    default:
      return nullptr;
  }
}

std::string MakeProfile(const Named& named) {
  if (named.primaries <= 2 && IsLikeSrgb(named.transfer)) return {};
  const std::optional<cmsCIExyYTRIPLE> primaries = PrimariesOf(named.primaries);
  const ToneCurve curve = CurveOf(named.transfer);
  if (!primaries || curve == nullptr) return {};
  cmsToneCurve* curves[] = {curve.get(), curve.get(), curve.get()};
  cmsHPROFILE profile = cmsCreateRGBProfile(&kD65, &*primaries, curves);
  if (profile == nullptr) return {};
  std::string bytes;
  cmsUInt32Number size = 0;
  if (cmsSaveProfileToMem(profile, nullptr, &size)) {
    bytes.resize(size);
    if (!cmsSaveProfileToMem(profile, bytes.data(), &size)) bytes.clear();
  }
  cmsCloseProfile(profile);
  return bytes;
}

}  // namespace

std::string NamedColourProfile(std::string_view file) {
  const std::optional<Named> named = ReadNamed(file);
  if (!named) return {};
  // A profile says when it was made; those who keep what they made of it want the same bytes.
  thread_local std::map<Named, std::string> made;
  const auto found = made.find(*named);
  if (found != made.end()) return found->second;
  return made.emplace(*named, MakeProfile(*named)).first->second;
}

}  // namespace proofline::imaging
