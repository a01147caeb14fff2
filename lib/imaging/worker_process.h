// One worker process, seen from the process that started it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/unique_fd.h"
#include "lib/imaging/worker_channel.h"

namespace proofline::imaging {

struct WorkerLimits {
  std::filesystem::path program;
  std::uint64_t memory_limit = 0;
  std::uint64_t max_pixels = 0;
  std::uint64_t max_file_bytes = 0;
  int nice = 0;
};

// Owned by one thread at a time. Its destructor kills the process and reaps it.
//
// The worker gets standard input and output of /dev/null, a pipe for standard error, its socket,
// and no other descriptor; a process group of its own, so that Ctrl-C at a terminal ends a daemon
// in its own order; and of the environment only what programs need to run.
class WorkerProcess {
 public:
  // Starts one and waits until it is ready. Unavailable with what it printed last if it does not
  // get there; Cancelled if `stop` comes first.
  static absl::StatusOr<std::unique_ptr<WorkerProcess>> Start(const WorkerLimits& limits,
                                                              const std::stop_token& stop);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  // Sends a request with its descriptors (the second may be -1) and waits for the answer. After any
  // failure the process has been ended. Errors: Cancelled, DeadlineExceeded, ResourceExhausted (it
  // died for want of memory), Internal (it died otherwise; the message is how, such as "signal
  // SEGV"), Unavailable (this process lacks what it needs to speak to it).
  absl::StatusOr<Packet> Exchange(std::string_view request, int fd, int second_fd,
                                  std::chrono::milliseconds time_limit,
                                  const std::stop_token& stop);

  // False once the process is known to have ended.
  bool Alive() const;
  pid_t pid() const { return pid_; }
  // Answers so far.
  int answered() const { return answered_; }

 private:
  WorkerProcess(pid_t pid, base::UniqueFd socket, base::UniqueFd errors);

  absl::StatusOr<Packet> AwaitPacket(std::chrono::milliseconds time_limit,
                                     const std::stop_token& stop);
  // Ends the process if it still runs, and tells how it ended.
  absl::Status EndAndExplain();
  int Reap();
  void DrainErrors();
  std::string LastErrorLine() const;

  pid_t pid_;
  base::UniqueFd socket_;
  base::UniqueFd errors_;
  std::string error_tail_;
  int answered_ = 0;
};

}  // namespace proofline::imaging
