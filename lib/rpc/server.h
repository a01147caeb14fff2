// A gRPC server as every daemon runs it: addresses, TLS, health, reflection, limits, drain.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace proofline::rpc {

// PEM files of a server that speaks TLS on its TCP addresses.
struct ServerTls {
  std::string cert_file;
  std::string key_file;
  // Empty: clients need no certificate. Otherwise only clients whose certificate one of these
  // authorities signed get through the handshake.
  std::string client_ca_file;
};

struct ServerOptions {
  // "host:port", "[v6]:port" (port 0: any free one) or "unix:/path". At least one.
  std::vector<std::string> addresses;
  // Without it TCP addresses are plain text. Unix sockets are always plain text.
  std::optional<ServerTls> tls;
  // Plain text on an address other hosts can reach; refused unless this is set.
  bool insecure_allowed = false;
  // Completes the sentence "choose another address in …" of a refused address.
  std::string where = "the configuration";
  // Largest message taken, in bytes; a larger one ends its call with RESOURCE_EXHAUSTED. What comes
  // is read and parsed before a service sees it: give each server what its own calls need.
  int max_receive_bytes = 16 << 20;
  // Open calls of one connection; further ones wait at the client.
  int max_streams_per_connection = 256;
  // Memory for buffers of all connections, in bytes; beyond it the server reads more slowly and
  // refuses new connections.
  std::size_t max_buffer_bytes = std::size_t{256} << 20;
  // A client that says nothing for this long is asked whether it is there, and has the timeout to
  // answer before its connection (and every call on it) ends.
  std::chrono::milliseconds keepalive_time{30'000};
  std::chrono::milliseconds keepalive_timeout{10'000};
  // Who connects and does not say what it is there for (TLS, HTTP/2) in this time is hung up on.
  std::chrono::milliseconds handshake_timeout{20'000};
  // A connection on which no call has been open for this long is closed; clients connect again.
  std::chrono::milliseconds idle_timeout{15 * 60'000};
};

// A running server. Thread-safe. The services must outlive it. Clients may ping every 10 s, even
// without calls. Carries the standard health service (grpc.health.v1) and server reflection
// (v1alpha) beside the given services.
class Server {
  struct Key {
    explicit Key() = default;
  };

 public:
  using Options = ServerOptions;

  // Binds all addresses and serves. Errors are sentences:
  // - InvalidArgument: an address nobody can read; certificate or key that are not one, or do not
  //   belong together.
  // - FailedPrecondition: "cannot listen on 127.0.0.1:4312: the port is in use by another program;
  //   choose another address in WHERE", a socket somebody listens on, or plain text asked for on an
  //   address that other hosts can reach.
  // - NotFound, PermissionDenied: a file or the socket's folder is not there or not allowed.
  //
  // A unix socket is made with mode 0600 in a folder that exists; one left behind by a killed
  // process is replaced. The process's umask is 0177 while sockets are made: start the server
  // before threads that make folders.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options,
                                                       const std::vector<grpc::Service*>& services);

  // For Start alone.
  Server(Key, std::unique_ptr<grpc::Server> server, std::vector<std::string> addresses);
  // As Drain(0).
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // What is listened on, in the order of Options::addresses, with real ports.
  const std::vector<std::string>& addresses() const { return addresses_; }

  // Answers NOT_SERVING to health checks, takes no new connections and calls, gives calls `grace`
  // to end, cancels the others, and returns when all have ended. Finish long streams before or
  // while it runs (OpenStreams::FinishAll), else they use up the grace. The services are no longer
  // called afterwards. Calling it again is fine.
  void Drain(std::chrono::milliseconds grace);

 private:
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> addresses_;
  std::mutex drain_mutex_;
  bool drained_ = false;
};

}  // namespace proofline::rpc
