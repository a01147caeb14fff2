// Streams of order changes: everything after a revision, then each change as it happens.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "hostd/host_metrics.h"
#include "hostd/store.h"
#include "lib/base/clock.h"
#include "lib/rpc/executor.h"
#include "lib/rpc/feed.h"
#include "lib/rpc/stream.h"
#include "proofline/v1/order.pb.h"

namespace proofline::host {

// Who follows what.
struct Following {
  std::string studio;
  FeedOf feed;
  std::int64_t after_revision = 0;
  // The order as this follower sees it.
  std::function<proofline::v1::Order(proofline::v1::Order)> view;
  // Whether it still may; asked before each delivery, may block on the disk.
  std::function<absl::Status()> allowed;
};

// Thread-safe. Store and executor must outlive it; finish the streams and drain the servers before
// it goes.
class OrderFeed {
 public:
  // A follower that has heard nothing for `idle` is told how far the feed is.
  OrderFeed(Store& store, rpc::Executor& executor, HostMetrics& metrics, base::Duration idle);
  ~OrderFeed();
  OrderFeed(const OrderFeed&) = delete;
  OrderFeed& operator=(const OrderFeed&) = delete;

  // Answers a call. `begin` runs on the executor, may block, and says what is followed, or why not.
  // OutOfRange (REVISION_UNKNOWN) for a revision that the feed has not reached: this store is older
  // than what the follower knows.
  grpc::ServerWriteReactor<proofline::v1::OrderEvent>* Follow(
      grpc::CallbackServerContext* context,
      std::function<absl::StatusOr<Following>(const std::shared_ptr<rpc::Stream>&)> begin);

 private:
  class Follower;

  // The bell of a studio, up to date. Blocks on the disk the first time.
  absl::StatusOr<rpc::FeedSignal*> SignalOf(const std::string& studio);
  void Ring(const std::string& studio, std::int64_t revision);
  void Tick(const std::stop_token& stop);

  Store& store_;
  rpc::Executor& executor_;
  HostMetrics& metrics_;
  const base::Duration idle_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<rpc::FeedSignal>> signals_;
  std::vector<std::weak_ptr<Follower>> followers_;
  std::jthread ticker_;
};

}  // namespace proofline::host
