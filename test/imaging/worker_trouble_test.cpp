// A pool whose workers misbehave.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "lib/imaging/worker_pool.h"
#include "test/catch.h"
#include "test/imaging/test_pictures.h"
#include "test/temp_dir.h"

namespace proofline::imaging {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class Trouble {
 public:
  explicit Trouble(const std::string& behaviour, milliseconds time_limit = std::chrono::seconds(30))
      : program_(folder_ / behaviour) {
    std::filesystem::create_symlink(PROOFLINE_PROGRAMS "/proofline_test_worker", program_);
    original_ = test::Stored(folder_ / "original.jpg", "any bytes");
    pool_ = *WorkerPool::Create({.worker_path = program_, .workers = 1, .time_limit = time_limit});
  }

  WorkerPool& pool() { return *pool_; }
  absl::StatusOr<ImageFacts> Inspect(std::stop_token stop = {}) {
    return pool_->Inspect(original_.get(), stop);
  }
  int original() const { return original_.get(); }

  // Waits until a worker has a request in its hands.
  bool Seen() const {
    const steady_clock::time_point deadline = steady_clock::now() + std::chrono::seconds(20);
    while (steady_clock::now() < deadline) {
      if (std::filesystem::exists(program_.string() + ".seen")) return true;
      std::this_thread::sleep_for(milliseconds(2));
    }
    return false;
  }

 private:
  test::TempDir folder_;
  std::filesystem::path program_;
  base::UniqueFd original_;
  std::unique_ptr<WorkerPool> pool_;
};

bool Says(const absl::Status& status, const std::string& words) {
  INFO(status.ToString());
  CHECK(std::string(status.message()).find(words) != std::string::npos);
  return std::string(status.message()).find(words) != std::string::npos;
}

TEST_CASE("a picture that crashes its worker once is done by a fresh one") {
  Trouble trouble("crashes-once");
  CHECK(trouble.Inspect().ok());
  CHECK(trouble.pool().stats().retries == 1);
  CHECK(trouble.pool().stats().workers_started == 2);
}

TEST_CASE("a picture that crashes its worker twice fails, and the pool works on") {
  Trouble trouble("crashes");
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = trouble.Inspect().status();
    CHECK(absl::IsInternal(status));
    Says(status, "crash twice (signal SEGV)");
  }
  CHECK(trouble.pool().stats().failed == 3);
  CHECK(trouble.pool().stats().workers_started == 6);
  CHECK(trouble.pool().WorkerPids().empty());
}

TEST_CASE("a picture that takes too long fails after two attempts") {
  Trouble trouble("hangs", milliseconds(200));
  const steady_clock::time_point start = steady_clock::now();
  const absl::Status status = trouble.Inspect().status();
  CHECK(absl::IsDeadlineExceeded(status));
  Says(status, "time limit of 200ms");
  CHECK(steady_clock::now() - start >= milliseconds(400));
  CHECK(trouble.pool().WorkerPids().empty());
}

TEST_CASE("a worker that is killed in the middle of a picture is replaced") {
  Trouble trouble("hangs-once");
  absl::StatusOr<ImageFacts> facts = absl::InternalError("not asked");
  std::jthread call([&] { facts = trouble.Inspect(); });
  REQUIRE(trouble.Seen());
  const std::vector<int> pids = trouble.pool().WorkerPids();
  REQUIRE(pids.size() == 1);
  ::kill(pids[0], SIGKILL);
  call.join();
  CHECK(facts.ok());
  CHECK(trouble.pool().stats().retries == 1);
}

TEST_CASE("work on a picture, and waiting for a worker, can be cancelled") {
  Trouble trouble("hangs");
  std::stop_source stop;
  absl::Status first;
  absl::Status second;
  std::jthread call([&] { first = trouble.Inspect(stop.get_token()).status(); });
  REQUIRE(trouble.Seen());
  std::jthread waiting_call([&] { second = trouble.Inspect(stop.get_token()).status(); });
  stop.request_stop();
  call.join();
  waiting_call.join();
  CHECK(absl::IsCancelled(first));
  CHECK(absl::IsCancelled(second));
  CHECK(trouble.pool().WorkerPids().empty());
  CHECK(absl::IsCancelled(trouble.Inspect(stop.get_token()).status()));
}

TEST_CASE("a worker that ran out of memory says so") {
  Trouble trouble("wants-memory");
  const absl::Status status = trouble.Inspect().status();
  CHECK(absl::IsResourceExhausted(status));
  Says(status, "memory");
}

TEST_CASE("answers that make no sense are not believed") {
  for (const char* behaviour : {"talks-nonsense", "lies-about-length", "promises-without-file"}) {
    INFO(behaviour);
    Trouble trouble(behaviour);
    CHECK(absl::IsInternal(trouble.Inspect().status()));
    CHECK(absl::IsInternal(trouble.pool().MakeRenditions(trouble.original(), {}).status()));
  }
}

TEST_CASE("a worker that a picture has taken over passes nothing on but plain pictures") {
  for (const char* behaviour :
       {"shows-no-picture", "lies-about-pixels", "keeps-its-file-open", "says-cancelled"}) {
    INFO(behaviour);
    Trouble trouble(behaviour);
    CHECK(absl::IsInternal(trouble.pool().MakeRenditions(trouble.original(), {}).status()));
  }
  Trouble honest("honest");
  CHECK(honest.pool().MakeRenditions(honest.original(), {}).ok());
  const PrintRequest page{.edit = {}, .spec = {.width_px = 30, .height_px = 20}};
  CHECK(absl::IsInternal(honest.pool().RenderPrint(honest.original(), page).status()));
  Trouble liar("lies-about-original");
  CHECK(absl::IsAborted(liar.Inspect().status()));
}

TEST_CASE("facts are clean whoever wrote them, and reasons are one line") {
  Trouble trouble("writes-dirty-facts");
  const absl::StatusOr<ImageFacts> facts = trouble.Inspect();
  REQUIRE(facts.ok());
  CHECK(facts->title == "a title");
  CHECK(facts->camera_make == "two lines");
  CHECK_FALSE(facts->exposure_time.has_value());
  CHECK_FALSE(facts->rating.has_value());
  CHECK(facts->keywords.size() == ImageFacts::kMaxKeywords);
  Trouble failing("fails-in-two-lines");
  Says(failing.Inspect().status(), "the picture is broken");
}

TEST_CASE("a worker that found no memory is replaced, and the picture tried once more") {
  Trouble trouble("has-no-memory");
  CHECK(absl::IsResourceExhausted(trouble.Inspect().status()));
  // It was a fresh one already.
  CHECK(trouble.pool().stats().workers_started == 1);
  CHECK(trouble.pool().WorkerPids().empty());
}

TEST_CASE("a worker that writes without end is stopped by the time limit") {
  Trouble trouble("chats-for-ever", milliseconds(300));
  CHECK(absl::IsDeadlineExceeded(trouble.Inspect().status()));
}

TEST_CASE("a picture above the limits costs no worker") {
  test::TempDir folder;
  const base::UniqueFd large = test::Stored(folder / "a.jpg", test::SceneJpeg(640, 480));
  auto pool = *WorkerPool::Create({.workers = 1, .max_pixels = 100'000});
  for (int i = 0; i < 3; ++i) {
    CHECK(absl::IsResourceExhausted(pool->MakeRenditions(large.get(), {}).status()));
  }
  CHECK(pool->stats().workers_started == 1);
  CHECK(pool->stats().retries == 0);
}

TEST_CASE("a file that changes while it is read is no failure of its picture") {
  Trouble trouble("saw-a-change");
  const absl::Status status = trouble.pool().MakeRenditions(trouble.original(), {}).status();
  CHECK(absl::IsAborted(status));
  Says(status, "changed while it was read");
  // The same worker goes on.
  CHECK(trouble.pool().stats().retries == 0);
  CHECK(trouble.pool().WorkerPids().size() == 1);
}

TEST_CASE("a worker that writes without end is not held up by it") {
  Trouble trouble("chats");
  CHECK(trouble.Inspect().ok());
  CHECK(trouble.Inspect().ok());
}

TEST_CASE("a worker that does not start fails with its own last words") {
  Trouble trouble("does-not-start");
  const absl::Status status = trouble.Inspect().status();
  CHECK(absl::IsUnavailable(status));
  Says(status, "the library of pictures is missing");
}

TEST_CASE("a missing worker program is told before the first picture") {
  const absl::Status status =
      WorkerPool::Create({.worker_path = "/nowhere/proofline-imaging-worker"}).status();
  CHECK(absl::IsFailedPrecondition(status));
  Says(status, "/nowhere/proofline-imaging-worker");
}

TEST_CASE("options out of range are refused") {
  CHECK(absl::IsInvalidArgument(WorkerPool::Create({.workers = 0}).status()));
  CHECK(absl::IsInvalidArgument(WorkerPool::Create({.memory_limit = 1}).status()));
  CHECK(absl::IsInvalidArgument(WorkerPool::Create({.recycle_after = 0}).status()));
  CHECK(absl::IsInvalidArgument(WorkerPool::Create({.nice = 20}).status()));
}

bool Ended(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string id;
  std::string name;
  std::string state;
  // In a container nobody may reap it.
  return !(stat >> id >> name >> state) || state == "Z" || state == "X";
}

TEST_CASE("a worker ends when the process of its pool is killed") {
  test::TempDir folder;
  const base::UniqueFd original = test::Stored(folder / "a.jpg", test::SceneJpeg(64, 48));
  int report[2];
  REQUIRE(::pipe(report) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto pool = WorkerPool::Create({.workers = 1});
    static_cast<void>((*pool)->Inspect(original.get()));
    const int pid = (*pool)->WorkerPids().at(0);
    static_cast<void>(!::write(report[1], &pid, sizeof(pid)));
    ::raise(SIGKILL);
  }
  int worker = -1;
  REQUIRE(::read(report[0], &worker, sizeof(worker)) == sizeof(worker));
  ::waitpid(child, nullptr, 0);
  ::close(report[0]);
  ::close(report[1]);
  const steady_clock::time_point deadline = steady_clock::now() + std::chrono::seconds(20);
  while (!Ended(worker) && steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  CHECK(Ended(worker));
}

}  // namespace
}  // namespace proofline::imaging
