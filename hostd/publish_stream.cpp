#include "hostd/publish_stream.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "hostd/record_text.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::host {

namespace pb = proofline::v1;

PublishStream::PublishStream(Parts parts, std::string key)
    : parts_(std::move(parts)), key_(std::move(key)) {}

void PublishStream::OnMessage(Stream& stream, pb::PublishRequest request) {
  {
    const std::lock_guard lock(mutex_);
    handling_ = true;
  }
  auto shared = std::make_shared<pb::PublishRequest>(std::move(request));
  const absl::Status taken =
      parts_.executor.Run([self = shared_from_this(), at = stream.shared_from_this(), shared] {
        if (at->over()) return;
        const absl::Status handled = self->Handle(*at, *shared);
        if (!handled.ok()) at->Finish(handled);
      });
  if (!taken.ok()) stream.Finish(taken);
}

absl::Status PublishStream::Handle(Stream& stream, pb::PublishRequest& request) {
  absl::Status status;
  if (!caller_.has_value()) {
    if (!request.has_open()) {
      return rpc::Error(absl::StatusCode::kFailedPrecondition,
                        "the first message on a publish stream opens it", "NOT_OPEN");
    }
    status = Open(stream, request.open());
  } else if (request.has_pack()) {
    status = TakePack(stream, *request.mutable_pack());
  } else {
    return rpc::Error(absl::StatusCode::kInvalidArgument,
                      "a publish stream is opened once; all later messages are packs", "NO_PACK");
  }
  if (!status.ok()) return status;

  bool go_on = false;
  {
    const std::lock_guard lock(mutex_);
    handling_ = false;
    go_on = bytes_under_way_ < parts_.window_bytes;
    wants_more_ = !go_on;
  }
  if (go_on) stream.Continue();
  return absl::OkStatus();
}

absl::Status PublishStream::Open(Stream& stream, const pb::PublishOpen& open) {
  if (open.catalog_id().empty() || open.catalog_id().size() > 256) {
    return rpc::Error(absl::StatusCode::kInvalidArgument,
                      "a publish stream names its catalog with 1 to 256 bytes",
                      "CATALOG_ID_INVALID");
  }
  absl::StatusOr<DeviceCaller> caller = parts_.access.CheckDevice(key_);
  if (!caller.ok()) return caller.status();
  absl::Status status = parts_.opened(*caller, stream.shared_from_this());
  if (!status.ok()) return status;
  const absl::StatusOr<PublishPosition> position = parts_.store.OpenCatalog(
      caller->studio, caller->device, open.catalog_id(), open.heard_sequence());
  if (!position.ok()) return position.status();
  checker_ = std::make_unique<PackChecker>(parts_.store, parts_.access, *caller, open.catalog_id());
  spdlog::info("device {}/{} publishes from {}", caller->studio, caller->device,
               position->last_sequence);
  caller_ = *std::move(caller);

  pb::PublishResponse opened;
  opened.mutable_opened()->set_last_sequence(position->last_sequence);
  opened.mutable_opened()->set_window_bytes(parts_.window_bytes);
  opened.mutable_opened()->set_max_pack_bytes(kMaxPackBytes);
  // In the same message: a device that takes the position without them would take refused entries
  // for stored ones.
  for (const pb::PublishRefusal& refusal : position->refusals) {
    *opened.mutable_opened()->add_refusals() = refusal;
  }
  opened.mutable_opened()->set_unsure_sequence(position->unsure_sequence);
  stream.TrySend(std::move(opened));
  return absl::OkStatus();
}

absl::Status PublishStream::TakePack(Stream& stream, pb::PublishPack& pack) {
  parts_.store.TouchDevice(caller_->studio, caller_->device);
  const auto bytes = static_cast<std::int64_t>(pack.ByteSizeLong());
  absl::StatusOr<PublishedPack> checked = checker_->Check(pack);
  if (!checked.ok()) return checked.status();
  {
    const std::lock_guard lock(mutex_);
    bytes_under_way_ += bytes;
  }
  parts_.store.Publish(*std::move(checked),
                       [self = shared_from_this(), at = stream.shared_from_this(),
                        bytes](absl::StatusOr<PublishOutcome> outcome) {
                         self->OnDurable(*at, bytes, std::move(outcome));
                       });
  return absl::OkStatus();
}

void PublishStream::OnDurable(Stream& stream, std::int64_t bytes,
                              absl::StatusOr<PublishOutcome> outcome) {
  if (!outcome.ok()) {
    stream.Finish(outcome.status());
    return;
  }
  parts_.metrics.published_packs.Increment();
  parts_.metrics.published_entries.Increment(outcome->stored);
  parts_.metrics.published_bytes.Increment(static_cast<double>(bytes));
  parts_.metrics.refused_entries.Increment(static_cast<double>(outcome->refusals.size()));
  for (const pb::PublishRefusal& refusal : outcome->refusals) {
    spdlog::warn("refused an entry of device {}/{}: {}", caller_->studio, caller_->device,
                 refusal.message());
  }
  for (const std::string& name : outcome->ended_customers) parts_.customer_ended(name);
  bool go_on = false;
  {
    const std::lock_guard lock(mutex_);
    bytes_under_way_ -= bytes;
    if (!unsent_.has_value()) unsent_.emplace();
    unsent_->set_last_sequence(outcome->last_sequence);
    for (pb::PublishRefusal& refusal : outcome->refusals) {
      *unsent_->add_refusals() = std::move(refusal);
    }
    go_on = wants_more_ && bytes_under_way_ < parts_.window_bytes;
    if (go_on) wants_more_ = false;
  }
  SendAcknowledgement(stream);
  if (go_on) stream.Continue();
}

void PublishStream::SendAcknowledgement(Stream& stream) {
  std::unique_lock lock(mutex_);
  while (unsent_.has_value() && !sending_) {
    pb::PublishResponse response;
    *response.mutable_acknowledgement() = *std::exchange(unsent_, std::nullopt);
    sending_ = true;
    room_came_ = false;
    lock.unlock();
    const rpc::SendResult sent = stream.TrySend(std::move(response));
    lock.lock();
    sending_ = false;
    if (sent != rpc::SendResult::kFull) continue;
    // It waits for room, and what came since joins it: acknowledgements are cumulative.
    pb::PublishAcknowledgement joined = std::move(*response.mutable_acknowledgement());
    if (unsent_.has_value()) {
      joined.set_last_sequence(unsent_->last_sequence());
      joined.mutable_refusals()->MergeFrom(unsent_->refusals());
    }
    unsent_ = std::move(joined);
    if (!room_came_) break;
  }
  const bool finish =
      half_closed_ && !handling_ && !sending_ && bytes_under_way_ == 0 && !unsent_.has_value();
  lock.unlock();
  if (finish) stream.Finish(absl::OkStatus());
}

void PublishStream::OnRoom(Stream& stream) {
  {
    const std::lock_guard lock(mutex_);
    room_came_ = true;
  }
  SendAcknowledgement(stream);
}

void PublishStream::OnHalfClose(Stream& stream) {
  {
    const std::lock_guard lock(mutex_);
    half_closed_ = true;
  }
  SendAcknowledgement(stream);
}

}  // namespace proofline::host
