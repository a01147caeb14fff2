// A control service with everything behind it but threads, and a client of it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "daemon/control_service.h"
#include "daemon/ingest.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/server.h"
#include "lib/rpc/status.h"
#include "test/daemon/order_fixture.h"

namespace proofline::studio::test {

class Control {
 public:
  // `pool` makes contact sheets.
  explicit Control(imaging::WorkerPool* pool = nullptr)
      : book(OpenBook(studio)),
        ingest({std::chrono::milliseconds(20), std::chrono::seconds(1)}, studio.catalog()),
        watcher({{studio.root()}}, ingest),
        publisher(grpc::CreateChannel("127.0.0.1:1", grpc::InsecureChannelCredentials()),
                  "the host", studio.catalog(), metrics),
        service({studio.catalog(), *book, ingest, watcher, publisher, pool}) {
    rpc::ServerOptions options;
    options.addresses = {"unix:" + (studio.folder() / "control.sock").string()};
    absl::StatusOr<std::unique_ptr<rpc::Server>> started = rpc::Server::Start(options, {&service});
    REQUIRE(started.ok());
    server = *std::move(started);
    stub = v1::StudioControlService::NewStub(
        rpc::MakeChannel({.address = options.addresses[0]}).value());
  }
  ~Control() {
    service.Stop();
    server->Drain(std::chrono::seconds(1));
  }

  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (v1::StudioControlService::Stub::*method)(grpc::ClientContext*,
                                                                           const Request&,
                                                                           Response*),
                    const Request& request, Response& response) {
    grpc::ClientContext context;
    return rpc::FromGrpc(((*stub).*method)(&context, request, &response));
  }
  v1::GetStudioStatusResponse Status() {
    v1::GetStudioStatusResponse status;
    REQUIRE(Call(&Stub::GetStudioStatus, v1::GetStudioStatusRequest(), status).ok());
    return status;
  }
  v1::LocalPhoto Photo(const std::string& name) {
    v1::GetLocalPhotoRequest request;
    request.set_name(studio.path(name));
    v1::LocalPhoto photo;
    REQUIRE(Call(&Stub::GetLocalPhoto, request, photo).ok());
    return photo;
  }

  using Stub = v1::StudioControlService::Stub;
  Studio studio;
  std::unique_ptr<OrderBook> book;
  Ingest ingest;
  FolderWatcher watcher;
  rpc::Metrics metrics;
  ProofPublisher publisher;
  ControlService service;
  std::unique_ptr<rpc::Server> server;
  std::unique_ptr<v1::StudioControlService::Stub> stub;
};

}  // namespace proofline::studio::test
