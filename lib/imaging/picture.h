// An original, opened: its facts, and its pixels as far as they are asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <vips/vips8>

#include "absl/status/statusor.h"
#include "lib/imaging/colour.h"
#include "lib/imaging/geometry.h"
#include "lib/imaging/image_facts.h"
#include "lib/imaging/image_format.h"
#include "lib/imaging/raw_file.h"

namespace proofline::imaging {

struct PictureLimits {
  std::uint64_t max_pixels = 400'000'000;
  // Refused on either side whatever the product: no camera and no scanner makes such.
  int max_side = 1'000'000;
};
bool IsWithin(PixelSize size, const PictureLimits& limits);

// Reads the bytes it was opened with, which must outlive it. Not thread-safe.
class Picture {
 public:
  // Recognises the format, checks the limits and reads the metadata, but decodes no pixels.
  static absl::StatusOr<Picture> Open(std::string_view bytes, const PictureLimits& limits);

  // Everything but size and digest of the file.
  const ImageFacts& facts() const { return facts_; }
  // The size of the picture that Render works on, upright. That of a camera RAW is the size at
  // which it can be developed, or of its largest preview if it cannot.
  PixelSize upright() const { return SizeAfter(stored_, turn_); }
  Turn stored_to_upright() const { return turn_; }
  // Of a camera RAW that cannot be developed there is only its preview; says why.
  const absl::Status& developable() const { return developable_; }

  // What pixels without a profile are.
  AssumedColour assumed_colour() const { return assumed_; }

  // The JPEG that a plan's pixels are in, and the plan for it: the original itself, or of a camera
  // RAW the smallest preview that has them and shows the same picture. Nothing if there is none. A
  // view of what this keeps.
  struct JpegSource {
    std::string_view bytes;
    RenderPlan plan;
  };
  std::optional<JpegSource> JpegFor(const RenderPlan& plan) const;

  // Exactly plan.output pixels, 8 bit sRGB, three bands, in memory. Decodes no more pixels than the
  // plan needs where the format allows that: of a camera RAW the smallest preview that has them and
  // shows the same picture, else half or all of its sensor data developed and made as light as its
  // largest preview. `plan.turn` begins with
  // stored_to_upright().
  absl::StatusOr<vips::VImage> Render(const RenderPlan& plan) const;

 private:
  // A JPEG inside a camera RAW.
  struct Preview {
    EmbeddedJpeg jpeg;
    PixelSize stored;
    Turn turn;
  };

  Picture(std::string_view bytes, ImageFormat format) : bytes_(bytes), format_(format) {}

  absl::Status CheckSize(const PictureLimits& limits) const;
  absl::Status OpenPixels(const PictureLimits& limits);
  absl::Status OpenRaw(const PictureLimits& limits);
  void TakeMetadata(const vips::VImage& lazy);
  void TakePreviews(const std::vector<EmbeddedJpeg>& jpegs, const PictureLimits& limits);
  std::optional<Turn> PreviewTurn(PixelSize preview, int own_orientation) const;

  absl::StatusOr<vips::VImage> RenderLenient(const RenderPlan& plan) const;
  vips::VImage Load(int shrink) const;
  vips::VImage Decoded(int shrink) const;
  vips::VImage LoadPiece(const Crop& stored_area, PixelSize output, Crop* loaded_area) const;
  vips::VImage RenderStraight(const RenderPlan& plan) const;
  vips::VImage RenderStraightened(const RenderPlan& plan) const;
  bool HoldsEnough(const Preview& preview, const RenderPlan& plan) const;
  RenderPlan PlanFor(const Preview& preview, const RenderPlan& plan) const;
  absl::StatusOr<vips::VImage> RenderPreview(const Preview& preview, const RenderPlan& plan) const;
  absl::StatusOr<vips::VImage> RenderRaw(const RenderPlan& plan) const;
  vips::VImage LikePreview(const vips::VImage& developed) const;

  std::string_view bytes_;
  ImageFormat format_;
  ImageFacts facts_;
  PixelSize stored_;
  Turn turn_;
  AssumedColour assumed_ = AssumedColour::kSrgb;
  // Of the colours that a HEIF or AVIF names; empty if it names none.
  std::string named_profile_;
  // Whether a JPEG's decoder stops at everything it finds strange.
  bool strict_ = true;

  // Of a camera RAW: smallest preview first.
  std::vector<Preview> previews_;
  RawHeader raw_;
  absl::Status developable_;
  std::uint64_t max_pixels_ = 0;
  // The picture itself, once a camera RAW has been developed.
  vips::VImage developed_;
};

}  // namespace proofline::imaging
