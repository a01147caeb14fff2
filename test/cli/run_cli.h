// Running the command line from tests: inside this process, or as the real program.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lib/rpc/server.h"
#include "test/temp_dir.h"

namespace proofline::test {

struct Ran {
  int exit_code = -1;
  std::string out;
  std::string err;
};

// In this process, with `in` as standard input and no terminals.
Ran RunCli(const std::vector<std::string>& arguments, const std::string& in = "");

// The real program. `environment` is all it has ("NAME=value").
Ran RunProgram(const std::vector<std::string>& arguments,
               const std::vector<std::string>& environment = {});

// A stand-in for a daemon: one service on a control socket in a state folder of its own, and, where
// asked for, on a TCP port.
class FakeDaemon {
 public:
  explicit FakeDaemon(grpc::Service& service, bool tcp = false);

  std::string state() const { return folder_.path(); }
  // The address of the TCP port.
  const std::string& address() const { return address_; }

 private:
  TempDir folder_;
  std::unique_ptr<rpc::Server> server_;
  std::string address_;
};

}  // namespace proofline::test
