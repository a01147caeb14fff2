#include "lib/rpc/retry.h"

#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"

namespace proofline::rpc {

absl::Status CallWithRetry(const std::stop_token& stop, base::Backoff& backoff,
                           const RetryOptions& options,
                           const std::function<grpc::Status(grpc::ClientContext*)>& attempt) {
  absl::Status stopped = absl::CancelledError("the call was stopped before it ended");
  const auto begin = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    absl::Status status;
    {
      ClientCall call(stop, options.attempt_timeout);
      status = FromGrpc(attempt(call.context()));
    }
    if (status.ok()) {
      backoff.Reset();
      return status;
    }
    if (stop.stop_requested()) return stopped;
    if (!IsRetryable(status)) return status;
    if (options.on_failure) options.on_failure(status);
    const base::Duration wait = backoff.Next();
    if (options.give_up_after.has_value() &&
        std::chrono::steady_clock::now() + wait - begin >= *options.give_up_after) {
      return status;
    }
    if (!base::WaitFor(stop, wait)) return stopped;
  }
  return stopped;
}

}  // namespace proofline::rpc
