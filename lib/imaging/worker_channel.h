// Packets with a descriptor over a Unix socket, and memory files: what the pool and its workers
// exchange. Nothing here trusts what it receives.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/unique_fd.h"

namespace proofline::imaging {

inline constexpr std::size_t kMaxPacketBytes = std::size_t{128} * 1024;
// The worker's end of the socket.
inline constexpr int kWorkerSocket = 3;

struct Packet {
  std::string bytes;
  // Not valid if none came.
  base::UniqueFd fd;
  base::UniqueFd second_fd;
};

// Sends one packet, with `fd` unless that is negative, and then with `second_fd` unless that is.
// Never raises SIGPIPE and never waits:
// Unavailable if the other end is gone or does not read, ResourceExhausted if `bytes` is above
// kMaxPacketBytes.
absl::Status SendPacket(int socket, std::string_view bytes, int fd, int second_fd = -1);

// Blocks for one packet. Unavailable when the other end is gone; InvalidArgument for a packet that
// is too long or has more than two descriptors (all of which are closed); ResourceExhausted if this
// process had no room for a descriptor.
absl::StatusOr<Packet> ReceivePacket(int socket);

// A memory file with the pieces one after another, sealed against every further change.
absl::StatusOr<base::UniqueFd> MakeMemoryFile(std::span<const std::string_view> pieces);

// Exactly `size` bytes from `offset`. Does not move the descriptor's own offset. Aborted if the
// file ends before.
absl::Status ReadExactly(int fd, std::uint64_t offset, std::span<char> to);

}  // namespace proofline::imaging
