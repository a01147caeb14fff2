// Whether a watermark can be laid over pictures, before any proof depends on it.
#pragma once

#include <stop_token>

#include "absl/status/status.h"
#include "daemon/selection.h"
#include "lib/imaging/worker_pool.h"

namespace proofline::studio {

// Lays the preferences' watermark over a picture that is certainly good: a PNG that was cut short,
// or a text that no font has letters for, would otherwise fail every photo it belongs on.
// InvalidArgument names the key of the configuration and what is wrong; OK without a watermark, and
// where no worker can be started, which says nothing about it. Blocks until a worker has answered.
absl::Status TryWatermark(const Preferences& preferences, imaging::WorkerPool& pool,
                          const std::stop_token& stop = {});

}  // namespace proofline::studio
