// Files that end before they should, as copies do that were interrupted.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "lib/imaging/image_format.h"

namespace proofline::imaging {

// Whether a file's own directory points beyond its end. Decoders notice that too, but not all of
// them, and not where what is missing is not asked for: the lower part of a picture of which the
// upper one is wanted, or the sensor data of a RAW that has a preview in front. False where the
// directory is of an unknown kind, and always for JPEG, which has none.
bool LooksCutShort(std::string_view file, ImageFormat format);

// What is said of such a file.
absl::Status EndsTooEarly(ImageFormat format);

}  // namespace proofline::imaging
