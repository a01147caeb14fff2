#include "lib/imaging/pixel_steps.h"

namespace proofline::imaging {

using vips::VImage;

VImage ResizedTo(const VImage& picture, PixelSize size) {
  if (picture.width() == size.width && picture.height() == size.height) return picture;
  VImage resized =
      picture.resize(static_cast<double>(size.width) / picture.width(),
                     VImage::option()
                         ->set("vscale", static_cast<double>(size.height) / picture.height())
                         ->set("kernel", VIPS_KERNEL_LANCZOS3));
  if (resized.width() == size.width && resized.height() == size.height) return resized;
  // Rounding inside libvips can miss by a pixel.
  return resized.embed(0, 0, size.width, size.height,
                       VImage::option()->set("extend", VIPS_EXTEND_COPY));
}

VImage Turned(const VImage& picture, Turn turn) {
  VImage turned = turn.mirrored ? picture.flip(VIPS_DIRECTION_HORIZONTAL) : picture;
  switch (turn.quarters) {
    case 1:
      return turned.rot(VIPS_ANGLE_D90);
    case 2:
      return turned.rot(VIPS_ANGLE_D180);
    case 3:
      return turned.rot(VIPS_ANGLE_D270);
    default:
      return turned;
  }
}

VImage TurnedBack(const VImage& picture, Turn turn) {
  const VImage lying = Turned(picture, {.mirrored = false, .quarters = (4 - turn.quarters) % 4});
  return turn.mirrored ? lying.flip(VIPS_DIRECTION_HORIZONTAL) : lying;
}

}  // namespace proofline::imaging
