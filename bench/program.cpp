#include "bench/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace proofline::bench {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  return pointers;
}

}  // namespace

// posix_spawn shares our memory until the program runs: a fork of a large process would be on the
// peer's bill.
pid_t StartProgram(const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment, const std::filesystem::path& output,
                   const std::filesystem::path& errors) {
  std::vector<char*> argv = Pointers(arguments);
  argv.push_back(nullptr);
  std::vector<char*> variables = Pointers(environment);
  for (char** own = environ; *own != nullptr; ++own) variables.push_back(*own);
  variables.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  for (const auto& [fd, file] : {std::pair{1, &output}, std::pair{2, &errors}}) {
    if (file->empty()) continue;
    ::posix_spawn_file_actions_addopen(&actions, fd, file->c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                       0644);
  }
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), variables.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw std::runtime_error(arguments[0] + " does not start: " + std::strerror(error));
  }
  return pid;
}

Used RunProgram(const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment, const std::filesystem::path& output) {
  const auto start = std::chrono::steady_clock::now();
  const pid_t pid = StartProgram(arguments, environment, output);
  int status = 0;
  rusage usage{};
  while (::wait4(pid, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error(arguments[0] + " failed");
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return {Seconds(usage.ru_utime) + Seconds(usage.ru_stime), took.count()};
}

}  // namespace proofline::bench
