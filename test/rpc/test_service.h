// A real server and a real client for tests, with behaviour that each test gives.
#pragma once

#include <grpcpp/create_channel.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/sanitized.h"
#include "lib/rpc/call.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/server.h"
#include "lib/rpc/stream.h"
#include "proofline/v1/sync_service.grpc.pb.h"
#include "test/catch.h"

namespace proofline::rpc {

namespace pb = proofline::v1;

using OrderWriter = ServerStreamWriter<pb::OrderEvent>;
using PublishStream = BidiStream<pb::PublishRequest, pb::PublishResponse>;

// Each method does what its function says.
class TestService : public pb::SyncService::CallbackService {
 public:
  std::function<grpc::ServerUnaryReactor*(
      grpc::CallbackServerContext*, const pb::ReportProgressRequest*, pb::ReportProgressResponse*)>
      on_report;
  std::function<std::shared_ptr<OrderWriter>()> on_follow;
  std::function<std::shared_ptr<OrderWriter>(grpc::CallbackServerContext*)> on_follow_with_context;
  std::function<std::shared_ptr<PublishStream>()> on_publish;

  grpc::ServerUnaryReactor* ReportProgress(grpc::CallbackServerContext* context,
                                           const pb::ReportProgressRequest* request,
                                           pb::ReportProgressResponse* response) override {
    if (on_report) return on_report(context, request, response);
    return Answer(context, response, absl::StatusOr<pb::ReportProgressResponse>(*response));
  }
  grpc::ServerWriteReactor<pb::OrderEvent>* FollowDeviceOrders(
      grpc::CallbackServerContext* context,
      const pb::FollowDeviceOrdersRequest* /*request*/) override {
    if (on_follow_with_context) return on_follow_with_context(context)->reactor();
    return on_follow()->reactor();
  }
  grpc::ServerBidiReactor<pb::PublishRequest, pb::PublishResponse>* Publish(
      grpc::CallbackServerContext* /*context*/) override {
    return on_publish()->reactor();
  }
};

// Counts things that other threads do, and lets the test wait for them.
class Counted {
 public:
  void Add() {
    // Under the lock: whoever waits may destroy this as soon as it is released.
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  // False if it takes longer than anything takes on a working machine.
  bool Reaches(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(base::kSanitized ? 150 : 30),
                             [&] { return count_ >= count; });
  }
  int count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

// The service on a free port of the loopback, with a client.
struct Line {
  explicit Line(TestService& service, ServerOptions options = {}, ChannelOptions client = {}) {
    if (options.addresses.empty()) options.addresses = {"127.0.0.1:0"};
    auto started = Server::Start(options, {&service});
    INFO(started.status().ToString());
    REQUIRE(started.ok());
    server = *std::move(started);
    Connect(client);
  }

  // Anew.
  void Connect(ChannelOptions client = {}) {
    client.address = server->addresses().front();
    auto made = MakeChannel(client);
    INFO(made.status().ToString());
    REQUIRE(made.ok());
    channel = *made;
    stub = pb::SyncService::NewStub(channel);
  }

  grpc::Status Report() {
    grpc::ClientContext context;
    WithDeadline(context, std::chrono::seconds(20));
    pb::ReportProgressResponse response;
    return stub->ReportProgress(&context, {}, &response);
  }

  std::unique_ptr<Server> server;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<pb::SyncService::Stub> stub;
};

}  // namespace proofline::rpc
