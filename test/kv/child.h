// A second process on a store: RocksDB's threads do not survive a fork, so it is a program of its
// own (store_child.cpp), found beside the test.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "test/catch.h"

namespace proofline::test {

// Runs `kv_store_child WHAT FOLDER`; killed, if it still runs, when the object goes.
class StoreChild {
 public:
  StoreChild(const std::string& what, const std::filesystem::path& folder) {
    const auto program =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "kv_store_child";
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      ::execl(program.c_str(), "kv_store_child", what.c_str(), folder.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~StoreChild() {
    if (pid_ > 0) Kill();
    ::close(output_);
  }
  StoreChild(const StoreChild&) = delete;
  StoreChild& operator=(const StoreChild&) = delete;

  // The next number the child writes; nothing at the end of its output.
  std::optional<std::uint64_t> Next() const {
    std::uint64_t number = 0;
    if (::read(output_, &number, sizeof(number)) != sizeof(number)) return std::nullopt;
    return number;
  }

  void Kill() {
    ::kill(pid_, SIGKILL);
    Reap();
  }
  // The exit code, or -1 if a signal ended it.
  int Wait() {
    const int status = Reap();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  int Reap() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

  pid_t pid_ = -1;
  int output_ = -1;
};

}  // namespace proofline::test
