// proofline-imaging-worker: one of a worker pool's processes. It is started by a pool, with its
// limits as arguments and its socket as descriptor 3, and works off one request after another until
// the other end of the socket is gone.
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "lib/base/sanitized.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"
#include "lib/imaging/vips_runtime.h"
#include "lib/imaging/worker_channel.h"
#include "lib/imaging/worker_service.h"

namespace proofline::imaging {
namespace {

struct Limits {
  std::uint64_t memory = 0;
  std::uint64_t max_pixels = 0;
  std::uint64_t max_file_bytes = 0;
  std::uint64_t nice = 0;
};

bool ParseArguments(int argc, char** argv, Limits& limits) {
  const std::pair<std::string_view, std::uint64_t*> known[] = {
      {"--memory-limit=", &limits.memory},
      {"--max-pixels=", &limits.max_pixels},
      {"--max-file-bytes=", &limits.max_file_bytes},
      {"--nice=", &limits.nice}};
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    bool understood = false;
    for (const auto& [name, value] : known) {
      if (!argument.starts_with(name)) continue;
      understood = absl::SimpleAtoi(base::ToAbsl(argument.substr(name.size())), value);
    }
    if (!understood) return false;
  }
  return limits.memory > 0 && limits.max_pixels > 0 && limits.max_file_bytes > 0;
}

bool HasSocket() {
  int type = 0;
  socklen_t size = sizeof(type);
  return ::getsockopt(kWorkerSocket, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
         type == SOCK_SEQPACKET && ::fcntl(kWorkerSocket, F_SETFD, FD_CLOEXEC) == 0;
}

// One picture after another needs blocks of some megabytes. Kept, they cost nothing; handed back to
// the system, they come back one page fault at a time.
void KeepMemory() {
  constexpr int kLargestKeptBlock = 32 << 20;
  constexpr int kMostKept = 96 << 20;
  ::mallopt(M_MMAP_THRESHOLD, kLargestKeptBlock);
  ::mallopt(M_TRIM_THRESHOLD, kMostKept);
}

constexpr std::uint64_t kLowestNice = 19;

// Reading the original comes after what other programs read, too. At the lowest priority both the
// processor and the disk are used only when nobody else wants them. Where the system does not allow
// it the work is done all the same.
void LowerFurther(std::uint64_t nice) {
  const bool idle = nice == kLowestNice;
  // Where the kernel shares the processors out between sessions first (autogroup), this process was
  // given one of its own, whose priority counts.
  if (::getsid(0) == ::getpid()) {
    const base::UniqueFd group(::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC));
    const std::string text = base::Concat(nice);
    // The kernel takes no more than ten such requests in a second from all of its users.
    for (int i = 0; group && i < 50; ++i) {
      if (::write(group.get(), text.data(), text.size()) >= 0 || errno != EAGAIN) break;
      ::usleep(20'000);
    }
  }
  // The C library has no call and no names for it: class 2 is best effort with 8 levels, 3 idle.
  constexpr int kThisProcess = 1;
  constexpr int kBestEffortLowest = (2 << 13) | 7;
  constexpr int kIdle = 3 << 13;
  ::syscall(SYS_ioprio_set, kThisProcess, 0, idle ? kIdle : kBestEffortLowest);
  const sched_param no_priority{};
  if (idle) ::sched_setscheduler(0, SCHED_IDLE, &no_priority);
}

void ApplyLimits(const Limits& limits) {
  const rlimit memory{limits.memory, limits.memory};
  if (!base::kSanitized) ::setrlimit(RLIMIT_AS, &memory);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  errno = 0;
  if (::nice(static_cast<int>(limits.nice)) == -1 && errno != 0) {
    std::fputs("the image worker keeps its priority: it may not lower it\n", stderr);
  }
  if (limits.nice > 0) LowerFurther(limits.nice);
}

// Ends this process as soon as the other end is gone, in the middle of a picture too. (A death
// signal would come when the thread that started this process ends, not the whole pool.)
void WatchOtherEnd() {
  pollfd wait{kWorkerSocket, 0, 0};
  while (true) {
    const int ready = ::poll(&wait, 1, -1);
    if (ready > 0 || (ready < 0 && errno != EINTR)) ::_exit(0);
  }
}

bool SendAnswer(const WorkerAnswer& answer) {
  base::UniqueFd file;
  if (!answer.outputs.empty()) {
    const std::vector<std::string_view> pieces(answer.outputs.begin(), answer.outputs.end());
    absl::StatusOr<base::UniqueFd> made = MakeMemoryFile(pieces);
    if (!made.ok()) {
      wire::Reply failure;
      failure.set_code(static_cast<int>(made.status().code()));
      failure.set_reason(std::string(made.status().message()));
      return SendPacket(kWorkerSocket, failure.SerializeAsString(), -1).ok();
    }
    file = *std::move(made);
  }
  wire::Reply reply = answer.reply;
  // An answer without anything to say would be a packet without bytes, which is an end.
  if (reply.ByteSizeLong() == 0) reply.add_outputs();
  return SendPacket(kWorkerSocket, reply.SerializeAsString(), file.get()).ok();
}

// Returns when the other end is gone or makes no sense.
void Work(const Limits& limits) {
  const PictureLimits picture_limits{.max_pixels = limits.max_pixels};
  while (true) {
    absl::StatusOr<Packet> packet = ReceivePacket(kWorkerSocket);
    wire::Request request;
    if (!packet.ok() || !packet->fd || !request.ParseFromString(packet->bytes)) return;
    const WorkerAnswer answer = Serve(request, packet->fd.get(), packet->second_fd.get(),
                                      picture_limits, limits.max_file_bytes);
    // Whoever has the answer may rely on the original being let go.
    packet->fd.Reset();
    if (!SendAnswer(answer)) return;
  }
}

int Run(int argc, char** argv) {
  Limits limits;
  if (!ParseArguments(argc, argv, limits) || !HasSocket()) {
    std::fputs("proofline-imaging-worker is started by the other Proofline programs, not by hand\n",
               stderr);
    return 2;
  }
  KeepMemory();
  ApplyLimits(limits);
  if (absl::Status status = StartVips(); !status.ok()) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()),
                 status.message().data());
    return 1;
  }
  const std::jthread watcher(WatchOtherEnd);
  if (!SendPacket(kWorkerSocket, "ready", -1).ok()) ::_exit(0);
  Work(limits);
  // The watcher never returns; there is nothing to save.
  ::_exit(0);
}

}  // namespace
}  // namespace proofline::imaging

int main(int argc, char** argv) { return proofline::imaging::Run(argc, argv); }
