#include "daemon/folder_hands.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <latch>

#include "daemon/folder_file.h"
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kShort = milliseconds(50);

TEST_CASE("a root that hangs costs one wait, then none, and others do not notice") {
  FolderCalls calls(kShort);
  FolderHands hands(calls, kShort);
  const auto let_go = std::make_shared<std::latch>(1);
  const auto slow = hands.Ask("/share", "/share/a", [let_go] {
    let_go->wait();
    return 1;
  });
  REQUIRE(absl::IsDeadlineExceeded(slow.status()));
  CHECK(slow.status().message().find("/share/a") != std::string::npos);
  REQUIRE(Eventually([&] { return !calls.Hanging("/share").empty(); }));
  bool called = false;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    const auto refused = hands.Ask("/share", "/share/b", [&called] { return called = true; });
    CHECK(absl::IsDeadlineExceeded(refused.status()));
  }
  CHECK(std::chrono::steady_clock::now() - begin < 20 * kShort);
  CHECK_FALSE(called);
  CHECK(*hands.Ask("/photos", "/photos/a", [] { return 2; }) == 2);
  CHECK_FALSE(calls.TakeUnanswered("/photos"));
  CHECK_FALSE(calls.TakeUnanswered("/share"));
  let_go->count_down();
  // What was left undone is told of once.
  REQUIRE(Eventually([&] { return calls.TakeUnanswered("/share"); }));
  CHECK_FALSE(calls.TakeUnanswered("/share"));
  CHECK(*hands.Ask("/share", "/share/b", [] { return 3; }) == 3);
}

TEST_CASE("whoever is told to stop does not wait for a root") {
  FolderCalls calls;
  FolderHands hands(calls);
  const auto let_go = std::make_shared<std::latch>(1);
  std::stop_source stop;
  absl::Status status;
  {
    const std::jthread asking([&] {
      status = hands
                   .Ask(
                       "/share", "/share/a",
                       [let_go] {
                         let_go->wait();
                         return 1;
                       },
                       stop.get_token())
                   .status();
    });
    stop.request_stop();
  }
  CHECK(absl::IsCancelled(status));
  let_go->count_down();
}

TEST_CASE("many ask one root at the same time") {
  FolderCalls calls;
  FolderHands hands(calls);
  const auto all_here = std::make_shared<std::latch>(8);
  std::vector<std::jthread> asking;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 8; ++i) {
    asking.emplace_back([&] {
      // Nobody gets on before all are there.
      if (hands
              .Ask("/r", "/r/a",
                   [all_here] {
                     all_here->arrive_and_wait();
                     return true;
                   })
              .ok()) {
        ++answered;
      }
    });
  }
  asking.clear();
  CHECK(answered == 8);
}

TEST_CASE("a file is read by way of its folder, and its copy is for reading only") {
  proofline::test::TempDir folder;
  const std::string root = folder.path().string();
  std::string content(3'000'000, 'x');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * i >> 8);
  WriteFile(root + "/a.jpg", content);
  FolderCalls calls;
  FolderHands hands(calls);
  CHECK(absl::IsNotFound(FolderFile::Open(hands, root, root + "/none.jpg", {}).status()));
  const absl::StatusOr<FolderFile> file = FolderFile::Open(hands, root, root + "/a.jpg", {});
  REQUIRE(file.ok());
  CHECK(file->Facts({})->st_size == static_cast<off_t>(content.size()));
  CHECK(*file->Read(2'999'998, 100, {}) == content.substr(2'999'998));
  CHECK(*file->Sha256({}) == base::Sha256Of(content));
  const absl::StatusOr<base::UniqueFd> copy = file->CopyToMemory({});
  REQUIRE(copy.ok());
  CHECK((::fcntl(copy->get(), F_GETFL) & O_ACCMODE) == O_RDONLY);
  std::string bytes(content.size() + 1, '\0');
  REQUIRE(::pread(copy->get(), bytes.data(), bytes.size(), 0) ==
          static_cast<ssize_t>(content.size()));
  bytes.pop_back();
  CHECK(bytes == content);
}

}  // namespace
}  // namespace proofline::studio::test
