// Unary calls that are tried again as long as trying can help.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "lib/base/backoff.h"

namespace proofline::rpc {

struct RetryOptions {
  // Each attempt ends after this time.
  std::chrono::milliseconds attempt_timeout{10'000};
  // Begin no further attempt when this time has passed since the first; none: try until stopped.
  std::optional<std::chrono::milliseconds> give_up_after;
  // Told each failure before the wait; for a line in the log. May be empty.
  std::function<void(const absl::Status& failure)> on_failure;
};

// Calls `attempt` with a fresh context until it succeeds, fails with something that IsRetryable()
// denies, or the time is up; returns its last answer with its details. Cancelled as soon as `stop`
// is requested, also during an attempt or a wait. Blocks. `backoff` is reset by success.
//   CallWithRetry(stop, backoff, {}, [&](grpc::ClientContext* context) {
//     return stub->ReportProgress(context, request, &response);
//   });
// Only for calls that change nothing when they are repeated.
absl::Status CallWithRetry(const std::stop_token& stop, base::Backoff& backoff,
                           const RetryOptions& options,
                           const std::function<grpc::Status(grpc::ClientContext*)>& attempt);

}  // namespace proofline::rpc
