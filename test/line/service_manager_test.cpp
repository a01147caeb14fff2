// Each daemon under a service manager: what it says while it starts, works, reads its configuration
// again, and stops.
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <csignal>
#include <cstddef>
#include <fstream>

#include "lib/base/unique_fd.h"
#include "test/catch.h"
#include "test/line/line.h"

namespace proofline::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The service manager's end of the notification socket.
class Manager {
 public:
  explicit Manager(const fs::path& path)
      : path_(path), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof(address.sun_path) - 1);
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    const timeval longest{30, 0};
    REQUIRE(::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest)) == 0);
  }
  std::vector<std::string> Environment() const {
    return {"NOTIFY_SOCKET=" + path_.string(), "WATCHDOG_USEC=200000"};
  }
  // The next thing said that begins with `beginning`; fails after half a minute of others.
  std::string Next(const std::string& beginning) {
    const auto end = std::chrono::steady_clock::now() + seconds(30);
    while (std::chrono::steady_clock::now() < end) {
      char buffer[2048];
      const ssize_t got = ::recv(fd_.get(), buffer, sizeof(buffer), 0);
      if (got <= 0) break;
      std::string said(buffer, static_cast<std::size_t>(got));
      if (said.starts_with(beginning)) return said;
    }
    FAIL("nothing was said that begins with " << beginning);
    return {};
  }

 private:
  const fs::path path_;
  base::UniqueFd fd_;
};

// Threads of another process that are held where they are.
class HeldThreads {
 public:
  HeldThreads(pid_t process, const std::string& name) {
    const fs::path tasks = fs::path("/proc") / std::to_string(process) / "task";
    for (const fs::directory_entry& task : fs::directory_iterator(tasks)) {
      if (ReadText(task.path() / "comm") != name + "\n") continue;
      const pid_t thread = std::stoi(task.path().filename());
      REQUIRE(::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) == 0);
      REQUIRE(::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) == 0);
      int status = 0;
      REQUIRE(::waitpid(thread, &status, __WALL) == thread);
      held_.push_back(thread);
    }
    REQUIRE_FALSE(held_.empty());
  }
  ~HeldThreads() {
    for (const pid_t thread : held_) ::ptrace(PTRACE_DETACH, thread, nullptr, nullptr);
  }
  HeldThreads(const HeldThreads&) = delete;
  HeldThreads& operator=(const HeldThreads&) = delete;

 private:
  std::vector<pid_t> held_;
};

void Append(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::app) << text;
}

}  // namespace

TEST_CASE("every daemon says that it is ready, gets on, reads its configuration again, and stops") {
  const Part part = GENERATE(Part::kHost, Part::kLab, Part::kStudio);
  Line line;
  if (part == Part::kStudio) {
    line.Start(Part::kHost);
    line.EnrolDevice();
  }
  Manager manager(line.folder() / "notify");
  line.SetEnvironment(part, manager.Environment());
  line.Start(part);
  const std::string ready = manager.Next("READY=1\nSTATUS=");
  CHECK(Has(ready, part == Part::kStudio ? "0 photos at the host" : "running"));
  // Twice in the time that is allowed, again and again.
  for (int i = 0; i < 5; ++i) manager.Next("WATCHDOG=1");
  manager.Next("STATUS=");

  const auto reload = [&](const std::string& log) {
    ::kill(line.pid(part), SIGHUP);
    CHECK(Has(manager.Next("RELOADING=1\n"), "MONOTONIC_USEC="));
    const std::string again = manager.Next("READY=1\n");
    INFO(line.Log(part));
    CHECK(Has(line.Log(part), log));
    CHECK(Has(again, "the configuration stays as it was") == Has(log, "stays as it was"));
  };
  const fs::path config = line.config(part);
  const std::string good = ReadText(config);
  reload("nothing has changed");
  Append(config, "[log]\nlevel = \"loud\"\n");
  reload("the configuration stays as it was");
  CHECK(Has(line.Log(part), "log.level"));
  std::ofstream(config, std::ios::trunc) << good << "[metrics]\naddress = \"127.0.0.1:0\"\n";
  reload("changed, but only after a restart: metrics.address");
  Append(config, "[log]\nlevel = \"debug\"\n");
  reload("now in force: log.level");
  if (part == Part::kStudio) {
    Append(config, "[[rule]]\nname = \"none\"\nsend = false\n[work]\nhours = \"00:00-24:00\"\n");
    reload("now in force: rule, work.hours");
  }
  manager.Next("WATCHDOG=1");
  CHECK(line.running(part));

  CHECK(line.Stop(part) == 0);
  CHECK(Has(manager.Next("STOPPING=1\n"), "SIGTERM"));
}

TEST_CASE("a daemon whose work hangs is not said to be well, and says what hangs") {
  // What the threads of that name do is held up as by a disk that does not answer.
  struct Case {
    Part part;
    const char* threads;
    const char* says;
  };
  const Case at = GENERATE(Case{Part::kHost, "committer", "the store"},
                           Case{Part::kLab, "executor", "the work for studios"});
  Line line;
  Manager manager(line.folder() / "notify");
  line.SetEnvironment(at.part, manager.Environment());
  line.Start(at.part);
  manager.Next("WATCHDOG=1");
  {
    const HeldThreads held(line.pid(at.part), at.threads);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
    if (at.part == Part::kHost) {
      v1::CreateStudioRequest request;
      request.set_studio_id("stuck");
      v1::Studio studio;
      CHECK_FALSE(line.Admin()->CreateStudio(&context, request, &studio).ok());
    } else {
      v1::ListJobsResponse jobs;
      CHECK_FALSE(line.Lab()->ListJobs(&context, v1::ListJobsRequest(), &jobs).ok());
    }
    manager.Next(std::string("STATUS=") + at.says + " does not get on");
    for (int i = 0; i < 5; ++i) CHECK(Has(manager.Next(""), at.says));
  }
  // It gets on, and is well again.
  manager.Next("WATCHDOG=1");
  CHECK(Has(line.Log(at.part), std::string(at.says) + " does not get on"));
  CHECK(line.Stop(at.part) == 0);
}

TEST_CASE("a daemon that is not ready says nothing of it, and one that cannot start never does") {
  Line line;
  Manager manager(line.folder() / "notify");
  std::ofstream(line.config(Part::kHost), std::ios::trunc) << "stat = \"host\"\n";
  const RunResult result =
      Run({fs::path(PROOFLINE_PROGRAMS) / "proofline-hostd", "--config", line.config(Part::kHost)},
          line.folder(), manager.Environment());
  CHECK(result.exit_code == 2);
  // The next that is said is another one's.
  line.SetEnvironment(Part::kLab, manager.Environment());
  line.Start(Part::kLab);
  CHECK(Has(manager.Next(""), "READY=1"));
}

}  // namespace proofline::test
