// The selection's part of the configuration: [[rule]] and [[gallery]].
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "daemon/selection.h"
#include "lib/base/config.h"

namespace proofline::studio {

std::vector<base::ConfigArray> SelectionArrays();

// Takes the tables over; `preferences` holds the usual renditions already. InvalidArgument names
// the line and what is wrong.
absl::Status ReadSelection(const base::Config& config, Preferences& preferences);

}  // namespace proofline::studio
