// What a daemon tells the service manager that started it (systemd's notification protocol).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "lib/base/clock.h"

namespace proofline::base {

// Sends datagrams to the socket that NOTIFY_SOCKET names: a path, or an abstract name after '@'.
// Without that variable, or when nobody listens, every call does nothing: a daemon runs the same
// without a service manager. Calls never block. Thread-safe.
class ServiceManager {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID once.
  ServiceManager();

  // Started, or done with reloading. `status` is one line for `systemctl status`.
  void Ready(std::string_view status) const;
  // The configuration is being read again; Ready() ends it.
  void Reloading() const;
  void Stopping(std::string_view status) const;
  void Status(std::string_view status) const;
  // The watchdog's due: say it only when work is really getting on.
  void Alive() const;

  bool present() const { return !socket_.empty(); }
  // How often Alive() is to be said: a half of what the service manager allows; zero for never.
  Duration alive_interval() const { return alive_interval_; }

 private:
  void Send(const std::string& message) const;

  std::string socket_;
  Duration alive_interval_{0};
};

}  // namespace proofline::base
