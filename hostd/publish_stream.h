// One device's publish stream: open, packs, acknowledgements.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "hostd/access.h"
#include "hostd/host_metrics.h"
#include "hostd/publish_check.h"
#include "hostd/store.h"
#include "lib/rpc/executor.h"
#include "lib/rpc/stream.h"
#include "proofline/v1/sync_service.pb.h"

namespace proofline::host {

// Packs are checked one after the other on the executor while earlier ones are being committed; the
// next is read only while less than the window is under way, so a device cannot use more memory
// than that. Owned by the handlers of its stream; thread-safe.
class PublishStream : public std::enable_shared_from_this<PublishStream> {
 public:
  using Stream = rpc::BidiStream<proofline::v1::PublishRequest, proofline::v1::PublishResponse>;

  struct Parts {
    Store& store;
    Access& access;
    rpc::Executor& executor;
    HostMetrics& metrics;
    std::int64_t window_bytes;
    // Tells who opened the stream, once its key is known to be good; an error ends the stream.
    std::function<absl::Status(const DeviceCaller&, const std::shared_ptr<Stream>&)> opened;
    // A customer's sessions have ended: cuts its streams. Must not block.
    std::function<void(const std::string& customer)> customer_ended;
  };

  PublishStream(Parts parts, std::string key);

  // Handlers of the stream.
  void OnMessage(Stream& stream, proofline::v1::PublishRequest request);
  void OnHalfClose(Stream& stream);
  void OnRoom(Stream& stream);

 private:
  absl::Status Handle(Stream& stream, proofline::v1::PublishRequest& request);
  absl::Status Open(Stream& stream, const proofline::v1::PublishOpen& open);
  absl::Status TakePack(Stream& stream, proofline::v1::PublishPack& pack);
  void OnDurable(Stream& stream, std::int64_t bytes, absl::StatusOr<PublishOutcome> outcome);
  void SendAcknowledgement(Stream& stream);

  const Parts parts_;
  const std::string key_;
  // Touched by the one message that is being handled.
  std::optional<DeviceCaller> caller_;
  std::unique_ptr<PackChecker> checker_;

  std::mutex mutex_;
  std::int64_t bytes_under_way_ = 0;
  bool wants_more_ = false;  // the next message waits for room in the window
  bool half_closed_ = false;
  bool handling_ = false;
  bool sending_ = false;    // an acknowledgement is being handed over, without the lock
  bool room_came_ = false;  // meanwhile
  std::optional<proofline::v1::PublishAcknowledgement> unsent_;
};

}  // namespace proofline::host
