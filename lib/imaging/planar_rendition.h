// The short way to renditions, for ordinary JPEGs: one scaled decode into planes, planes resampled,
// turned and encoded, without ever making RGB pixels of them. It gives what the general way
// (Picture::Render and EncodeJpeg) gives, in a fraction of the time.
#pragma once

#include <optional>
#include <string_view>
#include <vector>
#include <vips/vips8>

#include "lib/imaging/geometry.h"
#include "lib/imaging/picture.h"
#include "lib/imaging/rendition.h"

namespace proofline::imaging {

// All renditions of a request; of a camera RAW from its preview. Nothing, if this way is not
// for the picture, the edit or a watermark, or if the file is damaged in any way: then the general
// way decides, and finds the words.
std::optional<std::vector<Rendition>> MakePlanarRenditions(const Picture& picture,
                                                           const RenditionRequest& request);

// The same up to the pixels, as Picture::Render gives them: for a picture that something is to be
// laid on. May throw vips::VError.
std::optional<vips::VImage> RenderPlanar(const Picture& picture, const RenderPlan& plan);

}  // namespace proofline::imaging
