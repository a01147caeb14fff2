// Reading a JPEG the short way: scaled while it is decoded, as the planes it is stored in.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "lib/imaging/geometry.h"
#include "lib/imaging/plane.h"

namespace proofline::imaging {

// A part of a plane, in its samples, from its upper left corner. May reach beyond the plane.
struct PlaneArea {
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;

  friend bool operator==(const PlaneArea&, const PlaneArea&) = default;
};

// Luma, blue and red chroma as JPEG means them: BT.601, all 256 values. A grey picture has luma
// alone. Where chroma has fewer samples than luma, each lies in the middle of those it is for.
struct DecodedPlanes {
  std::array<Plane, 3> planes;
  // What the whole picture covers of each plane. The last column or row may cover more than that.
  std::array<PlaneArea, 3> picture;
  int count = 0;
};

// The bytes must outlive it. Not thread-safe.
class PlanarJpegSource {
 public:
  // Reads the header. Null for every JPEG this way is not for: progressive, arithmetic, several
  // scans, 12 bit, CMYK, RGB, unusual subsampling; and for one whose header is damaged.
  static std::unique_ptr<PlanarJpegSource> Open(std::string_view jpeg);
  ~PlanarJpegSource();
  PlanarJpegSource(const PlanarJpegSource&) = delete;
  PlanarJpegSource& operator=(const PlanarJpegSource&) = delete;

  // As stored.
  PixelSize size() const;
  bool is_grey() const;
  // The embedded colour profile, or nothing.
  const std::string& profile() const { return profile_; }

  // All pixels at `eighths` (1 to 8) eighths of their size. False if the file is damaged or
  // cut short in any way, harmless as it may be; what the planes hold then means nothing. Throws
  // std::bad_alloc.
  bool Decode(int eighths, DecodedPlanes& decoded);

 private:
  struct Decoder;
  explicit PlanarJpegSource(std::unique_ptr<Decoder> decoder);
  std::unique_ptr<Decoder> decoder_;
  std::string profile_;
};

}  // namespace proofline::imaging
