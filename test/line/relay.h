// Stands between two programs and counts what goes through.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/unique_fd.h"

namespace proofline::test {

// Listens on a loopback port of its own, and takes every connection on to another one. One thread.
class Relay {
 public:
  using Clock = std::chrono::steady_clock;
  struct Passed {
    Clock::time_point time;
    std::int64_t bytes = 0;
  };

  Relay(int port, int to) : to_(to), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int yes = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const sockaddr_in address = Loopback(port);
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.get(), 16) != 0) {
      throw std::runtime_error("the relay cannot listen");
    }
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // What went from those who connect to the other side, so far.
  std::vector<Passed> passed() const {
    const std::lock_guard lock(mutex_);
    return passed_;
  }

 private:
  struct Pair {
    base::UniqueFd from;
    base::UniqueFd to;
  };

  static sockaddr_in Loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  static bool Copy(int from, int to, std::int64_t& bytes) {
    std::array<char, 64 * 1024> buffer;
    const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    for (ssize_t put = 0; put < got;) {
      const ssize_t sent =
          ::send(to, buffer.data() + put, static_cast<std::size_t>(got - put), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      put += sent;
    }
    bytes = got;
    return true;
  }

  void Connect() {
    Pair pair{base::UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)),
              base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
    const sockaddr_in address = Loopback(to_);
    if (::connect(pair.to.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
        0) {
      pairs_.push_back(std::move(pair));
    }
  }

  void Run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::vector<pollfd> wait{{listener_.get(), POLLIN, 0}};
      for (const Pair& pair : pairs_) {
        wait.push_back({pair.from.get(), POLLIN, 0});
        wait.push_back({pair.to.get(), POLLIN, 0});
      }
      if (::poll(wait.data(), wait.size(), 50) <= 0) continue;
      std::vector<std::size_t> over;
      for (std::size_t i = 0; i < pairs_.size(); ++i) {
        std::int64_t bytes = 0;
        bool open = true;
        if (wait[1 + 2 * i].revents != 0) {
          open = Copy(pairs_[i].from.get(), pairs_[i].to.get(), bytes);
          const std::lock_guard lock(mutex_);
          passed_.push_back({Clock::now(), bytes});
        }
        if (open && wait[2 + 2 * i].revents != 0) {
          open = Copy(pairs_[i].to.get(), pairs_[i].from.get(), bytes);
        }
        if (!open) over.push_back(i);
      }
      for (auto i = over.rbegin(); i != over.rend(); ++i) {
        pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(*i));
      }
      if (wait[0].revents != 0) Connect();
    }
  }

  const int to_;
  const base::UniqueFd listener_;
  std::deque<Pair> pairs_;
  mutable std::mutex mutex_;
  std::vector<Passed> passed_;
  std::jthread thread_;
};

// Most bytes that passed in any span of time as long as this.
inline std::int64_t MostIn(const std::vector<Relay::Passed>& passed, Relay::Clock::duration span) {
  std::int64_t most = 0;
  std::int64_t now = 0;
  std::size_t first = 0;
  for (const Relay::Passed& one : passed) {
    now += one.bytes;
    for (; one.time - passed[first].time >= span; ++first) now -= passed[first].bytes;
    most = std::max(most, now);
  }
  return most;
}

}  // namespace proofline::test
