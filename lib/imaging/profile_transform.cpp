#include "lib/imaging/profile_transform.h"

#include <lcms2.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "lib/base/digest.h"

namespace proofline::imaging {
namespace {

using Pixels = ProfileTransform::Pixels;

struct CloseProfile {
  void operator()(void* profile) const { cmsCloseProfile(profile); }
};
using Profile = std::unique_ptr<void, CloseProfile>;

cmsColorSpaceSignature SpaceOf(Pixels pixels) {
  switch (pixels) {
    case Pixels::kGrey:
      return cmsSigGrayData;
    case Pixels::kRgb:
      return cmsSigRgbData;
    case Pixels::kCmyk:
      break;
  }
  return cmsSigCmykData;
}

cmsUInt32Number FormatOf(Pixels pixels) {
  switch (pixels) {
    case Pixels::kGrey:
      return TYPE_GRAY_8;
    case Pixels::kRgb:
      return TYPE_RGB_8;
    case Pixels::kCmyk:
      break;
  }
  return TYPE_CMYK_8;
}

// Links, abstract and named profiles describe no pixels of a file.
bool Describes(cmsHPROFILE profile, Pixels pixels) {
  const cmsProfileClassSignature kind = cmsGetDeviceClass(profile);
  return cmsGetColorSpace(profile) == SpaceOf(pixels) &&
         (kind == cmsSigInputClass || kind == cmsSigDisplayClass || kind == cmsSigOutputClass ||
          kind == cmsSigColorSpaceClass);
}

cmsHTRANSFORM ToSrgb(cmsHPROFILE profile, Pixels pixels, cmsUInt32Number to,
                     cmsUInt32Number flags) {
  const Profile srgb(cmsCreate_sRGBProfile());
  if (srgb == nullptr) return nullptr;
  return cmsCreateTransform(profile, FormatOf(pixels), srgb.get(), to, INTENT_RELATIVE_COLORIMETRIC,
                            flags | cmsFLAGS_BLACKPOINTCOMPENSATION);
}

constexpr std::size_t kGreys = 256;

// Every grey, and then colours all over the space.
std::vector<std::uint8_t> Samples(Pixels pixels) {
  constexpr int kStep = 15;
  std::vector<std::uint8_t> samples;
  const auto add = [&](int red, int green, int blue) {
    for (int value : {red, green, blue}) samples.push_back(static_cast<std::uint8_t>(value));
  };
  for (int grey = 0; grey < static_cast<int>(kGreys); ++grey) add(grey, grey, grey);
  if (pixels == Pixels::kGrey) return samples;
  for (int red = 0; red < 256; red += kStep) {
    for (int green = 0; green < 256; green += kStep) {
      for (int blue = 0; blue < 256; blue += kStep) add(red, green, blue);
    }
  }
  return samples;
}

bool ChangesNothing(cmsHPROFILE profile, Pixels pixels) {
  if (pixels == Pixels::kCmyk) return false;
  const cmsHTRANSFORM exact = ToSrgb(profile, pixels, TYPE_RGB_16, cmsFLAGS_NOOPTIMIZE);
  if (exact == nullptr) return false;
  const std::vector<std::uint8_t> samples = Samples(pixels);
  const std::size_t count = samples.size() / 3;
  std::vector<std::uint8_t> from = samples;
  if (pixels == Pixels::kGrey) {
    for (std::size_t i = 0; i < count; ++i) from[i] = samples[3 * i];
  }
  std::vector<std::uint16_t> to(samples.size());
  cmsDoTransform(exact, from.data(), to.data(), static_cast<cmsUInt32Number>(count));
  cmsDeleteTransform(exact);
  constexpr int kOneLevel = 257;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const int most = i < 3 * kGreys ? kOneLevel : 2 * kOneLevel;
    if (std::abs(to[i] - samples[i] * kOneLevel) >= most) return false;
  }
  return true;
}

// The transforms that a thread used last.
class Transforms {
 public:
  template <typename MakeOne>
  std::shared_ptr<const ProfileTransform> For(const base::Digest& profile, Pixels pixels,
                                              const MakeOne& make) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.profile == profile && entry.pixels == pixels;
    });
    if (found != entries_.end()) {
      std::rotate(entries_.begin(), found, found + 1);
    } else {
      Entry made{profile, pixels, make()};
      if (entries_.size() == kMost) entries_.pop_back();
      entries_.insert(entries_.begin(), std::move(made));
    }
    return entries_.front().transform;
  }

 private:
  static constexpr std::size_t kMost = 8;
  struct Entry {
    base::Digest profile;
    Pixels pixels;
    // Null for a profile that is of no use.
    std::shared_ptr<const ProfileTransform> transform;
  };
  std::vector<Entry> entries_;
};

}  // namespace

void ProfileTransform::Free::operator()(void* handle) const { cmsDeleteTransform(handle); }

ProfileTransform::ProfileTransform(Handle handle, bool changes_nothing)
    : handle_(std::move(handle)), changes_nothing_(changes_nothing) {}
ProfileTransform::~ProfileTransform() = default;

std::shared_ptr<const ProfileTransform> ProfileTransform::For(std::string_view profile,
                                                              Pixels pixels) {
  thread_local Transforms transforms;
  return transforms.For(base::Sha256Of(profile), pixels, [&] { return Make(profile, pixels); });
}

std::shared_ptr<const ProfileTransform> ProfileTransform::Make(std::string_view bytes,
                                                               Pixels pixels) {
  const Profile profile(
      cmsOpenProfileFromMem(bytes.data(), static_cast<cmsUInt32Number>(bytes.size())));
  if (profile == nullptr || !Describes(profile.get(), pixels)) return nullptr;
  Handle handle(ToSrgb(profile.get(), pixels, TYPE_RGB_8, 0));
  if (handle == nullptr) return nullptr;
  const bool changes_nothing = ChangesNothing(profile.get(), pixels);
  return std::shared_ptr<const ProfileTransform>(
      new ProfileTransform(std::move(handle), changes_nothing));
}

void ProfileTransform::Convert(const std::uint8_t* from, std::uint8_t* to,
                               std::size_t count) const {
  cmsDoTransform(handle_.get(), from, to, static_cast<cmsUInt32Number>(count));
}

}  // namespace proofline::imaging
