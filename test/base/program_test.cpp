// A program from its command line to its exit code, its signals and its service manager. Each case
// runs it in a child, as signals and the log belong to a process.
#include "lib/base/program.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "lib/base/text.h"
#include "lib/base/unique_fd.h"
#include "test/catch.h"
#include "test/temp_dir.h"

using namespace proofline::base;
using proofline::test::TempDir;

namespace {

const ConfigTable& Table() {
  static const ConfigTable table{
      {{"log.level", ConfigType::kString, "info", "trace|debug|info|warn|error", "Log."},
       {"work.speed", ConfigType::kInt, "1", "1..9", "Speed."},
       {"state", ConfigType::kString, "here", "", "State."}},
      {{"rule", "A rule.", {{"name", ConfigType::kString, kRequired, "", "Name."}}}}};
  return table;
}

// The service manager's end: what a daemon says arrives here.
class Manager {
 public:
  // `name`: a path, or an abstract name after '@'.
  explicit Manager(const std::string& name) : fd_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
    const timeval longest{20, 0};
    REQUIRE(::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest)) == 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    ::unsetenv("WATCHDOG_PID");
  }
  std::string Next() {
    char buffer[1024];
    const ssize_t got = ::recv(fd_.get(), buffer, sizeof(buffer), 0);
    return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : "nothing was said";
  }

 private:
  UniqueFd fd_;
};

void Write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::trunc) << text;
}

std::string Read(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// A program in a child process, its standard error in a file.
class Child {
 public:
  Child(const TempDir& folder, const RunningProgram::Hooks& hooks, std::vector<std::string> flags,
        absl::Status at_start = absl::OkStatus())
      : log_(folder.path() / "log") {
    pid_ = ::fork();
    if (pid_ != 0) return;
    if (std::freopen(log_.c_str(), "w", stderr) == nullptr) ::_exit(99);
    const Program program{"proofline-testd", "A program.", "1.2.3", Table(), {"work.", "rule"}};
    std::vector<char*> arguments{const_cast<char*>("testd")};
    for (std::string& flag : flags) arguments.push_back(flag.data());
    const int code =
        RunProgram(program, static_cast<int>(arguments.size()), arguments.data(),
                   [&](const std::filesystem::path& file) -> absl::StatusOr<Program::Loaded> {
                     const absl::StatusOr<Config> config = LoadConfig(file, Table());
                     if (!config.ok()) return config.status();
                     Program::Loaded loaded;
                     loaded.check = [] { return absl::StatusOr<std::string>("fine"); };
                     loaded.run = [&](RunningProgram& running) {
                       if (at_start.ok()) running.Serve(hooks);
                       return at_start;
                     };
                     return loaded;
                   });
    std::fflush(stderr);
    ::_exit(code);
  }
  ~Child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  void Signal(int signal) const { ::kill(pid_, signal); }
  int ExitCode() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string log() const { return Read(log_); }

 private:
  std::filesystem::path log_;
  pid_t pid_ = -1;
};

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a program tells the service manager that it is ready, reloads and stops") {
  const TempDir folder;
  const std::string name = GENERATE(std::string("@proofline-test-"), std::string("/"));
  const std::string socket = name == "/" ? (folder.path() / "notify").string()
                                         : Concat(name, static_cast<int>(::getpid()));
  Manager manager(socket);
  const auto config = folder.path() / "test.toml";
  Write(config, "state = \"here\"\n");
  Child child(folder, {{}, {}, [] { return std::string("12 photos wait"); }},
              {"--config", config.string()});
  CHECK(manager.Next() == "READY=1\nSTATUS=12 photos wait");
  Write(config, "state = \"there\"\n[work]\nspeed = 2\n[[rule]]\nname = \"x\"\n");
  child.Signal(SIGHUP);
  CHECK(manager.Next().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(manager.Next().starts_with("READY=1"));
  child.Signal(SIGTERM);
  CHECK(manager.Next() == "STOPPING=1\nSTATUS=stopping: SIGTERM");
  CHECK(child.ExitCode() == 0);
  INFO(child.log());
  CHECK(Contains(child.log(), "now in force: rule, work.speed"));
  CHECK(Contains(child.log(), "only after a restart: state"));
}

TEST_CASE("a bad file at a reload keeps the old configuration and says so") {
  const TempDir folder;
  Manager manager((folder.path() / "notify").string());
  const auto config = folder.path() / "test.toml";
  Write(config, "");
  const auto applied = folder.path() / "applied";
  RunningProgram::Hooks hooks;
  hooks.reload = [&](const std::filesystem::path&) {
    if (std::filesystem::exists(applied)) return absl::InvalidArgumentError("the key is gone");
    Write(applied, "yes");
    return absl::Status();
  };
  Child child(folder, hooks, {"--config", config.string()});
  CHECK(manager.Next().starts_with("READY=1"));
  const auto reload = [&](const std::string& text) {
    Write(config, text);
    child.Signal(SIGHUP);
    CHECK(manager.Next().starts_with("RELOADING=1"));
    const std::string said = manager.Next();
    CHECK(said.starts_with("READY=1\nSTATUS=running"));
    return said;
  };
  const std::string refused = reload("[work]\nspeed = 12\n");
  CHECK(Contains(refused, "STATUS=running; the configuration stays as it was: "));
  CHECK(Contains(refused, "work.speed"));
  CHECK_FALSE(std::filesystem::exists(applied));
  CHECK(Contains(child.log(), "stays as it was"));
  CHECK(Contains(child.log(), "work.speed"));
  CHECK(reload("") == "READY=1\nSTATUS=running");
  CHECK(Contains(child.log(), "nothing has changed"));
  reload("[log]\nlevel = \"error\"\n");
  CHECK(Contains(child.log(), "the key is gone"));
  child.Signal(SIGINT);
  CHECK(manager.Next().starts_with("STOPPING=1"));
  CHECK(child.ExitCode() == 0);
  // The refused level was not taken: the end is still told of.
  CHECK(Contains(child.log(), "stopping: SIGINT"));
}

TEST_CASE("the watchdog is fed while work gets on, and not while something is stuck") {
  const TempDir folder;
  Manager manager((folder.path() / "notify").string());
  ::setenv("WATCHDOG_USEC", "20000", 1);
  const auto config = folder.path() / "test.toml";
  Write(config, "");
  const auto hung = folder.path() / "hung";
  RunningProgram::Hooks hooks;
  hooks.stuck = [&] { return std::filesystem::exists(hung) ? "the renderer" : ""; };
  Child child(folder, hooks, {"--config", config.string()});
  CHECK(manager.Next().starts_with("READY=1"));
  CHECK(manager.Next() == "WATCHDOG=1");
  CHECK(manager.Next() == "STATUS=running");
  Write(hung, "");
  std::string said;
  while (!Contains(said, "does not get on")) {
    said = manager.Next();
    REQUIRE((said == "WATCHDOG=1" || said.starts_with("STATUS=")));
  }
  for (int i = 0; i < 3; ++i) CHECK(manager.Next() == "STATUS=the renderer does not get on");
  CHECK(Contains(child.log(), "the renderer does not get on"));
  std::filesystem::remove(hung);
  while (said != "WATCHDOG=1") said = manager.Next();
  child.Signal(SIGTERM);
  CHECK(child.ExitCode() == 0);
}

TEST_CASE("a watchdog meant for another process is not fed") {
  const TempDir folder;
  Manager manager((folder.path() / "notify").string());
  ::setenv("WATCHDOG_USEC", "1000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  CHECK(ServiceManager().present());
  CHECK(ServiceManager().alive_interval() == Duration::zero());
  ::unsetenv("WATCHDOG_PID");
  CHECK(ServiceManager().alive_interval() == std::chrono::microseconds(500));
  ::setenv("WATCHDOG_USEC", "soon", 1);
  CHECK(ServiceManager().alive_interval() == Duration::zero());
}

TEST_CASE("nobody listening, or no service manager at all, changes nothing") {
  const TempDir folder;
  const auto config = folder.path() / "test.toml";
  Write(config, "");
  if (GENERATE(true, false)) ::setenv("NOTIFY_SOCKET", (folder.path() / "none").c_str(), 1);
  // The first status is asked for when the program serves.
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  RunningProgram::Hooks hooks;
  hooks.status = [&] { return std::string(::write(ready[1], "x", 1) == 1 ? "running" : "?"); };
  Child child(folder, hooks, {"--config", config.string()});
  ::unsetenv("NOTIFY_SOCKET");
  char byte = 0;
  CHECK(::read(ready[0], &byte, 1) == 1);
  child.Signal(SIGTERM);
  CHECK(child.ExitCode() == 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("exit codes tell a wrong configuration from a failure") {
  const TempDir folder;
  const auto config = folder.path() / "test.toml";
  Write(config, "");
  CHECK(Child(folder, {}, {"--config", (folder.path() / "none").string()}).ExitCode() == 2);
  CHECK(Child(folder, {}, {}).ExitCode() == 2);
  CHECK(Child(folder, {}, {"--unknown"}).ExitCode() == 2);
  CHECK(Child(folder, {}, {"--config", config.string(), "--check-config"}).ExitCode() == 0);
  Child failing(folder, {}, {"--config", config.string()},
                absl::UnavailableError("the disk is away"));
  CHECK(failing.ExitCode() == 1);
  CHECK(failing.log() == "proofline-testd: the disk is away\n");
}

TEST_CASE("changed keys are named, arrays by their name") {
  const auto parse = [](std::string_view text) { return *ParseConfig(text, "t.toml", Table()); };
  const Config one = parse("[[rule]]\nname = \"a\"\n");
  CHECK(ChangedKeys(one, one).empty());
  CHECK(ChangedKeys(one, parse("[[rule]]\nname = \"b\"\n")) == std::vector<std::string>{"rule"});
  CHECK(ChangedKeys(one, parse("")) == std::vector<std::string>{"rule"});
  CHECK(ChangedKeys(one, parse("state = \"here\"\n[[rule]]\nname = \"a\"\n")).empty());
  CHECK(ChangedKeys(one, parse("[work]\nspeed = 2\n")) ==
        std::vector<std::string>{"rule", "work.speed"});
}
