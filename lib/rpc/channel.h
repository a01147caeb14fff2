// The client's side of a connection, and calls that can be stopped.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"

namespace proofline::rpc {

// PEM files of a client that speaks TLS.
struct ChannelTls {
  // Authorities that may sign the server's certificate; empty: those the system trusts.
  std::string ca_file;
  // The client's own certificate; both empty if it has none.
  std::string cert_file;
  std::string key_file;
  // The name the server's certificate must carry if it is not the address's host.
  std::string server_name;
};

struct ChannelOptions {
  // "host:port", "[v6]:port" or "unix:/path".
  std::string address;
  // Without it the connection is plain text.
  std::optional<ChannelTls> tls;
  // Plain text to another machine; refused unless this is set.
  bool insecure_allowed = false;
  // Sent as `authorization: Bearer …` with every call; empty: none.
  std::string bearer_token;
  // Largest message taken, in bytes.
  int max_receive_bytes = 16 << 20;
};

// A channel that connects at its first call and again after every break, first after about 0.5 s,
// later after at most 10 s; it notices a dead peer within 40 s. Never blocks on the network.
// Channels share no connection. InvalidArgument for an address nobody can read or files that are
// no PEM; FailedPrecondition for plain text to another machine; errors of files name the file.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const ChannelOptions& options);

// Ends the call with DEADLINE_EXCEEDED `timeout` from now.
void WithDeadline(grpc::ClientContext& context, std::chrono::milliseconds timeout);

// The context of one call that is cancelled as soon as `stop` is requested; a call that starts
// later is cancelled at once. Must outlive the call. Not movable.
class ClientCall {
 public:
  // Without a timeout the call may last for ever, as streams do.
  explicit ClientCall(const std::stop_token& stop,
                      std::optional<std::chrono::milliseconds> timeout = std::nullopt);
  grpc::ClientContext* context() { return &context_; }

 private:
  struct Cancel {
    grpc::ClientContext* context;
    void operator()() const { context->TryCancel(); }
  };
  grpc::ClientContext context_;
  std::stop_callback<Cancel> on_stop_;
};

}  // namespace proofline::rpc
