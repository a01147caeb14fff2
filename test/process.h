// A program run by a test.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace proofline::test {

// Runs a program with its standard output and error in a file. It is killed when the object goes,
// and when the test itself dies, however it dies.
class Process {
 public:
  struct Options {
    std::vector<std::string> arguments;    // the program first; found on PATH when it has no slash
    std::filesystem::path output;          // appended to; empty throws the output away
    std::vector<std::string> environment;  // NAME=value, on top of the test's own
  };

  explicit Process(const Options& options) {
    std::vector<char*> arguments;
    for (const std::string& argument : options.arguments) {
      arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    const std::string output = options.output.empty() ? "/dev/null" : options.output.string();
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(127);
      const int in = ::open("/dev/null", O_RDONLY);
      const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
      ::dup2(in, 0);
      ::dup2(out, 1);
      ::dup2(out, 2);
      for (const std::string& variable : options.environment) {
        ::putenv(const_cast<char*>(variable.c_str()));
      }
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  }
  Process(Process&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), pidfd_(std::exchange(other.pidfd_, -1)) {}
  Process& operator=(Process&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(pidfd_, other.pidfd_);
    return *this;
  }
  ~Process() {
    if (pid_ > 0) {
      Signal(SIGKILL);
      Wait(std::chrono::minutes(1));
    }
    if (pidfd_ >= 0) ::close(pidfd_);
  }

  pid_t pid() const { return pid_; }
  void Signal(int signal) const {
    if (pid_ > 0) ::kill(pid_, signal);
  }

  // The exit code, 128 + signal for a program that was killed, nothing when it still runs after
  // `limit`.
  std::optional<int> Wait(std::chrono::milliseconds limit) {
    if (pid_ <= 0) return exit_code_;
    pollfd wait{pidfd_, POLLIN, 0};
    int ready = 0;
    do {
      ready = ::poll(&wait, 1, static_cast<int>(limit.count()));
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) return std::nullopt;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return exit_code_;
  }
  bool running() { return !Wait(std::chrono::milliseconds(0)).has_value(); }

 private:
  pid_t pid_ = -1;
  int pidfd_ = -1;
  std::optional<int> exit_code_;
};

// Whether a program takes connections on this unix socket; the file alone may be there a moment
// earlier.
inline bool TakesConnections(const std::filesystem::path& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path.string().copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool taken =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return taken;
}

inline std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Runs a program to its end; its output and its exit code (nothing when `limit` passed and it was
// killed).
struct RunResult {
  std::optional<int> exit_code;
  std::string output;
};
inline RunResult Run(std::vector<std::string> arguments, const std::filesystem::path& scratch,
                     std::vector<std::string> environment = {},
                     std::chrono::milliseconds limit = std::chrono::seconds(60)) {
  const std::filesystem::path output = scratch / ("output-" + std::to_string(::getpid()));
  std::filesystem::remove(output);
  RunResult result;
  {
    Process process({std::move(arguments), output, std::move(environment)});
    result.exit_code = process.Wait(limit);
  }
  result.output = ReadText(output);
  std::filesystem::remove(output);
  return result;
}

}  // namespace proofline::test
