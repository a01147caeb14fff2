#include "lib/rpc/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_interceptor.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/text.h"
#include "lib/rpc/address.h"
#include "lib/rpc/grpc_log.h"
#include "lib/rpc/pem.h"

namespace proofline::rpc {
namespace {

constexpr int kKeepaliveTimeMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr int kFirstReconnectMs = 500;
constexpr int kMaxReconnectMs = 10'000;
constexpr int kConnectTimeoutMs = 10'000;

// gRPC's own call credentials work over TLS alone; this also serves sockets of this machine.
class BearerInterceptor : public grpc::experimental::Interceptor {
 public:
  explicit BearerInterceptor(const std::string& value) : value_(value) {}
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->insert({"authorization", value_});
    }
    methods->Proceed();
  }

 private:
  const std::string& value_;  // the factory's, which the channel keeps longer than any call
};

class BearerFactory : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit BearerFactory(const std::string& token) : value_(base::Concat("Bearer ", token)) {}
  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* /*info*/) override {
    // gRPC takes ownership.
    return std::make_unique<BearerInterceptor>(value_).release();
  }

 private:
  const std::string value_;
};

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(
    const std::optional<ChannelTls>& tls) {
  if (!tls.has_value()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  if (!tls->ca_file.empty()) {
    absl::StatusOr<std::string> authorities = ReadCertificates(tls->ca_file);
    if (!authorities.ok()) return authorities.status();
    options.pem_root_certs = *std::move(authorities);
  }
  if (!tls->cert_file.empty() || !tls->key_file.empty()) {
    absl::StatusOr<Identity> identity = ReadIdentity(tls->cert_file, tls->key_file);
    if (!identity.ok()) return identity.status();
    options.pem_cert_chain = std::move(identity->certificates);
    options.pem_private_key = std::move(identity->key);
  }
  return grpc::SslCredentials(options);
}

grpc::ChannelArguments Arguments(const ChannelOptions& options, bool local) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // A stream may be silent for days and still has to notice a dead peer.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, local ? 0 : 1);
  arguments.SetMaxReceiveMessageSize(options.max_receive_bytes);
  if (options.tls.has_value() && !options.tls->server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls->server_name);
  }
  return arguments;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const ChannelOptions& options) {
  RouteGrpcLog();
  absl::StatusOr<Address> address = ParseAddress(options.address);
  if (!address.ok()) return address.status();
  const bool local = address->IsLocal();
  if (!options.tls.has_value() && !options.insecure_allowed && !local) {
    return absl::FailedPreconditionError(
        base::Concat("cannot connect to ", options.address,
                     " without TLS: everybody between could read what is ",
                     "said; use TLS, or allow plain text if the network is your own"));
  }
  const bool printable = std::all_of(options.bearer_token.begin(), options.bearer_token.end(),
                                     [](char c) { return c > ' ' && c <= '~'; });
  if (!printable) {
    return absl::InvalidArgumentError(
        base::Concat("the credential for ", options.address,
                     " holds spaces or characters outside ASCII; enter it again"));
  }
  auto credentials = Credentials(options.tls);
  if (!credentials.ok()) return credentials.status();
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  if (!options.bearer_token.empty()) {
    interceptors.push_back(std::make_unique<BearerFactory>(options.bearer_token));
  }
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      address->ToString(), *credentials, Arguments(options, local), std::move(interceptors));
}

void WithDeadline(grpc::ClientContext& context, std::chrono::milliseconds timeout) {
  context.set_deadline(std::chrono::system_clock::now() + timeout);
}

ClientCall::ClientCall(const std::stop_token& stop,
                       std::optional<std::chrono::milliseconds> timeout)
    : on_stop_(stop, Cancel{&context_}) {
  if (timeout.has_value()) WithDeadline(context_, *timeout);
}

}  // namespace proofline::rpc
