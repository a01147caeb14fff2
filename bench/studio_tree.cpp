// What a large tree of photographs costs a studio daemon that knows it already.
//
//   bench_studio_tree [FILES [FOLDER]]
//
// Makes FILES (100,000) small JPEG files, all different, under FOLDER (a temporary one), and a
// catalog in which all of them are published. Then, in turn, five times each:
//   ours   starts proofline-studiod and waits until it has looked through the tree and nothing
//          waits
//   floor  find TREE -printf '%s %T@ %i\n'
// and prints CPU seconds and their ratio; the same after a kill -9; and of the running daemon its
// CPU in ten idle seconds and its memory. The daemon must find nothing to do: a catalog that has
// changed is an error.
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench/process_cpu.h"
#include "bench/program.h"
#include "daemon/catalog.h"
#include "lib/base/digest.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/endpoints.h"
#include "proofline/v1/studio_control_service.grpc.pb.h"
#include "proofline/v1/sync_service.grpc.pb.h"

namespace {

namespace fs = std::filesystem;
namespace pb = proofline::v1;
namespace studio = proofline::studio;
using proofline::bench::RunProgram;
using proofline::bench::StartProgram;
using proofline::bench::Used;
using Clock = std::chrono::steady_clock;

constexpr int kFilesPerFolder = 100;
constexpr int kRounds = 5;

void Require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void Pause(std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, time);
}

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// ---- The tree and its catalog

fs::path PathOf(const fs::path& tree, int number) {
  const int folder = number / kFilesPerFolder;
  char name[64];
  std::snprintf(name, sizeof(name), "%04d/shoot %03d/IMG_%06d.JPG", 2000 + folder / 50, folder,
                number);
  return tree / name;
}

// The picture with its number in a comment: a JPEG like others, with a digest of its own.
std::string Numbered(const std::string& jpeg, int number) {
  std::string comment = std::to_string(number);
  comment.insert(0, 16 - comment.size(), ' ');
  return jpeg.substr(0, 2) + std::string("\xFF\xFE\x00\x12", 4) + comment + jpeg.substr(2);
}

void MakeTree(const fs::path& tree, const std::string& jpeg, int files) {
  for (int i = 0; i < files; ++i) {
    const fs::path path = PathOf(tree, i);
    if (i % kFilesPerFolder == 0) fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << Numbered(jpeg, i);
  }
}

void FillCatalog(studio::Catalog& catalog, const fs::path& tree, const std::string& jpeg,
                 int files) {
  proofline::imaging::Renditions made;
  made.renditions = {{"thumbnail", 64, 48, jpeg}, {"proof", 64, 48, jpeg}};
  made.facts.format = "jpeg";
  made.facts.width = 64;
  made.facts.height = 48;
  made.facts.capture_time = "2024-05-01T12:34:56.12+02:00";
  made.facts.camera_make = "Camera maker";
  made.facts.camera_model = "A model of camera";
  made.facts.lens = "A lens 24-70mm F2.8";
  int number = 0;
  while (number < files) {
    std::vector<studio::SettledPath> settled;
    for (; number < files && settled.size() < 256; ++number) {
      const std::string path = PathOf(tree, number).string();
      settled.push_back({.root = tree.string(), .path = path, .reading = studio::ReadPath(path)});
    }
    Require(catalog.RecordSettled(settled).ok(), "cannot record files");
    for (std::size_t i = 0; i < settled.size(); ++i) {
      const std::optional<studio::RenderTask> task = catalog.TakeWaiting({});
      const std::string content = ReadAll(task->path);
      made.facts.size_bytes = content.size();
      made.facts.digest = proofline::base::Sha256Of(content);
      Require(catalog.FinishRendered(*task, made, true).ok(), "cannot record renditions");
    }
  }
  Require(catalog.Acknowledge(catalog.last_sequence(), {}).ok(), "cannot acknowledge");
}

// ---- A host that has everything

class Host final : public pb::SyncService::Service {
 public:
  explicit Host(std::int64_t last) : last_(last) {}

  grpc::Status Publish(
      grpc::ServerContext* /*context*/,
      grpc::ServerReaderWriter<pb::PublishResponse, pb::PublishRequest>* stream) override {
    pb::PublishRequest request;
    if (!stream->Read(&request)) return grpc::Status::OK;
    pb::PublishResponse response;
    response.mutable_opened()->set_last_sequence(last_);
    response.mutable_opened()->set_window_bytes(1 << 20);
    response.mutable_opened()->set_max_pack_bytes(1 << 18);
    stream->Write(response);
    while (stream->Read(&request)) sent_ = true;
    return grpc::Status::OK;
  }
  grpc::Status FollowDeviceOrders(grpc::ServerContext* context,
                                  const pb::FollowDeviceOrdersRequest* /*request*/,
                                  grpc::ServerWriter<pb::OrderEvent>* /*writer*/) override {
    while (!context->IsCancelled()) Pause(std::chrono::milliseconds(20));
    return grpc::Status::OK;
  }
  bool sent() const { return sent_; }

 private:
  const std::int64_t last_;
  std::atomic<bool> sent_ = false;
};

// ---- The daemon

class Daemon {
 public:
  Daemon(const fs::path& folder, int files) : state_(folder / "state"), files_(files) {
    fs::remove(state_ / "endpoints.json");
    start_ = Clock::now();
    const fs::path log = folder / "daemon.log";
    pid_ = StartProgram({PROOFLINE_STUDIOD, "--config", folder / "studio.toml"}, {}, {}, log);
  }
  ~Daemon() { End(SIGKILL); }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  pid_t pid() const { return pid_; }
  // Until everything was looked through and nothing waits.
  Used WaitUntilReady() {
    while (!IsReady()) {
      Require(SecondsSince(start_) < 120, "the daemon does not become ready; see daemon.log");
      Pause(std::chrono::milliseconds(50));
    }
    return {proofline::bench::TreeCpuSeconds(pid_), SecondsSince(start_)};
  }
  void End(int signal) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  // A figure of /proc/PID/status in MB.
  double Megabytes(const std::string& key) const {
    std::ifstream file(fs::path("/proc") / std::to_string(pid_) / "status");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1)) * 1024 / 1e6;
    }
    return 0;
  }

 private:
  bool IsReady() {
    if (stub_ == nullptr) {
      const auto endpoints = proofline::rpc::ReadEndpoints(state_);
      if (!endpoints.ok()) return false;
      const auto channel = proofline::rpc::MakeChannel({.address = endpoints->at("control")});
      if (!channel.ok()) return false;
      stub_ = pb::StudioControlService::NewStub(*channel);
    }
    grpc::ClientContext context;
    pb::GetStudioStatusResponse status;
    if (!stub_->GetStudioStatus(&context, {}, &status).ok()) return false;
    if (status.folders().empty() || !status.folders(0).has_scan_time()) return false;
    if (status.settling() + status.waiting() + status.rendered() > 0) return false;
    Require(status.published() == files_,
            "the daemon counts " + std::to_string(status.published()) + " published photos");
    return true;
  }

  const fs::path state_;
  const int files_;
  Clock::time_point start_;
  pid_t pid_ = -1;
  std::unique_ptr<pb::StudioControlService::Stub> stub_;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Compare(const fs::path& folder, const fs::path& tree, int files) {
  const std::vector<std::string> find = {"find", tree.string(), "-printf", "%s %T@ %i\\n"};
  const std::string nowhere = "/dev/null";
  RunProgram(find, {}, nowhere);
  {
    Daemon daemon(folder, files);
    daemon.WaitUntilReady();
    daemon.End(SIGTERM);
  }
  std::vector<double> ours;
  std::vector<double> floor;
  std::printf("%8s %12s %12s %12s %12s %8s\n", "round", "find CPU s", "find wall s", "ours CPU s",
              "ours wall s", "CPU x");
  for (int round = 1; round <= kRounds; ++round) {
    const Used found = RunProgram(find, {}, nowhere);
    Daemon daemon(folder, files);
    const Used started = daemon.WaitUntilReady();
    daemon.End(SIGTERM);
    floor.push_back(found.cpu_seconds);
    ours.push_back(started.cpu_seconds);
    std::printf("%8d %12.3f %12.3f %12.3f %12.3f %8.2f\n", round, found.cpu_seconds, found.seconds,
                started.cpu_seconds, started.seconds, started.cpu_seconds / found.cpu_seconds);
  }
  std::printf("unchanged restart, median: %.3f s of CPU, %.2f times find (target 1.5)\n",
              Median(ours), Median(ours) / Median(floor));
}

void Measure(const fs::path& folder, int files) {
  {
    Daemon daemon(folder, files);
    daemon.WaitUntilReady();
    daemon.End(SIGKILL);
  }
  Daemon daemon(folder, files);
  const Used after_kill = daemon.WaitUntilReady();
  std::printf("after a kill -9: %.3f s of CPU\n", after_kill.cpu_seconds);
  std::printf("memory: %.0f MB resident, %.0f MB at most (target 150)\n", daemon.Megabytes("VmRSS"),
              daemon.Megabytes("VmHWM"));
  Pause(std::chrono::seconds(2));
  const double before = proofline::bench::TreeCpuSeconds(daemon.pid());
  Pause(std::chrono::seconds(10));
  std::printf("idle: %.2f s of CPU in 10 s (target 0)\n",
              proofline::bench::TreeCpuSeconds(daemon.pid()) - before);
  daemon.End(SIGTERM);
}

void RunAll(int files, const fs::path& folder) {
  const fs::path tree = folder / "tree";
  fs::create_directories(tree);
  const fs::path picture = folder / "picture.jpg";
  RunProgram({"vips", "gaussnoise", picture.string() + "[Q=50,strip]", "64", "48"});
  const std::string jpeg = ReadAll(picture);
  Require(jpeg.size() > 500, "vips makes no picture");
  std::printf("%d files of %zu bytes under %s\n", files, jpeg.size() + 20, tree.c_str());
  MakeTree(tree, jpeg, files);

  // Filled in memory: what it takes to make the catalog is not what is measured.
  const fs::path memory = fs::path("/dev/shm") / ("studio_tree." + std::to_string(::getpid()));
  const proofline::studio::DeviceName device{"bench", "device"};
  std::int64_t last = 0;
  try {
    fs::create_directories(memory);
    auto catalog = studio::Catalog::Open({.path = memory / "catalog", .device = device},
                                         proofline::base::RealClock());
    Require(catalog.ok(), "cannot make a catalog");
    FillCatalog(**catalog, tree, jpeg, files);
    last = (*catalog)->last_sequence();
    catalog->reset();
    fs::create_directories(folder / "state");
    fs::copy(memory / "catalog", folder / "state/catalog", fs::copy_options::recursive);
  } catch (...) {
    fs::remove_all(memory);
    throw;
  }
  fs::remove_all(memory);

  Host host(last);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&host);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  std::ofstream(folder / "device.key") << "bench.device.s3cret";
  fs::permissions(folder / "device.key", fs::perms::owner_read | fs::perms::owner_write);
  std::ofstream(folder / "studio.toml")
      << "state = \"state\"\n[host]\naddress = \"127.0.0.1:" << port
      << "\"\nkey_file = \"device.key\"\ninsecure = true\n[imaging]\nworker = \""
      << PROOFLINE_WORKER << "\"\n[[watch]]\npath = \"tree\"\n";
  Compare(folder, tree, files);
  Measure(folder, files);
  server->Shutdown(std::chrono::system_clock::now());
  Require(!host.sent(), "the daemon sent something although nothing had changed");
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const int files = argc > 1 ? std::stoi(argv[1]) : 100'000;
  std::string made = "/tmp/studio_tree.XXXXXX";
  if (argc <= 2 && ::mkdtemp(made.data()) == nullptr) return 1;
  const fs::path folder = argc > 2 ? fs::path(argv[2]) : fs::path(made);
  int result = 0;
  try {
    fs::create_directories(folder);
    RunAll(files, folder);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_studio_tree: %s (see %s)\n", error.what(), folder.c_str());
    result = 1;
  }
  if (argc <= 2 && result == 0) fs::remove_all(folder);
  return result;
}
