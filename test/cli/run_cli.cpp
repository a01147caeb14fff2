#include "test/cli/run_cli.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>
#include <stdexcept>

#include "cli/command_line.h"
#include "lib/base/file.h"
#include "lib/rpc/endpoints.h"

namespace proofline::test {

Ran RunCli(const std::vector<std::string>& arguments, const std::string& in) {
  std::istringstream input(in);
  std::ostringstream out, err;
  Ran ran;
  ran.exit_code = static_cast<int>(cli::RunCommandLine(arguments, {input, out, err, false, false}));
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

Ran RunProgram(const std::vector<std::string>& arguments,
               const std::vector<std::string>& environment) {
  const TempDir folder;
  const std::string out = folder / "out";
  const std::string err = folder / "err";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), O_WRONLY | O_CREAT, 0600);
  std::vector<std::string> words = {PROOFLINE_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> names = environment;
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
  };
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, PROOFLINE_PROGRAM, &actions, nullptr,
                                  pointers(words).data(), pointers(names).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start the program");
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  Ran ran;
  ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ran.out = base::ReadFile(out, 1 << 20).value();
  ran.err = base::ReadFile(err, 1 << 20).value();
  return ran;
}

FakeDaemon::FakeDaemon(grpc::Service& service, bool tcp) {
  const std::string control = "unix:" + (folder_ / "control.sock").string();
  rpc::ServerOptions options;
  options.addresses = {control};
  if (tcp) options.addresses.push_back("127.0.0.1:0");
  auto server = rpc::Server::Start(options, {&service});
  if (!server.ok()) throw std::runtime_error(std::string(server.status().message()));
  server_ = *std::move(server);
  if (tcp) address_ = server_->addresses()[1];
  const absl::Status written = rpc::WriteEndpoints(folder_.path(), {{"control", control}});
  if (!written.ok()) throw std::runtime_error(std::string(written.message()));
}

}  // namespace proofline::test
