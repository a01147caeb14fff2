// Finding a daemon and speaking to it.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "lib/base/clock.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"

namespace proofline::cli {

// One of the three daemons, as it is found on its own machine.
struct DaemonKind {
  const char* word;          // "host"
  const char* program;       // "proofline-hostd"
  const char* state_env;     // environment variable that names its state folder
  const char* state_folder;  // where it is without one: as deploy/systemd has it
};

inline constexpr DaemonKind kStudioDaemon = {
    "studio", "proofline-studiod", "PROOFLINE_STUDIO_STATE", "/var/lib/proofline-studiod"};
inline constexpr DaemonKind kHostDaemon = {"host", "proofline-hostd", "PROOFLINE_HOST_STATE",
                                           "/var/lib/proofline-hostd"};
inline constexpr DaemonKind kLabDaemon = {"lab", "proofline-labd", "PROOFLINE_LAB_STATE",
                                          "/var/lib/proofline-labd"};

// A channel with what an error about it has to say. Copyable; copies share the channel.
struct Connection {
  std::shared_ptr<grpc::Channel> channel;
  std::string peer;  // "the host daemon (unix:/x/control.sock)"
  std::string hint;  // what to do when it does not answer
  base::Duration timeout{};

  // The answer's status in the words of this program.
  absl::Status Explain(const grpc::Status& status) const;
};

// The control socket of the daemon whose state folder is `state`. Reads a file, does not connect
// yet. Unavailable when the daemon is not running there.
absl::StatusOr<Connection> DialControl(const DaemonKind& daemon, const std::string& state,
                                       base::Duration timeout);

// A usage error that tells the text in `request` which is not UTF-8, if there is one: it cannot be
// sent.
absl::Status CheckText(const google::protobuf::Message& request);

// One service at the other end of a connection. Every call blocks until it is answered or the
// connection's timeout is over.
template <typename Service>
class Client {
 public:
  using Stub = typename Service::Stub;

  explicit Client(Connection connection)
      : connection_(std::move(connection)), stub_(Service::NewStub(connection_.channel)) {}

  const Connection& connection() const { return connection_; }
  Stub& stub() const { return *stub_; }

  template <typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(Method<Request, Response> method,
                                const std::type_identity_t<Request>& request) const {
    if (absl::Status status = CheckText(request); !status.ok()) return status;
    grpc::ClientContext context;
    rpc::WithDeadline(context, std::chrono::ceil<std::chrono::milliseconds>(connection_.timeout));
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (!status.ok()) return connection_.Explain(status);
    return response;
  }

  // Calls `each` with every page of a list. `request` has everything but the token.
  template <typename Request, typename Response, typename Each>
  absl::Status ForEachPage(Method<Request, Response> method, std::type_identity_t<Request> request,
                           const Each& each) const {
    while (true) {
      const absl::StatusOr<Response> page = Call(method, request);
      if (!page.ok()) return page.status();
      each(*page);
      if (page->next_page_token().empty()) return absl::OkStatus();
      if (page->next_page_token() == request.page_token()) {
        return absl::DataLossError(connection_.peer + " answered with the same page twice");
      }
      request.set_page_token(page->next_page_token());
    }
  }

 private:
  Connection connection_;
  std::unique_ptr<Stub> stub_;
};

}  // namespace proofline::cli
