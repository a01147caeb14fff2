// The end of a daemon, asked for by a signal or by the program itself.
#pragma once

#include <signal.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "lib/base/unique_fd.h"

namespace proofline::base {

// Takes over SIGTERM, SIGINT and SIGHUP for the process and turns the first two into a stop
// request. SIGHUP calls `on_hangup` (nothing if empty) on this object's own thread. SIGPIPE is
// ignored from then on. Further signals after the first are only logged.
//
// Construct it in main before any other thread starts (threads inherit the blocked signals), one
// per process at a time. A child process inherits the blocked signals too: unblock them between
// fork and exec. The destructor restores the signals as they were.
class Shutdown {
 public:
  explicit Shutdown(std::function<void()> on_hangup = {});
  ~Shutdown();
  Shutdown(const Shutdown&) = delete;
  Shutdown& operator=(const Shutdown&) = delete;

  // Requested once the process is to end. Callbacks on it run on the signal thread: keep them
  // short.
  std::stop_token token() const { return stop_.get_token(); }
  // Blocks until the end is asked for; returns the reason.
  std::string Wait();
  // Asks for the end, from any thread. The first reason stays.
  void Request(std::string_view reason);
  // The reason, or nothing while no end has been asked for.
  std::string reason() const;

 private:
  void Run(const std::stop_token& end);
  // Takes the signals that are pending; never blocks.
  void TakeSignals();

  std::function<void()> on_hangup_;
  mutable std::mutex mutex_;
  std::condition_variable requested_;
  std::string reason_;
  std::stop_source stop_;
  sigset_t old_mask_{};
  struct sigaction old_pipe_ {};
  UniqueFd signals_;
  UniqueFd wake_;
  std::jthread thread_;
};

}  // namespace proofline::base
