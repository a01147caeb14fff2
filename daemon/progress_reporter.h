// Tells the host how far this device's shares are, and what its labs can make.
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

// Sends every report that waits in the book until the host has taken it, at once when one comes. Of
// several reports of a share only the newest counts. One thread of its own. Everything given must
// outlive it.
class ProgressReporter {
 public:
  ProgressReporter(std::shared_ptr<grpc::Channel> channel, std::string peer, OrderBook& book);
  // As Stop().
  ~ProgressReporter();
  ProgressReporter(const ProgressReporter&) = delete;
  ProgressReporter& operator=(const ProgressReporter&) = delete;

  void Start();
  void Stop();

 private:
  void Run(const std::stop_token& stop);
  // Sends what waits; `sent` tells whether anything was taken.
  absl::Status SendAll(const std::stop_token& stop, bool& sent);
  absl::Status SendLabs(const std::stop_token& stop, bool& sent);
  absl::Status SendShares(const std::stop_token& stop, bool& sent);

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::SyncService::Stub> stub_;
  const std::string peer_;
  OrderBook& book_;
  std::jthread thread_;
};

}  // namespace proofline::studio
