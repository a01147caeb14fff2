#include "lib/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"
#include "lib/rpc/address.h"
#include "lib/rpc/grpc_log.h"
#include "lib/rpc/pem.h"

namespace proofline::rpc {
namespace {

// Reflection is the one service that holds a thread per open stream; this bounds it.
constexpr int kMaxReflectionThreads = 16;
constexpr int kMinPingIntervalMs = 10'000;
constexpr mode_t kPrivateSocketUmask = 0177;

// The umask belongs to the process, so two servers must not change it at once.
class PrivateUmask {
 public:
  PrivateUmask() : lock_(mutex_), old_(::umask(kPrivateSocketUmask)) {}
  ~PrivateUmask() { ::umask(old_); }
  PrivateUmask(const PrivateUmask&) = delete;
  PrivateUmask& operator=(const PrivateUmask&) = delete;

 private:
  static inline std::mutex mutex_;
  std::lock_guard<std::mutex> lock_;
  mode_t old_;
};

absl::StatusOr<std::vector<Address>> ParseAddresses(const ServerOptions& options) {
  if (options.addresses.empty()) {
    return absl::InvalidArgumentError(
        base::Concat("there is no address to listen on; give one in ", options.where));
  }
  std::vector<Address> addresses;
  for (const std::string& text : options.addresses) {
    absl::StatusOr<Address> address = ParseAddress(text);
    if (!address.ok()) return address.status();
    if (!options.tls.has_value() && !options.insecure_allowed && !address->IsLocal()) {
      return absl::FailedPreconditionError(base::Concat(
          "cannot listen on ", text, " without TLS: other machines can reach that address, and ",
          "everybody between could read what they say; give a certificate and a key, or an ",
          "address of this machine alone, in ", options.where));
    }
    addresses.push_back(*std::move(address));
  }
  return addresses;
}

// True if a program listens on the socket.
bool SomebodyListens(const std::string& path) {
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  const base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return true;
  // A full backlog answers EAGAIN: there is somebody, only busy.
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0 ||
         errno == EAGAIN || errno == EINPROGRESS;
}

// gRPC replaces whatever socket it finds, so look first whether it is still in use.
absl::Status PrepareSocket(const Address& address, const std::string& where) {
  const std::string what = base::Concat("cannot listen on ", address.ToString());
  const std::filesystem::path folder =
      std::filesystem::absolute(std::filesystem::path(address.path)).parent_path();
  struct stat facts = {};
  if (::stat(folder.c_str(), &facts) != 0) {
    return base::ErrnoStatus(errno, base::Concat(what, ": the folder ", folder.string()));
  }
  if (::lstat(address.path.c_str(), &facts) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return base::ErrnoStatus(errno, what);
  }
  if (!S_ISSOCK(facts.st_mode)) {
    return absl::FailedPreconditionError(
        base::Concat(what, ": there is something else of that name; choose another address in ",
                     where, ", or move it away"));
  }
  if (SomebodyListens(address.path)) {
    return absl::FailedPreconditionError(base::Concat(
        what, ": the socket is in use by another program; choose another address in ", where));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> TcpCredentials(
    const std::optional<ServerTls>& tls) {
  if (!tls.has_value()) return grpc::InsecureServerCredentials();
  absl::StatusOr<Identity> identity = ReadIdentity(tls->cert_file, tls->key_file);
  if (!identity.ok()) return identity.status();
  grpc::SslServerCredentialsOptions options(
      tls->client_ca_file.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                  : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  if (!tls->client_ca_file.empty()) {
    absl::StatusOr<std::string> authorities = ReadCertificates(tls->client_ca_file);
    if (!authorities.ok()) return authorities.status();
    options.pem_root_certs = *std::move(authorities);
  }
  options.pem_key_cert_pairs.push_back({identity->key, identity->certificates});
  return grpc::SslServerCredentials(options);
}

void SetLimits(grpc::ServerBuilder& builder, const ServerOptions& options) {
  // Two programs on one port would each get some of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams_per_connection);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                             static_cast<int>(options.keepalive_time.count()));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             static_cast<int>(options.keepalive_timeout.count()));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             static_cast<int>(options.handshake_timeout.count()));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                             static_cast<int>(options.idle_timeout.count()));
  builder.SetMaxReceiveMessageSize(options.max_receive_bytes);
  grpc::ResourceQuota quota("server");
  quota.Resize(options.max_buffer_bytes);
  quota.SetMaxThreads(kMaxReflectionThreads);
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 2);
}

// Why gRPC, which does not say, could not listen.
absl::Status WhyNot(const std::vector<Address>& addresses, const std::vector<int>& ports,
                    const std::string& where) {
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (ports[i] > 0) continue;
    if (!addresses[i].is_unix) {
      absl::Status reason = ProbeListen(addresses[i], where);
      if (!reason.ok()) return reason;
    }
    return absl::FailedPreconditionError(
        base::Concat("cannot listen on ", addresses[i].ToString(),
                     "; see whether this user may, or choose another address in ", where));
  }
  return absl::InternalError("the server could not be started");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options,
                                                      const std::vector<grpc::Service*>& services) {
  RouteGrpcLog();
  absl::StatusOr<std::vector<Address>> addresses = ParseAddresses(options);
  if (!addresses.ok()) return addresses.status();
  auto credentials = TcpCredentials(options.tls);
  if (!credentials.ok()) return credentials.status();

  // Both settings are gRPC's own globals; setting them again changes nothing.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  grpc::ServerBuilder builder;
  SetLimits(builder, options);
  std::vector<int> ports(addresses->size(), 0);
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    const Address& address = (*addresses)[i];
    if (address.is_unix) {
      if (absl::Status status = PrepareSocket(address, options.where); !status.ok()) return status;
    }
    builder.AddListeningPort(address.ToString(),
                             address.is_unix ? grpc::InsecureServerCredentials() : *credentials,
                             &ports[i]);
  }
  for (grpc::Service* service : services) builder.RegisterService(service);

  std::unique_ptr<grpc::Server> server;
  {
    const PrivateUmask private_sockets;
    server = builder.BuildAndStart();
  }
  if (server == nullptr) return WhyNot(*addresses, ports, options.where);

  std::vector<std::string> bound;
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    if (!(*addresses)[i].is_unix) (*addresses)[i].port = ports[i];
    bound.push_back((*addresses)[i].ToString());
  }
  server->GetHealthCheckService()->SetServingStatus(true);
  return std::make_unique<Server>(Key(), std::move(server), std::move(bound));
}

Server::Server(Key, std::unique_ptr<grpc::Server> server, std::vector<std::string> addresses)
    : server_(std::move(server)), addresses_(std::move(addresses)) {}

Server::~Server() { Drain(std::chrono::milliseconds(0)); }

void Server::Drain(std::chrono::milliseconds grace) {
  const std::lock_guard lock(drain_mutex_);
  if (drained_) return;
  drained_ = true;
  server_->GetHealthCheckService()->Shutdown();
  server_->Shutdown(std::chrono::system_clock::now() + grace);
}

}  // namespace proofline::rpc
