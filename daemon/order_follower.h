// Hears from the host which orders this device has part in.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "daemon/order_book.h"
#include "proofline/v1/sync_service.grpc.pb.h"

namespace proofline::studio {

// Follows the host's feed of orders from the last revision in the book; each entry is durable there
// before the next is taken. Breaks are followed by new attempts for ever. A feed that no longer
// reaches back far enough is read from its beginning: orders that are known change nothing. One
// thread of its own. Everything given must outlive it.
class OrderFollower {
 public:
  OrderFollower(std::shared_ptr<grpc::Channel> channel, std::string peer, OrderBook& book);
  // As Stop().
  ~OrderFollower();
  OrderFollower(const OrderFollower&) = delete;
  OrderFollower& operator=(const OrderFollower&) = delete;

  void Start();
  void Stop();

 private:
  void Run(const std::stop_token& stop);
  absl::Status Follow(std::int64_t after, const std::stop_token& stop, bool& heard);

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::SyncService::Stub> stub_;
  const std::string peer_;
  OrderBook& book_;
  std::jthread thread_;
};

}  // namespace proofline::studio
