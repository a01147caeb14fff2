// Brings the catalog's changes to the host.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "daemon/catalog.h"
#include "lib/base/rate_limit.h"
#include "lib/base/work_watch.h"
#include "lib/rpc/metrics.h"
#include "proofline/v1/sync_service.grpc.pb.h"

namespace proofline::studio {

// Keeps one publish stream open and sends pending changes in the order of their sequence, packed,
// never more ahead of the acknowledgements than the host's window. Sends at once when something is
// rendered; polls nothing. A catalog that is new hears first which photos the host has. Breaks are
// followed by new attempts for ever, after growing, random waits; a refused credential by one
// attempt a minute. Memory: one window of renditions. A thread of its own, and one more while a
// stream is open. Everything given must outlive it.
class ProofPublisher {
 public:
  struct State {
    bool connected = false;
    std::string message;  // what keeps the host from being connected, for people
  };

  // `peer` names the host in sentences. `limit`: what may go in a second, if there is a limit.
  // `watch` is told of every sending.
  ProofPublisher(std::shared_ptr<grpc::Channel> channel, std::string peer, Catalog& catalog,
                 rpc::Metrics& metrics, base::RateLimit* limit = nullptr,
                 base::WorkWatch* watch = nullptr);
  // As Stop().
  ~ProofPublisher();
  ProofPublisher(const ProofPublisher&) = delete;
  ProofPublisher& operator=(const ProofPublisher&) = delete;

  void Start();
  // What was not acknowledged is sent again after the next start, which may be of the same object.
  void Stop();
  State state() const;
  // Rings when state() has changed.
  const rpc::FeedSignal& changes() const { return changes_; }

 private:
  class Session;

  void Run(const std::stop_token& stop);
  void SetState(bool connected, std::string message);

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::SyncService::Stub> stub_;
  const std::string peer_;
  Catalog& catalog_;
  base::RateLimit* const limit_;
  base::WorkWatch own_watch_;
  base::WorkWatch& watch_;
  rpc::Counter& sent_bytes_;
  rpc::Gauge& connected_;
  mutable std::mutex mutex_;
  State state_;
  rpc::FeedSignal changes_;
  std::jthread thread_;
};

}  // namespace proofline::studio
