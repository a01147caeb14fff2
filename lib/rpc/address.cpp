#include "lib/rpc/address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <memory>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace proofline::rpc {
namespace {

constexpr std::size_t kMaxUnixPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr int kMaxPort = 65535;

bool ConsumePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

absl::Status Malformed(std::string_view text) {
  return absl::InvalidArgumentError(base::Concat(
      "'", text, "' is no address; write host:port (127.0.0.1:4312, [::1]:4312) or unix:/path"));
}

absl::StatusOr<Address> ParseUnix(std::string_view text, std::string_view path) {
  // unix:///path is the same socket as unix:/path.
  ConsumePrefix(path, "//");
  if (path.empty() || path.find('\0') != std::string_view::npos) return Malformed(text);
  if (path.size() > kMaxUnixPath) {
    return absl::InvalidArgumentError(
        base::Concat("the path of the socket ", path, " has ", path.size(), " characters; at most ",
                     kMaxUnixPath, " are possible, choose a shorter one"));
  }
  Address address;
  address.is_unix = true;
  address.path = std::string(path);
  return address;
}

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

bool IsIpv6Character(char c) { return IsHostCharacter(c) || c == ':' || c == '%'; }

template <typename Allowed>
bool All(std::string_view text, Allowed allowed) {
  for (const char c : text) {
    if (!allowed(c)) return false;
  }
  return !text.empty();
}

absl::Status ListenError(int error, const Address& address, std::string_view where) {
  const std::string choose = base::Concat("; choose another address in ", where);
  const std::string what = base::Concat("cannot listen on ", address.ToString());
  switch (error) {
    case EADDRINUSE:
      return absl::FailedPreconditionError(
          base::Concat(what, ": the port is in use by another program", choose));
    case EADDRNOTAVAIL:
      return absl::FailedPreconditionError(
          base::Concat(what, ": this machine does not have that address", choose));
    case EACCES:
      return absl::PermissionDeniedError(
          base::Concat(what, ": this user may not use the port", choose));
    default: {
      const absl::Status status = base::ErrnoStatus(error, what);
      return absl::Status(status.code(), base::Concat(status.message(), choose));
    }
  }
}

}  // namespace

std::string Address::ToString() const {
  if (is_unix) return base::Concat("unix:", path);
  if (host.find(':') != std::string::npos) return base::Concat("[", host, "]:", port);
  return base::Concat(host, ":", port);
}

bool Address::IsLocal() const {
  if (is_unix || host == "localhost" || host == "::1") return true;
  // A name such as 127.evil.example must not pass for an address.
  return host.starts_with("127.") &&
         All(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  std::string_view rest = text;
  if (ConsumePrefix(rest, "unix:")) return ParseUnix(text, rest);

  Address address;
  std::string_view port;
  if (ConsumePrefix(rest, "[")) {
    const std::size_t end = rest.find("]:");
    if (end == std::string_view::npos) return Malformed(text);
    address.host = std::string(rest.substr(0, end));
    port = rest.substr(end + 2);
    if (!All(address.host, IsIpv6Character)) return Malformed(text);
  } else {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return Malformed(text);
    address.host = std::string(rest.substr(0, colon));
    port = rest.substr(colon + 1);
    if (!All(address.host, IsHostCharacter)) return Malformed(text);
  }
  const char* end = port.data() + port.size();
  const auto [rest_of_port, error] = std::from_chars(port.data(), end, address.port);
  if (error != std::errc() || rest_of_port != end || address.port < 0 || address.port > kMaxPort) {
    return Malformed(text);
  }
  return address;
}

absl::Status ProbeListen(const Address& address, std::string_view where) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* raw = nullptr;
  if (::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &raw) !=
      0) {
    return absl::FailedPreconditionError(base::Concat("cannot listen on ", address.ToString(),
                                                      ": nobody knows the name ", address.host,
                                                      "; choose another address in ", where));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> found(raw, &::freeaddrinfo);
  for (const addrinfo* one = found.get(); one != nullptr; one = one->ai_next) {
    const base::UniqueFd fd(::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return ListenError(errno, address, where);
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (::bind(fd.get(), one->ai_addr, one->ai_addrlen) != 0 || ::listen(fd.get(), 1) != 0) {
      return ListenError(errno, address, where);
    }
  }
  return absl::OkStatus();
}

}  // namespace proofline::rpc
