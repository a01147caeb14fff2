// From the colours of an ICC profile to sRGB, for pixels of 8 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace proofline::imaging {

// Relative colorimetric with black point compensation (colour.h says why). Used by one thread at a
// time.
class ProfileTransform {
 public:
  // What the profile is for. CMYK as ink: 0 is paper.
  enum class Pixels : std::uint8_t { kGrey = 1, kRgb = 3, kCmyk = 4 };

  // Null if the profile is broken or not for such pixels. Making one takes milliseconds (tens of
  // them for CMYK); each thread keeps those it used last, for a shoot has few profiles.
  static std::shared_ptr<const ProfileTransform> For(std::string_view profile, Pixels pixels);
  ~ProfileTransform();
  ProfileTransform(const ProfileTransform&) = delete;
  ProfileTransform& operator=(const ProfileTransform&) = delete;

  // Whether it changes no grey by one level of 255 and no colour by two: the profile is sRGB,
  // whatever it is called. (Those in common use differ by up to 1.4 in the greenest green.)
  bool changes_nothing() const { return changes_nothing_; }
  // `count` pixels, each of one, three or four bytes, to three bytes each. `to` may be `from` where
  // that has three.
  void Convert(const std::uint8_t* from, std::uint8_t* to, std::size_t count) const;

 private:
  struct Free {
    void operator()(void* handle) const;
  };
  using Handle = std::unique_ptr<void, Free>;

  ProfileTransform(Handle handle, bool changes_nothing);
  static std::shared_ptr<const ProfileTransform> Make(std::string_view profile, Pixels pixels);

  Handle handle_;
  bool changes_nothing_;
};

}  // namespace proofline::imaging
