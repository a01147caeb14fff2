#include "daemon/order_follower.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "lib/base/backoff.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

OrderFollower::OrderFollower(std::shared_ptr<grpc::Channel> channel, std::string peer,
                             OrderBook& book)
    : channel_(std::move(channel)),
      stub_(pb::SyncService::NewStub(channel_)),
      peer_(std::move(peer)),
      book_(book) {}

OrderFollower::~OrderFollower() { Stop(); }

void OrderFollower::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void OrderFollower::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

absl::Status OrderFollower::Follow(std::int64_t after, const std::stop_token& stop, bool& heard) {
  rpc::ClientCall call(stop);
  pb::FollowDeviceOrdersRequest request;
  request.set_after_revision(after);
  const auto stream = stub_->FollowDeviceOrders(call.context(), request);
  absl::Status failure;
  pb::OrderEvent event;
  while (failure.ok() && stream->Read(&event)) {
    heard = true;
    failure = book_.RecordOrder(event);
  }
  if (!failure.ok()) call.context()->TryCancel();
  const absl::Status status = rpc::FromGrpc(stream->Finish());
  return failure.ok() ? status : failure;
}

void OrderFollower::Run(const std::stop_token& stop) {
  base::Backoff backoff(std::chrono::milliseconds(250), std::chrono::seconds(30));
  bool from_beginning = false;
  absl::StatusCode last_failure = absl::StatusCode::kOk;
  while (!stop.stop_requested()) {
    bool heard = false;
    const std::int64_t after = from_beginning ? 0 : book_.feed_revision();
    const absl::Status status = Follow(after, stop, heard);
    if (stop.stop_requested()) break;
    from_beginning = absl::IsOutOfRange(status);
    if (heard) backoff.Reset();
    // The publisher says that the host is away; here each kind of failure is told once.
    if (status.code() != last_failure && !absl::IsUnavailable(status)) {
      spdlog::warn("following the orders: {}", rpc::Describe(status, peer_));
    }
    last_failure = status.code();
    const bool refused = absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
    base::WaitFor(stop, refused ? base::Duration(std::chrono::minutes(1)) : backoff.Next());
  }
}

}  // namespace proofline::studio
