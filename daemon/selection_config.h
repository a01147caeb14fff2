// The selection's part of the configuration: [renditions], [watermark], [[rule]] and [[gallery]].
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "daemon/selection.h"
#include "lib/base/config.h"

namespace proofline::studio {

std::vector<base::ConfigRow> SelectionRows();
std::vector<base::ConfigArray> SelectionArrays();

// Reads the watermark's picture, too. InvalidArgument names the line and what is wrong.
absl::StatusOr<Preferences> ReadPreferences(const base::Config& config);

}  // namespace proofline::studio
