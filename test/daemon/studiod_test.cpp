// The real program, started and stopped.
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "lib/base/unique_fd.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/endpoints.h"
#include "proofline/v1/studio_control_service.grpc.pb.h"
#include "test/daemon/studio_fixture.h"

extern char** environ;

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;

class Program {
 public:
  // `environment` is added to the process's own.
  Program(const std::vector<std::string>& arguments, const std::string& output,
          const std::string& environment = "") {
    std::vector<std::string> words{PROOFLINE_STUDIOD};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<char*> env;
    for (char** one = environ; *one != nullptr; ++one) env.push_back(*one);
    std::string extra = environment;
    if (!extra.empty()) env.push_back(extra.data());
    env.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    REQUIRE(::posix_spawn(&pid_, PROOFLINE_STUDIOD, &actions, nullptr, argv.data(), env.data()) ==
            0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  void Signal(int signal) const { ::kill(pid_, signal); }
  // Waits for the end: the exit code, or 128 and the signal.
  int Wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

class Machine {
 public:
  Machine() {
    std::filesystem::create_directory(folder / "photos");
    WriteFile((folder / "device.key").string(), "demo.front-desk.s3cret");
    Config("");
  }
  void Config(const std::string& more) {
    WriteFile(config(), "state = \"state\"\n" + more +
                            "[host]\naddress = \"127.0.0.1:1\"\nkey_file = \"device.key\"\n"
                            "insecure = true\n[settle]\nquiet = \"20ms\"\n[imaging]\nworker = \"" +
                            std::string(PROOFLINE_WORKER) + "\"\n[[watch]]\npath = \"photos\"\n");
  }
  std::string config() const { return (folder / "studio.toml").string(); }
  std::string output() const { return (folder / "output").string(); }
  std::string Output() const {
    std::ifstream file(output());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  int Run(const std::vector<std::string>& arguments) { return Program(arguments, output()).Wait(); }
  std::optional<pb::GetStudioStatusResponse> Status() const {
    const absl::StatusOr<rpc::Endpoints> endpoints = rpc::ReadEndpoints(folder / "state");
    if (!endpoints.ok()) return std::nullopt;
    const auto channel = rpc::MakeChannel({.address = endpoints->at("control")});
    if (!channel.ok()) return std::nullopt;
    grpc::ClientContext context;
    rpc::WithDeadline(context, std::chrono::seconds(2));
    pb::GetStudioStatusResponse status;
    const auto stub = pb::StudioControlService::NewStub(*channel);
    if (!stub->GetStudioStatus(&context, {}, &status).ok()) return std::nullopt;
    return status;
  }

  proofline::test::TempDir folder;
};

void CheckOneSentence(const std::string& output, const std::string& about) {
  INFO(output);
  CHECK(output.find(about) != std::string::npos);
  CHECK(output.find("proofline-studiod: ") != std::string::npos);
}

TEST_CASE("wrong usage and wrong configurations end with code 2 and a sentence") {
  Machine machine;
  CHECK(machine.Run({}) == 2);
  CheckOneSentence(machine.Output(), "--config");
  CHECK(machine.Run({"--nonsense"}) == 2);
  CHECK(machine.Run({"--config", (machine.folder / "none.toml").string()}) == 2);
  CheckOneSentence(machine.Output(), "none.toml");
  machine.Config("sate = \"x\"\n");
  CHECK(machine.Run({"--config", machine.config()}) == 2);
  CheckOneSentence(machine.Output(), "\"state\"");
  machine.Config("");
  WriteFile((machine.folder / "device.key").string(), "nonsense");
  CHECK(machine.Run({"--config", machine.config()}) == 2);
  CheckOneSentence(machine.Output(), "does not hold a device key");
}

TEST_CASE("the configuration is checked and a sample is printed without starting anything") {
  Machine machine;
  CHECK(machine.Run({"--config", machine.config(), "--check-config"}) == 0);
  CHECK_FALSE(std::filesystem::exists(machine.folder / "state"));
  CHECK(machine.Run({"--print-sample-config"}) == 0);
  CHECK(machine.Output().find("[settle]") != std::string::npos);
  CHECK(machine.Run({"--version"}) == 0);
}

TEST_CASE("without a watched folder the daemon says so and ends with code 1") {
  Machine machine;
  std::filesystem::remove(machine.folder / "photos");
  CHECK(machine.Run({"--config", machine.config()}) == 1);
  CheckOneSentence(machine.Output(), "none of the watched folders is there");
}

TEST_CASE("a store that cannot be read is left as it is and ends the daemon with code 1") {
  Machine machine;
  SECTION("the store is a file") {
    WriteFile((machine.folder / "state/catalog").string(), "not a folder");
  }
  SECTION("the store is damaged") {
    WriteFile((machine.folder / "state/catalog/CURRENT").string(), "nonsense\n");
    WriteFile((machine.folder / "state/catalog/MANIFEST-000001").string(), "nonsense");
  }
  CHECK(machine.Run({"--config", machine.config()}) == 1);
  CheckOneSentence(machine.Output(), "catalog");
}

TEST_CASE("a damaged catalog is set aside on demand, and the next start makes a new one") {
  Machine machine;
  WriteFile((machine.folder / "photos/a.jpg").string(), "not a picture");
  WriteFile((machine.folder / "state/catalog/CURRENT").string(), "nonsense\n");
  WriteFile((machine.folder / "state/catalog/MANIFEST-000001").string(), "nonsense");
  CHECK(machine.Run({"--config", machine.config()}) == 1);
  CheckOneSentence(machine.Output(), "--rebuild-catalog");
  CHECK(machine.Run({"--config", machine.config(), "--rebuild-catalog"}) == 0);
  CHECK(machine.Output().find("is set aside as ") != std::string::npos);
  Program program({"--config", machine.config()}, machine.output());
  CHECK(Eventually([&] {
    const auto status = machine.Status();
    return status.has_value() && status->failed() == 1 &&
           status->catalog_message().find("waits for the host") != std::string::npos;
  }));
  const std::string output = (machine.folder / "second").string();
  CHECK(Program({"--config", machine.config(), "--rebuild-catalog"}, output).Wait() == 1);
  program.Signal(SIGTERM);
  CHECK(program.Wait() == 0);
}

TEST_CASE("a second daemon on the same state folder is refused") {
  Machine machine;
  Program first({"--config", machine.config()}, machine.output());
  REQUIRE(Eventually([&] { return machine.Status().has_value(); }));
  const std::string output = (machine.folder / "second").string();
  CHECK(Program({"--config", machine.config()}, output).Wait() == 1);
  std::ifstream file(output);
  CheckOneSentence({std::istreambuf_iterator<char>(file), {}}, "already running");
  first.Signal(SIGTERM);
  CHECK(first.Wait() == 0);
}

TEST_CASE("the daemon works without its host, ends on SIGTERM, and knows its photos again") {
  Machine machine;
  WriteFile((machine.folder / "photos/a.jpg").string(), "not a picture");
  for (int round = 0; round < 2; ++round) {
    Program program({"--config", machine.config()}, machine.output());
    CHECK(Eventually([&] {
      const auto status = machine.Status();
      return status.has_value() && status->failed() == 1 && status->settling() == 0;
    }));
    program.Signal(SIGTERM);
    INFO(machine.Output());
    CHECK(program.Wait() == 0);
    CHECK_FALSE(rpc::ReadEndpoints(machine.folder / "state").ok());
  }
}

// A mounted file system whose program never answers, as a share whose server is gone.
class DeadShare {
 public:
  explicit DeadShare(std::string folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
    server_.Reset(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    if (!server_) return;
    const std::string options =
        "fd=" + std::to_string(server_.get()) + ",rootmode=40000,user_id=0,group_id=0";
    mounted_ = ::mount("dead", folder_.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
  }
  ~DeadShare() {
    // Whoever waits for it is let go first.
    server_.Reset();
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  DeadShare(const DeadShare&) = delete;
  DeadShare& operator=(const DeadShare&) = delete;
  bool mounted() const { return mounted_; }

 private:
  const std::string folder_;
  base::UniqueFd server_;
  bool mounted_ = false;
};

TEST_CASE("a share that hangs is told of, holds up no other folder, and not the end either") {
  Machine machine;
  WriteFile((machine.folder / "photos/a.jpg").string(), "not a picture");
  const DeadShare share((machine.folder / "share").string());
  if (!share.mounted()) {
    WARN("this user may not mount a FUSE file system: not tested");
    return;
  }
  machine.Config("[[watch]]\npath = \"share\"\n");
  Program program({"--config", machine.config()}, machine.output());
  CHECK(Eventually([&] {
    const auto status = machine.Status();
    return status.has_value() && status->failed() == 1;
  }));
  WriteFile((machine.folder / "photos/b.jpg").string(), "not one either");
  CHECK(Eventually([&] {
    const auto status = machine.Status();
    if (!status.has_value() || status->failed() != 2) return false;
    return status->folders(0).message().find("does not answer") != std::string::npos &&
           status->folders(1).message().empty();
  }));
  const auto begin = std::chrono::steady_clock::now();
  program.Signal(SIGTERM);
  INFO(machine.Output());
  CHECK(program.Wait() == 0);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
  CHECK(machine.Output().find("the end is held up by the watched folder") != std::string::npos);
}

TEST_CASE("a daemon killed at any durable step goes on where it was") {
  const std::string point =
      GENERATE(as<std::string>{}, "studio.catalog.recorded", "studio.render.failed");
  Machine machine;
  WriteFile((machine.folder / "photos/a.jpg").string(), "not a picture");
  {
    Program program({"--config", machine.config()}, machine.output(),
                    "PROOFLINE_KILL_POINT=" + point);
    CHECK(program.Wait() == 128 + SIGKILL);
  }
  Program program({"--config", machine.config()}, machine.output());
  CHECK(Eventually([&] {
    const auto status = machine.Status();
    return status.has_value() && status->failed() == 1 && status->waiting() == 0;
  }));
  program.Signal(SIGTERM);
  CHECK(program.Wait() == 0);
}

}  // namespace
}  // namespace proofline::studio::test
