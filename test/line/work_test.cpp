// When the studio daemon works, and how hard: priorities, the limit of what is sent, hours.
#include <sched.h>
#include <sys/syscall.h>

#include <csignal>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "lib/rpc/channel.h"
#include "test/catch.h"
#include "test/line/mounts.h"
#include "test/line/relay.h"
#include "test/line/shoot.h"

namespace proofline::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void Replace(const fs::path& file, const std::string& from, const std::string& to) {
  std::string text = ReadText(file);
  REQUIRE(text.find(from) != std::string::npos);
  text.replace(text.find(from), from.size(), to);
  std::ofstream(file, std::ios::trunc) << text;
}

// As /proc/PID/stat counts its fields.
long StatField(pid_t pid, int field) {
  const std::string stat = ReadText("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string word;
  for (int i = 3; i <= field; ++i) fields >> word;
  return std::stol(word);
}

std::vector<pid_t> Workers(pid_t daemon) {
  std::vector<pid_t> workers;
  for (const pid_t pid : Family(daemon)) {
    if (pid != daemon) workers.push_back(pid);
  }
  return workers;
}

// 22:00 and the like, so many hours from now by the clock on the wall.
std::string WallHour(int from_now) {
  return absl::FormatTime("%H:00", absl::Now() + absl::Hours(from_now), absl::LocalTimeZone());
}

void Update(const Line& line, const std::string& photo, const std::string& title) {
  grpc::ClientContext context;
  rpc::WithDeadline(context, seconds(30));
  v1::UpdateLocalPhotoRequest request;
  request.mutable_photo()->set_name(photo);
  request.mutable_photo()->mutable_metadata()->set_title(title);
  request.mutable_update_mask()->add_paths("metadata.title");
  v1::LocalPhoto changed;
  REQUIRE(line.Studio()->UpdateLocalPhoto(&context, request, &changed).ok());
}

}  // namespace

TEST_CASE("image workers run with the priority that the configuration says") {
  StartVips("test_shares");
  struct Priority {
    const char* name;
    long nice;
    int policy;
    int io_class;
  };
  const auto wanted = GENERATE(values<Priority>(
      {{"normal", 0, SCHED_OTHER, 0}, {"low", 10, SCHED_OTHER, 2}, {"idle", 19, SCHED_IDLE, 3}}));
  INFO(wanted.name);
  const long own = StatField(::getpid(), 19);
  Line line;
  std::ofstream(line.config(Part::kStudio), std::ios::app)
      << "[work]\nworkers = 2\npriority = \"" << wanted.name << "\"\n";
  // Without a host.
  std::ofstream(line.folder() / "device.key") << "demo.desk.s3cret";
  fs::permissions(line.folder() / "device.key", fs::perms::owner_read | fs::perms::owner_write);
  line.Start(Part::kStudio);
  for (int i = 0; i < 4; ++i) {
    PutPicture(line.watched() / (std::to_string(i) + ".jpg"), i, 2000, 1500);
  }
  REQUIRE(WaitUntil([&] { return line.StudioStatus().rendered() == 4; }, seconds(60)));
  const std::vector<pid_t> workers = Workers(line.pid(Part::kStudio));
  REQUIRE(!workers.empty());
  for (const pid_t pid : workers) {
    CHECK(StatField(pid, 19) == std::min(19L, own + wanted.nice));
    CHECK(::sched_getscheduler(pid) == wanted.policy);
    constexpr int kProcess = 1;
    CHECK((::syscall(SYS_ioprio_get, kProcess, pid) >> 13) == wanted.io_class);
    const std::string group = ReadText("/proc/" + std::to_string(pid) + "/autogroup");
    INFO(group);
    if (!group.empty() && wanted.nice > 0) {
      CHECK(group.find("nice " + std::to_string(wanted.nice)) != std::string::npos);
    }
  }
}

TEST_CASE("what is sent to the host keeps the limit, in a second and on the whole") {
  StartVips("test_shares");
  Line line;
  const std::string config = ReadText(line.config(Part::kStudio));
  const std::string before = "address = \"127.0.0.1:";
  const std::size_t at = config.find(before) + before.size();
  const std::string host_port = config.substr(at, config.find('"', at) - at);
  const int port = FreePort();
  Replace(line.config(Part::kStudio), before + host_port, before + std::to_string(port));
  constexpr std::int64_t kRate = 60'000;
  std::ofstream(line.config(Part::kStudio), std::ios::app) << "[upload]\nrate = \"60KB/s\"\n";
  line.Start(Part::kHost);
  line.EnrolDevice();
  Relay relay(port, std::stoi(host_port));
  line.Start(Part::kStudio);
  PutPicture(line.watched() / "shoot/first.jpg", 100);
  line.WaitForPhotos(1);
  const std::string session = line.SignInWithGalleries(LocalGalleries(line));
  const v1::Photo first = AllVisible(line, session).at(0);
  const auto begin = Relay::Clock::now();
  std::size_t seen = relay.passed().size();
  for (int i = 0; i < 24; ++i) {
    PutPicture(line.watched() / ("shoot/" + std::to_string(i) + ".jpg"), i, 1500, 1000);
  }
  REQUIRE(WaitUntil([&] { return line.StudioStatus().published() >= 4; }, seconds(60)));
  // What people enter takes its turn, and arrives.
  Update(line, first.name(), "entered");
  line.WaitForPhotos(25);
  const double took = std::chrono::duration<double>(Relay::Clock::now() - begin).count();
  CHECK(AllVisible(line, session, 100).size() == 25);
  auto passed = relay.passed();
  passed.erase(passed.begin(), passed.begin() + static_cast<std::ptrdiff_t>(seen));
  std::int64_t total = 0;
  for (const Relay::Passed& one : passed) total += one.bytes;
  const std::int64_t second = MostIn(passed, seconds(1));
  const std::int64_t five = MostIn(passed, seconds(5));
  WARN(total << " bytes in " << took << " s; at most " << second << " in a second, " << five
             << " in five, with a limit of " << kRate << " a second");
  REQUIRE(total > 5 * kRate);
  // A second's worth may have been saved up, and one pack more goes at once.
  CHECK(second <= 3 * kRate);
  CHECK(five <= 7 * kRate);
  CHECK(static_cast<double>(total) <= (took + 2) * kRate * 1.05);
  CHECK(static_cast<double>(total) >= (took - 4) * kRate * 0.7);
}

TEST_CASE("hours to work and a pause hold across a restart, and end when they are changed") {
  StartVips("test_shares");
  Line line;
  const std::string hours = "[work]\nhours = \"" + WallHour(2) + "-" + WallHour(3) + "\"\n";
  std::ofstream(line.config(Part::kStudio), std::ios::app) << hours;
  line.Start(Part::kHost);
  line.EnrolDevice();
  line.Start(Part::kStudio);
  PutPicture(line.watched() / "a.jpg", 1);
  for (int round = 0; round < 2; ++round) {
    REQUIRE(WaitUntil([&] { return line.StudioStatus().waiting() == 1; }, seconds(30)));
    CHECK_FALSE(WaitUntil([&] { return line.StudioStatus().waiting() == 0; }, seconds(1)));
    CHECK_FALSE(line.StudioStatus().resting_message().empty());
    CHECK_FALSE(line.StudioStatus().paused());
    if (round == 0) line.Kill(Part::kStudio);
    if (round == 0) line.Start(Part::kStudio);
  }
  // A pause outlasts the hours.
  grpc::ClientContext pausing;
  v1::PauseWorkResponse paused;
  REQUIRE(line.Studio()->PauseWork(&pausing, {}, &paused).ok());
  Replace(line.config(Part::kStudio), hours, "");
  ::kill(line.pid(Part::kStudio), SIGHUP);
  CHECK(WaitUntil([&] { return line.StudioStatus().resting_message().empty(); }, seconds(20)));
  CHECK(line.StudioStatus().waiting() == 1);
  line.Kill(Part::kStudio);
  line.Start(Part::kStudio);
  CHECK(line.StudioStatus().paused());
  CHECK_FALSE(WaitUntil([&] { return line.StudioStatus().published() == 1; }, seconds(1)));
  grpc::ClientContext resuming;
  v1::ResumeWorkResponse resumed;
  REQUIRE(line.Studio()->ResumeWork(&resuming, {}, &resumed).ok());
  line.WaitForPhotos(1);
}

}  // namespace proofline::test
