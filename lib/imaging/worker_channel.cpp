#include "lib/imaging/worker_channel.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::imaging {
namespace {

constexpr std::size_t kMostDescriptors = 8;

absl::Status Gone() { return absl::UnavailableError("the other end of the socket is gone"); }

// Takes ownership of every descriptor that came with a message.
std::size_t TakeDescriptors(msghdr& message, Packet& packet) {
  std::size_t count = 0;
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t bytes = control->cmsg_len - CMSG_LEN(0);
    for (std::size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(control) + at, sizeof(int));
      base::UniqueFd owned(fd);
      if (count == 0) packet.fd = std::move(owned);
      if (count == 1) packet.second_fd = std::move(owned);
      ++count;
    }
  }
  return count;
}

}  // namespace

absl::Status SendPacket(int socket, std::string_view bytes, int fd, int second_fd) {
  if (bytes.empty() || bytes.size() > kMaxPacketBytes) {
    return absl::ResourceExhaustedError(
        base::Concat("a packet of ", bytes.size(), " bytes cannot be sent to an image worker"));
  }
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const std::array<int, 2> descriptors = {fd, second_fd};
  const std::size_t length = (fd < 0 ? 0u : second_fd < 0 ? 1u : 2u) * sizeof(int);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(descriptors))> control{};
  if (length > 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(length);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(length);
    std::memcpy(CMSG_DATA(header), descriptors.data(), length);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return absl::OkStatus();
  if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return Gone();
  return base::ErrnoStatus(errno, "cannot send to an image worker");
}

absl::StatusOr<Packet> ReceivePacket(int socket) {
  Packet packet;
  packet.bytes.resize(kMaxPacketBytes);
  iovec part{packet.bytes.data(), packet.bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t received = 0;
  do {
    received = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0 && errno != ECONNRESET) {
    return base::ErrnoStatus(errno, "cannot receive from an image worker");
  }
  if (received <= 0) return Gone();
  const std::size_t descriptors = TakeDescriptors(message, packet);
  if ((message.msg_flags & MSG_CTRUNC) != 0 && descriptors < 2) {
    return absl::ResourceExhaustedError("too many open files in this process");
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || descriptors > 2) {
    return absl::InvalidArgumentError("a packet of an image worker is too long");
  }
  packet.bytes.resize(static_cast<std::size_t>(received));
  return packet;
}

absl::StatusOr<base::UniqueFd> MakeMemoryFile(std::span<const std::string_view> pieces) {
  base::UniqueFd file(::memfd_create("proofline-picture", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return base::ErrnoStatus(errno, "cannot make a memory file");
  for (std::string_view piece : pieces) {
    if (absl::Status status = base::WriteAll(file.get(), piece, "a memory file"); !status.ok()) {
      return status;
    }
  }
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::fcntl(file.get(), F_ADD_SEALS, kSeals) != 0) {
    return base::ErrnoStatus(errno, "cannot seal a memory file");
  }
  return file;
}

absl::Status ReadExactly(int fd, std::uint64_t offset, std::span<char> to) {
  while (!to.empty()) {
    const ssize_t got = ::pread(fd, to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::ErrnoStatus(errno, "the file cannot be read");
    if (got == 0) {
      return absl::AbortedError("the file became shorter while it was read; try again later");
    }
    to = to.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return absl::OkStatus();
}

}  // namespace proofline::imaging
