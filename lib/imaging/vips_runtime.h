// libvips as this project runs it.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace proofline::imaging {

// Starts libvips once per process: one thread for each picture (there is a process for each core),
// no operation cache, only loaders that are fit for untrusted files, silent. Exiv2 likewise. Call
// it before anything else of the core half; more calls do nothing.
absl::Status StartVips();

// The status for a libvips error, with a sentence of ours where the cause is known. `what` is the
// thing that failed, as in "the JPEG". ResourceExhausted when memory or a decoder's own limit ran
// out, InvalidArgument otherwise. Clears libvips' error buffer.
absl::Status VipsFailure(std::string_view what, std::string_view vips_words);

}  // namespace proofline::imaging
