// A whole host inside the test: a real store, real gRPC on loopback, and hands to use it with.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "hostd/access.h"
#include "hostd/admin_service.h"
#include "hostd/host_metrics.h"
#include "hostd/live_streams.h"
#include "hostd/not_served.h"
#include "hostd/order_feed.h"
#include "hostd/store.h"
#include "hostd/storefront_service.h"
#include "hostd/sync_service.h"
#include "lib/rpc/server.h"
#include "proofline/v1/admin_service.grpc.pb.h"
#include "proofline/v1/storefront_service.grpc.pb.h"
#include "proofline/v1/sync_service.grpc.pb.h"

namespace proofline::host::test {

class TestHost {
 public:
  struct Options {
    base::Duration idle = std::chrono::seconds(30);
    std::int64_t window_bytes = std::int64_t{8} << 20;
  };
  // `state` exists; control.sock goes there too.
  explicit TestHost(const std::filesystem::path& state) : TestHost(state, Options()) {}
  TestHost(const std::filesystem::path& state, const Options& options);
  ~TestHost();

  Store& store() { return *store_; }
  proofline::v1::AdminService::Stub& admin() { return *admin_stub_; }
  // Clients that send this token with every call; empty: none.
  std::unique_ptr<proofline::v1::SyncService::Stub> Sync(const std::string& key);
  std::unique_ptr<proofline::v1::StorefrontService::Stub> Storefront(const std::string& token);

  void AddStudio(const std::string& id);
  // The device's key.
  std::string AddDevice(const std::string& studio, const std::string& id);
  // The customer with its identifier.
  proofline::v1::Customer AddCustomer(const std::string& studio, const std::string& id,
                                      const proofline::v1::Share& share);
  // A signed-in client.
  std::unique_ptr<proofline::v1::StorefrontService::Stub> SignIn(
      const proofline::v1::Customer& customer);

 private:
  base::Clock& clock_;
  rpc::Metrics all_metrics_;
  HostMetrics metrics_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Access> access_;
  rpc::Executor executor_;
  LiveStreams streams_;
  std::unique_ptr<OrderFeed> feed_;
  std::unique_ptr<SyncService> sync_;
  EnrolmentService enrolment_;
  std::unique_ptr<StorefrontService> storefront_;
  std::unique_ptr<AdminService> admin_;
  std::vector<std::unique_ptr<rpc::Server>> servers_;
  std::unique_ptr<proofline::v1::AdminService::Stub> admin_stub_;
};

// One publish stream as a device drives it.
class PublishClient {
 public:
  PublishClient(TestHost& host, const std::string& key, const std::string& catalog = "cat");
  // What the host answered to `open`; fails the test if it did not.
  const proofline::v1::PublishOpened& opened() const { return opened_; }
  void Send(const std::vector<proofline::v1::PublishEntry>& entries);
  // The next acknowledgement; fails the test if the stream ended.
  proofline::v1::PublishAcknowledgement Read();
  // Reads until `sequence` is acknowledged; all refusals on the way.
  std::vector<proofline::v1::PublishRefusal> ReadUpTo(std::int64_t sequence);
  // Ends the stream properly; its status.
  grpc::Status Finish();
  // Waits for the host to end it.
  grpc::Status WaitForEnd();
  // As a network does.
  void Break() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<proofline::v1::SyncService::Stub> stub_;
  std::unique_ptr<
      grpc::ClientReaderWriter<proofline::v1::PublishRequest, proofline::v1::PublishResponse>>
      stream_;
  proofline::v1::PublishOpened opened_;
};

// Makes a call and returns its status; `response` may be looked at afterwards.
template <typename Stub, typename Method, typename Request, typename Response>
grpc::Status Call(Stub& stub, Method method, const Request& request, Response* response) {
  grpc::ClientContext context;
  return (stub.*method)(&context, request, response);
}

std::string Reason(const grpc::Status& status);

proofline::v1::Share ShareOfGallery(const std::string& studio, const std::string& gallery);

}  // namespace proofline::host::test
