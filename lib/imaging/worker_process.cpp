#include "lib/imaging/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

extern char** environ;

namespace proofline::imaging {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kStartLimit = std::chrono::seconds(30);
constexpr std::size_t kKeptErrorBytes = 4096;
// Descriptors meant for the child are moved here first, so that arranging 0 to 3 cannot overwrite
// them.
constexpr int kAboveStandard = 10;

// Secrets that a daemon has in its environment are none of a decoder's business.
bool WorkerMayKnow(std::string_view variable) {
  static constexpr std::array<std::string_view, 10> kNames = {
      "PATH=",         "LANG=",           "LC_",           "TZ=",
      "TMPDIR=",       "ASAN_OPTIONS=",   "LSAN_OPTIONS=", "UBSAN_OPTIONS=",
      "TSAN_OPTIONS=", "LD_LIBRARY_PATH="};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view name) { return variable.starts_with(name); });
}

std::vector<char*> WorkerEnvironment() {
  std::vector<char*> kept;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (WorkerMayKnow(*variable)) kept.push_back(*variable);
  }
  // A worker is one of several already, each for one core.
  static char one_thread[] = "OMP_NUM_THREADS=1";
  kept.push_back(one_thread);
  kept.push_back(nullptr);
  return kept;
}

// The posix_spawn settings, destroyed with the object.
class SpawnSettings {
 public:
  explicit SpawnSettings(bool own_session) : own_session_(own_session) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  void Arrange(int socket, int errors) {
    ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, errors, 2);
    ::posix_spawn_file_actions_adddup2(&actions_, socket, kWorkerSocket);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, kWorkerSocket + 1);
    ::posix_spawn_file_actions_addchdir_np(&actions_, "/");
    // The daemon blocks the signals it waits for; a worker must not inherit that.
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    const int group = own_session_ ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setflags(
        &attributes_, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group));
  }

  int Spawn(const std::string& program, std::vector<std::string>& arguments, pid_t& pid) {
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::vector<char*> environment = WorkerEnvironment();
    return ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, argv.data(),
                         environment.data());
  }

 private:
  const bool own_session_;
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// What this machine lacks just now says nothing about a picture.
absl::Status NotNow(const absl::Status& status) { return absl::UnavailableError(status.message()); }

absl::StatusOr<base::UniqueFd> MovedUp(base::UniqueFd fd) {
  base::UniqueFd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kAboveStandard));
  if (!moved) return NotNow(base::ErrnoStatus(errno, "cannot start an image worker"));
  return moved;
}

std::string HowItEnded(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const char* name = ::sigabbrev_np(WTERMSIG(wait_status));
    return base::Concat("signal ", name != nullptr ? name : "unknown");
  }
  return base::Concat("exit code ", WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1);
}

bool SpeaksOfMemory(std::string_view text) {
  return text.find("failed to allocate") != std::string_view::npos ||
         text.find("bad_alloc") != std::string_view::npos ||
         text.find("out of memory") != std::string_view::npos ||
         text.find("Cannot allocate memory") != std::string_view::npos;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(const WorkerLimits& limits,
                                                                    const std::stop_token& stop) {
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return NotNow(base::ErrnoStatus(errno, "cannot start an image worker"));
  }
  base::UniqueFd ours(sockets[0]);
  absl::StatusOr<base::UniqueFd> theirs = MovedUp(base::UniqueFd(sockets[1]));
  if (!theirs.ok()) return theirs.status();
  std::array<int, 2> pipe{};
  // Not blocking at either end: a chatty decoder loses words, not time.
  if (::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return NotNow(base::ErrnoStatus(errno, "cannot start an image worker"));
  }
  base::UniqueFd errors(pipe[0]);
  absl::StatusOr<base::UniqueFd> their_errors = MovedUp(base::UniqueFd(pipe[1]));
  if (!their_errors.ok()) return their_errors.status();

  const std::string program = limits.program.string();
  std::vector<std::string> arguments = {program,
                                        base::Concat("--memory-limit=", limits.memory_limit),
                                        base::Concat("--max-pixels=", limits.max_pixels),
                                        base::Concat("--max-file-bytes=", limits.max_file_bytes),
                                        base::Concat("--nice=", limits.nice)};
  // Where the kernel shares the processors out between sessions first (autogroup), priority counts
  // within a session only.
  SpawnSettings settings(/*own_session=*/limits.nice > 0);
  settings.Arrange(theirs->get(), their_errors->get());
  pid_t pid = -1;
  if (int error = settings.Spawn(program, arguments, pid); error != 0) {
    return NotNow(
        base::ErrnoStatus(error, base::Concat("cannot start the image worker ", program)));
  }
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess(pid, std::move(ours), std::move(errors)));
  theirs->Reset();
  their_errors->Reset();
  absl::StatusOr<Packet> hello = worker->AwaitPacket(kStartLimit, stop);
  if (hello.ok()) return worker;
  if (absl::IsCancelled(hello.status())) return hello.status();
  std::string words = worker->LastErrorLine();
  if (words.empty()) words = std::string(hello.status().message());
  return absl::UnavailableError(
      base::Concat("the image worker ", program, " does not start: ", words));
}

WorkerProcess::WorkerProcess(pid_t pid, base::UniqueFd socket, base::UniqueFd errors)
    : pid_(pid), socket_(std::move(socket)), errors_(std::move(errors)) {}

WorkerProcess::~WorkerProcess() { Reap(); }

absl::StatusOr<Packet> WorkerProcess::Exchange(std::string_view request, int fd, int second_fd,
                                               milliseconds time_limit,
                                               const std::stop_token& stop) {
  if (pid_ < 0) return absl::InternalError("it has ended before");
  error_tail_.clear();
  if (absl::Status sent = SendPacket(socket_.get(), request, fd, second_fd); !sent.ok()) {
    if (absl::IsUnavailable(sent)) return EndAndExplain();
    Reap();
    return NotNow(sent);
  }
  absl::StatusOr<Packet> packet = AwaitPacket(time_limit, stop);
  if (packet.ok()) ++answered_;
  return packet;
}

absl::StatusOr<Packet> WorkerProcess::AwaitPacket(milliseconds time_limit,
                                                  const std::stop_token& stop) {
  base::UniqueFd cancelled(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!cancelled) {
    Reap();
    return NotNow(base::ErrnoStatus(errno, "cannot wait for an image worker"));
  }
  std::stop_callback on_stop(stop, [&] { ::eventfd_write(cancelled.get(), 1); });
  const steady_clock::time_point deadline = steady_clock::now() + time_limit;
  while (true) {
    const milliseconds left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) {
      Reap();
      return absl::DeadlineExceededError("it took too long");
    }
    std::array<pollfd, 3> waits = {pollfd{socket_.get(), POLLIN, 0},
                                   pollfd{cancelled.get(), POLLIN, 0},
                                   pollfd{errors_.get(), POLLIN, 0}};
    constexpr milliseconds kLongestPoll = std::chrono::hours(1);
    const int ready =
        ::poll(waits.data(), waits.size(), static_cast<int>(std::min(left, kLongestPoll).count()));
    if (ready < 0 && errno != EINTR) {
      Reap();
      return NotNow(base::ErrnoStatus(errno, "cannot wait for an image worker"));
    }
    if (ready <= 0) continue;
    if (waits[1].revents != 0) {
      Reap();
      return absl::CancelledError("the work on the picture was cancelled");
    }
    if (waits[2].revents != 0) DrainErrors();
    if (waits[0].revents == 0) continue;
    absl::StatusOr<Packet> packet = ReceivePacket(socket_.get());
    if (packet.ok()) return packet;
    if (!absl::IsResourceExhausted(packet.status())) return EndAndExplain();
    Reap();
    return NotNow(packet.status());
  }
}

absl::Status WorkerProcess::EndAndExplain() {
  // A process that is ending already keeps its own reason when it is killed.
  const int wait_status = Reap();
  DrainErrors();
  const std::string how = HowItEnded(wait_status);
  if (SpeaksOfMemory(error_tail_)) return absl::ResourceExhaustedError(how);
  return absl::InternalError(how);
}

int WorkerProcess::Reap() {
  if (pid_ < 0) return 0;
  // Its group is its own: whatever a picture made it start ends with it.
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
  int wait_status = 0;
  while (::waitpid(pid_, &wait_status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  socket_.Reset();
  return wait_status;
}

void WorkerProcess::DrainErrors() {
  std::array<char, 4096> buffer;
  // Not more at once than a pipe holds: a decoder that writes without end is not waited for.
  for (int i = 0; i < 16 && errors_; ++i) {
    const ssize_t got = ::read(errors_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      errors_.Reset();
      return;
    }
    error_tail_.append(buffer.data(), static_cast<std::size_t>(got));
    if (error_tail_.size() > kKeptErrorBytes) {
      error_tail_.erase(0, error_tail_.size() - kKeptErrorBytes);
    }
  }
}

std::string WorkerProcess::LastErrorLine() const {
  std::string last;
  for (absl::string_view line : absl::StrSplit(error_tail_, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty()) last = std::string(line.substr(0, 200));
  }
  for (char& c : last) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = '?';
  }
  return last;
}

bool WorkerProcess::Alive() const {
  if (pid_ < 0) return false;
  pollfd wait{socket_.get(), POLLIN, 0};
  // Nothing is due between two exchanges: anything to read is an end or a worker gone astray.
  return ::poll(&wait, 1, 0) == 0;
}

}  // namespace proofline::imaging
