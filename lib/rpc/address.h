// Addresses as people write them in configurations and on command lines.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace proofline::rpc {

// "127.0.0.1:4312", "photos.example:4312", "[::1]:4312" or "unix:/run/proofline/control.sock".
struct Address {
  bool is_unix = false;
  std::string path;  // of a unix socket
  std::string host;  // without brackets
  int port = 0;

  // The form it was read from.
  std::string ToString() const;
  // Only programs of this machine can reach it: a unix socket, localhost, 127.0.0.0/8, ::1.
  bool IsLocal() const;
};

// InvalidArgument says what an address looks like. A port is 0 to 65535; a unix path is absolute or
// relative and shorter than the system's limit of 108 bytes.
absl::StatusOr<Address> ParseAddress(std::string_view text);

// Why a TCP address cannot be listened on, found by trying: OK if it can be, now. `where` completes
// "choose another address in …".
absl::Status ProbeListen(const Address& address, std::string_view where);

}  // namespace proofline::rpc
