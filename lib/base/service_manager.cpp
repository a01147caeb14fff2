#include "lib/base/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace proofline::base {
namespace {

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::optional<std::int64_t> Number(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

// A status is one line, whatever the text was made of.
std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace

ServiceManager::ServiceManager() : socket_(FromEnvironment("NOTIFY_SOCKET")) {
  // Other forms (a virtual machine's socket, for instance) are for other kinds of programs.
  if (!socket_.starts_with('/') && !socket_.starts_with('@')) socket_.clear();
  if (socket_.size() >= sizeof(sockaddr_un::sun_path)) socket_.clear();
  if (socket_.empty()) return;
  const std::optional<std::int64_t> allowed = Number(FromEnvironment("WATCHDOG_USEC"));
  const std::string whose = FromEnvironment("WATCHDOG_PID");
  const bool ours = whose.empty() || Number(whose) == std::int64_t{::getpid()};
  if (ours && allowed.has_value() && *allowed > 0) {
    alive_interval_ = std::chrono::microseconds(std::max<std::int64_t>(1, *allowed / 2));
  }
}

void ServiceManager::Ready(std::string_view status) const {
  Send(Concat("READY=1\nSTATUS=", OneLine(status)));
}

void ServiceManager::Reloading() const {
  // The time tells the service manager this reload from an earlier one.
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
  Send(Concat("RELOADING=1\nMONOTONIC_USEC=", static_cast<std::int64_t>(now.count()),
              "\nSTATUS=reading the configuration again"));
}

void ServiceManager::Stopping(std::string_view status) const {
  Send(Concat("STOPPING=1\nSTATUS=", OneLine(status)));
}

void ServiceManager::Status(std::string_view status) const {
  Send(Concat("STATUS=", OneLine(status)));
}

void ServiceManager::Alive() const { Send("WATCHDOG=1"); }

void ServiceManager::Send(const std::string& message) const {
  if (socket_.empty()) return;
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (socket_.front() == '@') address.sun_path[0] = '\0';
  // A path ends with a zero byte; an abstract name is exactly as long as it says.
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size() +
                                             (socket_.front() == '@' ? 0 : 1));
  // A service manager that does not listen must not keep the daemon from its work.
  [[maybe_unused]] const ssize_t sent =
      ::sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), length);
}

}  // namespace proofline::base
