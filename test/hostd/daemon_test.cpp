// The real program: how it starts, how it refuses to, and what kill -9 leaves.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "lib/base/file.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/endpoints.h"
#include "proofline/v1/admin_service.grpc.pb.h"
#include "proofline/v1/sync_service.grpc.pb.h"
#include "test/catch.h"
#include "test/hostd/photo_samples.h"
#include "test/temp_dir.h"

namespace proofline::host {
namespace {

namespace pb = proofline::v1;
namespace fs = std::filesystem;

// A proofline-hostd of the test's own, killed with it.
class Daemon {
 public:
  Daemon(const fs::path& log, std::vector<std::string> arguments,
         const std::string& kill_point = "")
      : log_(log) {
    arguments.insert(arguments.begin(), PROOFLINE_HOSTD);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::string kill = "PROOFLINE_KILL_POINT=" + kill_point;
    std::vector<char*> environment;
    for (char** at = ::environ; *at != nullptr; ++at) environment.push_back(*at);
    if (!kill_point.empty()) environment.push_back(kill.data());
    environment.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    REQUIRE(::posix_spawn(&pid_, PROOFLINE_HOSTD, &actions, nullptr, argv.data(),
                          environment.data()) == 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Daemon() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      Wait();
    }
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  void Signal(int signal) const { ::kill(pid_, signal); }
  // The exit code, or minus the signal.
  int Wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string Output() const { return base::ReadFile(log_, 1 << 20).value(); }

  // Waits until this process has written its endpoints.
  rpc::Endpoints WaitForEndpoints(const fs::path& state) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      const auto endpoints = rpc::ReadEndpoints(state);
      if (endpoints.ok() && endpoints->at("pid") == std::to_string(pid_)) return *endpoints;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL("the host did not start: " << Output());
    return {};
  }

 private:
  fs::path log_;
  pid_t pid_ = -1;
};

struct Place {
  Place() { WriteConfig("127.0.0.1:0"); }
  void WriteConfig(const std::string& sync_address, const std::string& more = "") {
    REQUIRE(base::WriteFileDurably(config(), "state = \"state\"\ninsecure = true\n" + more +
                                                 "[sync]\naddress = \"" + sync_address +
                                                 "\"\n[storefront]\naddress = \"127.0.0.1:0\"\n")
                .ok());
  }
  fs::path config() const { return dir / "host.toml"; }
  fs::path state() const { return dir / "state"; }
  std::vector<std::string> Arguments() const { return {"--config", config().string()}; }

  proofline::test::TempDir dir;
};

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address, const std::string& token) {
  rpc::ChannelOptions options;
  options.address = address;
  options.bearer_token = token;
  auto channel = rpc::MakeChannel(options);
  REQUIRE(channel.ok());
  // As every client of a host: a first attempt to connect that fails is followed by another.
  REQUIRE(
      (*channel)->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(20)));
  return *std::move(channel);
}

std::string MakeStudioAndDevice(const rpc::Endpoints& endpoints) {
  const auto admin = pb::AdminService::NewStub(ChannelTo(endpoints.at("control"), ""));
  {
    grpc::ClientContext context;
    pb::CreateStudioRequest request;
    request.set_studio_id("north");
    pb::Studio studio;
    REQUIRE(admin->CreateStudio(&context, request, &studio).ok());
  }
  grpc::ClientContext context;
  pb::CreateDeviceRequest request;
  request.set_parent("studios/north");
  request.set_device_id("one");
  pb::CreateDeviceResponse response;
  REQUIRE(admin->CreateDevice(&context, request, &response).ok());
  return response.device_key();
}

int Run(const Place& place, const std::vector<std::string>& arguments, std::string* output) {
  Daemon daemon(place.dir / "log", arguments);
  const int code = daemon.Wait();
  *output = daemon.Output();
  return code;
}

bool IsOneSentence(const std::string& output) {
  return output.starts_with("proofline-hostd: ") && output.find('\n') == output.size() - 1;
}

}  // namespace

TEST_CASE("The host program answers about itself and its config") {
  const Place place;
  std::string output;
  CHECK(Run(place, {"--version"}, &output) == 0);
  CHECK(output.starts_with("proofline-hostd "));
  CHECK(Run(place, {"--print-sample-config"}, &output) == 0);
  CHECK(output.find("storefront") != std::string::npos);
  CHECK(Run(place, {"--config", place.config().string(), "--check-config"}, &output) == 0);
  CHECK_FALSE(fs::exists(place.state()));
  CHECK(Run(place, {}, &output) == 2);
  CHECK(Run(place, {"--wrong"}, &output) == 2);
}

TEST_CASE("The host says in one sentence why it cannot start") {
  Place place;
  std::string output;
  CHECK(Run(place, {"--config", (place.dir / "none.toml").string()}, &output) == 2);
  CHECK(IsOneSentence(output));
  place.WriteConfig("127.0.0.1:0", "adress = 1\n");
  CHECK(Run(place, place.Arguments(), &output) == 2);
  CHECK(IsOneSentence(output));
  CHECK(output.find("adress") != std::string::npos);

  // A store that is none.
  place.WriteConfig("127.0.0.1:0");
  REQUIRE(base::MakeDirectories(place.state()).ok());
  REQUIRE(base::WriteFileDurably(place.state() / "store", "not a folder").ok());
  CHECK(Run(place, place.Arguments(), &output) == 1);
  CHECK(IsOneSentence(output));
  CHECK(output.find("store") != std::string::npos);
}

TEST_CASE("A port in use and a second host on the same folder are told, and nothing breaks") {
  Place place;
  Daemon first(place.dir / "first.log", place.Arguments());
  const rpc::Endpoints endpoints = first.WaitForEndpoints(place.state());
  std::string output;
  CHECK(Run(place, place.Arguments(), &output) == 1);
  CHECK(output.find("already running") != std::string::npos);

  Place other;
  other.WriteConfig(endpoints.at("sync"));
  CHECK(Run(other, other.Arguments(), &output) == 1);
  CHECK(output.find("in use") != std::string::npos);
  CHECK(output.find("sync.address") != std::string::npos);

  CHECK_FALSE(MakeStudioAndDevice(endpoints).empty());
  struct stat info {};
  REQUIRE(::stat((place.state() / "control.sock").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  first.Signal(SIGTERM);
  CHECK(first.Wait() == 0);
  CHECK_FALSE(rpc::ReadEndpoints(place.state()).ok());
}

TEST_CASE("What a killed host had committed is there again, and what it acknowledged") {
  const Place place;
  std::string key;
  {
    Daemon daemon(place.dir / "first.log", place.Arguments(), "host.publish.committed:2");
    const rpc::Endpoints endpoints = daemon.WaitForEndpoints(place.state());
    key = MakeStudioAndDevice(endpoints);
    const auto stub = pb::SyncService::NewStub(ChannelTo(endpoints.at("sync"), key));
    grpc::ClientContext context;
    const auto stream = stub->Publish(&context);
    pb::PublishRequest request;
    request.mutable_open()->set_catalog_id("cat");
    stream->Write(request);
    pb::PublishResponse response;
    REQUIRE(stream->Read(&response));
    *request.mutable_pack()->add_entries() = test::PhotoEntry(1, {.photo = "p1"});
    stream->Write(request);
    REQUIRE(stream->Read(&response));
    CHECK(response.acknowledgement().last_sequence() == 1);
    *request.mutable_pack()->mutable_entries(0) = test::PhotoEntry(2, {.photo = "p2"});
    stream->Write(request);
    // It dies between the commit and the acknowledgement.
    CHECK_FALSE(stream->Read(&response));
    CHECK_FALSE(stream->Finish().ok());
    CHECK(daemon.Wait() == -SIGKILL);
  }
  Daemon daemon(place.dir / "second.log", place.Arguments());
  const rpc::Endpoints endpoints = daemon.WaitForEndpoints(place.state());
  const auto stub = pb::SyncService::NewStub(ChannelTo(endpoints.at("sync"), key));
  grpc::ClientContext context;
  const auto stream = stub->Publish(&context);
  pb::PublishRequest request;
  request.mutable_open()->set_catalog_id("cat");
  stream->Write(request);
  pb::PublishResponse response;
  REQUIRE(stream->Read(&response));
  CHECK(response.opened().last_sequence() == 2);
  // SIGTERM ends the open stream and the program.
  daemon.Signal(SIGTERM);
  CHECK_FALSE(stream->Read(&response));
  CHECK(stream->Finish().error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK(daemon.Wait() == 0);
}

}  // namespace proofline::host
