// JPEG headers, which a studio holds once for all renditions that have them.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "hostd/partition_writer.h"
#include "lib/base/digest.h"

namespace proofline::host {

// Both are steps of the change that puts or removes the rendition, so that header, count and
// rendition become durable together or not at all. Errors are those of the disk.

// One more rendition of the studio lacks this header; stores it if it is not there.
absl::Status TakeHeader(Transaction& tx, std::string_view studio, const base::Digest& digest,
                        const std::string& header);

// One rendition less does; the header goes with the last one. `digest` is as the rendition's record
// has it: empty is fine.
absl::Status ReleaseHeader(Transaction& tx, std::string_view studio, std::string_view digest);

}  // namespace proofline::host
