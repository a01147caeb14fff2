#include "daemon/progress_reporter.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "lib/base/backoff.h"
#include "lib/base/kill_point.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

constexpr std::chrono::milliseconds kCallTimeout = std::chrono::seconds(15);
constexpr int kReportsAtOnce = 100;

// The host will never take this report, however often it is sent.
bool IsRefusedForGood(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsInvalidArgument(status) ||
         absl::IsFailedPrecondition(status);
}

}  // namespace

ProgressReporter::ProgressReporter(std::shared_ptr<grpc::Channel> channel, std::string peer,
                                   OrderBook& book)
    : channel_(std::move(channel)),
      stub_(pb::SyncService::NewStub(channel_)),
      peer_(std::move(peer)),
      book_(book) {}

ProgressReporter::~ProgressReporter() { Stop(); }

void ProgressReporter::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void ProgressReporter::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

absl::Status ProgressReporter::SendLabs(const std::stop_token& stop, bool& sent) {
  const absl::StatusOr<std::vector<pb::Lab>> labs = book_.UnreportedLabs();
  if (!labs.ok()) return labs.status();
  for (const pb::Lab& lab : *labs) {
    pb::ReportLabRequest request;
    *request.mutable_lab() = lab;
    pb::ReportLabResponse response;
    rpc::ClientCall call(stop, kCallTimeout);
    const absl::Status status = rpc::FromGrpc(stub_->ReportLab(call.context(), request, &response));
    if (!status.ok() && !IsRefusedForGood(status)) return status;
    if (!status.ok()) {
      spdlog::error("what {} can make was refused: {}", lab.name(), rpc::Describe(status, peer_));
    }
    if (absl::Status marked = book_.MarkLabReported(lab); !marked.ok()) return marked;
    base::KillPoint("studio.progress.lab_reported");
    sent = true;
  }
  return absl::OkStatus();
}

absl::Status ProgressReporter::SendShares(const std::stop_token& stop, bool& sent) {
  const absl::StatusOr<std::vector<pb::ReportProgressRequest>> reports =
      book_.UnreportedShares(kReportsAtOnce);
  if (!reports.ok()) return reports.status();
  for (const pb::ReportProgressRequest& report : *reports) {
    pb::ReportProgressResponse response;
    rpc::ClientCall call(stop, kCallTimeout);
    const absl::Status status =
        rpc::FromGrpc(stub_->ReportProgress(call.context(), report, &response));
    if (!status.ok() && !IsRefusedForGood(status)) return status;
    if (!status.ok()) {
      spdlog::error("the progress of {} was refused: {}", report.order(),
                    rpc::Describe(status, peer_));
    }
    base::KillPoint("studio.progress.sent");
    if (absl::Status marked = book_.MarkReported(report); !marked.ok()) return marked;
    sent = true;
  }
  return absl::OkStatus();
}

absl::Status ProgressReporter::SendAll(const std::stop_token& stop, bool& sent) {
  // Labs first: an order that fails because the host does not know a lab would be a pity.
  if (absl::Status status = SendLabs(stop, sent); !status.ok()) return status;
  return SendShares(stop, sent);
}

void ProgressReporter::Run(const std::stop_token& stop) {
  base::Backoff backoff(std::chrono::milliseconds(250), std::chrono::seconds(30));
  absl::StatusCode last_failure = absl::StatusCode::kOk;
  while (!stop.stop_requested()) {
    const std::uint64_t seen = book_.changes().current();
    bool sent = false;
    const absl::Status status = SendAll(stop, sent);
    if (stop.stop_requested()) break;
    if (sent) backoff.Reset();
    if (status.ok()) {
      last_failure = status.code();
      // What was marked has rung the bell too; only an empty round waits.
      if (!sent) book_.changes().WaitBeyond(seen, stop);
      continue;
    }
    if (status.code() != last_failure && !absl::IsUnavailable(status)) {
      spdlog::warn("reporting progress: {}", rpc::Describe(status, peer_));
    }
    last_failure = status.code();
    const bool refused = absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
    base::WaitFor(stop, refused ? base::Duration(std::chrono::minutes(1)) : backoff.Next());
  }
}

}  // namespace proofline::studio
