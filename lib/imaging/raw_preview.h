// The pictures that cameras put into their RAW files.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace proofline::imaging {

// The largest JPEG inside a RAW file. FailedPrecondition if none is at least 1000 pixels long.
absl::StatusOr<std::string> LargestPreview(std::string_view raw_file);

}  // namespace proofline::imaging
