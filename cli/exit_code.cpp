#include "cli/exit_code.h"

#include "absl/strings/cord.h"
#include "lib/rpc/status.h"

namespace proofline::cli {
namespace {

constexpr char kUsagePayload[] = "proofline/usage";

}  // namespace

absl::Status UsageError(std::string sentence) {
  absl::Status status = absl::InvalidArgumentError(sentence);
  status.SetPayload(kUsagePayload, absl::Cord("usage"));
  return status;
}

bool IsUsageError(const absl::Status& status) {
  return status.GetPayload(kUsagePayload).has_value();
}

ExitCode ExitCodeFor(const absl::Status& status) {
  if (status.ok()) return ExitCode::kOk;
  if (IsUsageError(status)) return ExitCode::kUsage;
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return rpc::ReasonOf(status).empty() ? ExitCode::kUnreachable : ExitCode::kFailed;
    case absl::StatusCode::kNotFound:
      return ExitCode::kNotFound;
    case absl::StatusCode::kDeadlineExceeded:
      return ExitCode::kGaveUp;
    default:
      return ExitCode::kFailed;
  }
}

}  // namespace proofline::cli
