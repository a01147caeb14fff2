#include "lib/base/shutdown.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "lib/base/check.h"

namespace proofline::base {
namespace {

// Signals belong to the process, so only one object can own them.
std::atomic<bool> g_exists{false};

std::string_view SignalName(std::uint32_t signal) {
  return signal == SIGTERM ? "SIGTERM" : signal == SIGINT ? "SIGINT" : "SIGHUP";
}

}  // namespace

Shutdown::Shutdown(std::function<void()> on_hangup) : on_hangup_(std::move(on_hangup)) {
  PROOFLINE_CHECK(!g_exists.exchange(true), "there is one Shutdown per process");
  sigset_t mask;
  ::sigemptyset(&mask);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&mask, signal);
  PROOFLINE_CHECK(::pthread_sigmask(SIG_BLOCK, &mask, &old_mask_) == 0, "signals can be blocked");
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &old_pipe_);
  signals_.Reset(::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
  wake_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  PROOFLINE_CHECK(signals_ && wake_, "a starting process has two file descriptors left");
  thread_ = std::jthread([this](const std::stop_token& end) { Run(end); });
}

Shutdown::~Shutdown() {
  thread_.request_stop();
  thread_.join();
  // What came during the end must not kill the process once the signals are unblocked.
  TakeSignals();
  ::sigaction(SIGPIPE, &old_pipe_, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
  g_exists = false;
}

std::string Shutdown::Wait() {
  std::unique_lock lock(mutex_);
  requested_.wait(lock, [this] { return !reason_.empty(); });
  return reason_;
}

void Shutdown::Request(std::string_view reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!reason_.empty()) return;
    reason_ = reason.empty() ? std::string_view("asked for") : reason;
  }
  stop_.request_stop();
  requested_.notify_all();
}

std::string Shutdown::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

void Shutdown::Run(const std::stop_token& end) {
  const std::stop_callback wake(end, [this] {
    const std::uint64_t one = 1;
    // A counter that is full wakes as well, so the result does not matter.
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
  });
  while (!end.stop_requested()) {
    std::array<pollfd, 2> watched{{{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return;
    TakeSignals();
  }
}

void Shutdown::TakeSignals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    if (info.ssi_signo == SIGHUP) {
      if (on_hangup_) on_hangup_();
      continue;
    }
    if (token().stop_requested()) {
      spdlog::info("{} received again; already stopping", SignalName(info.ssi_signo));
      continue;
    }
    Request(SignalName(info.ssi_signo));
  }
}

}  // namespace proofline::base
