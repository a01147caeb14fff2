// An original, opened: its facts, and its pixels as far as they are asked for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vips/vips8>

#include "absl/status/statusor.h"
#include "lib/imaging/geometry.h"
#include "lib/imaging/image_facts.h"
#include "lib/imaging/image_format.h"

namespace proofline::imaging {

struct PictureLimits {
  std::uint64_t max_pixels = 400'000'000;
  // Refused on either side whatever the product: no camera and no scanner makes such.
  int max_side = 1'000'000;
};

// Reads the bytes it was opened with, which must outlive it. Not thread-safe.
class Picture {
 public:
  // Recognises the format, checks the limits and reads the metadata, but decodes no pixels.
  static absl::StatusOr<Picture> Open(std::string_view bytes, const PictureLimits& limits);

  // Everything but size and digest of the file.
  const ImageFacts& facts() const { return facts_; }
  // The size of the picture that Render works on, upright. A RAW file's preview may be smaller
  // than the picture of facts().
  PixelSize upright() const { return SizeAfter(stored_, turn_); }
  Turn stored_to_upright() const { return turn_; }
  bool is_preview() const { return !preview_.empty(); }

  // Exactly plan.output pixels, 8 bit sRGB, three bands, in memory. Decodes no more pixels than the
  // plan needs where the format allows that. `plan.turn` begins with stored_to_upright().
  absl::StatusOr<vips::VImage> Render(const RenderPlan& plan) const;

 private:
  Picture(std::string_view bytes, ImageFormat format) : bytes_(bytes), format_(format) {}

  absl::Status OpenPixels(const PictureLimits& limits);
  void TakeMetadata(const vips::VImage& lazy);
  std::string_view pixels() const { return preview_.empty() ? bytes_ : preview_; }

  vips::VImage Load(int shrink) const;
  vips::VImage LoadPiece(const Crop& stored_area, PixelSize output, Crop* loaded_area) const;
  vips::VImage RenderStraight(const RenderPlan& plan) const;
  vips::VImage RenderStraightened(const RenderPlan& plan) const;

  std::string_view bytes_;
  ImageFormat format_;
  std::string preview_;
  ImageFacts facts_;
  PixelSize stored_;
  Turn turn_;
};

}  // namespace proofline::imaging
