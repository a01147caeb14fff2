#include "daemon/settle_queue.h"

#include "test/catch.h"

namespace proofline::studio {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Reading File(std::uint64_t size, std::uint64_t inode = 1, std::int64_t mtime = 1) {
  return {Reading::Kind::kFile, {1, inode, size, mtime}};
}

class Queue {
 public:
  Queue() : queue({seconds(2), seconds(10), 3}, clock) {}

  bool Event(const std::string& path, const Reading& reading) {
    return queue.Offer("/r", path, reading, SettleQueue::Why::kEvent);
  }
  // What one round lets go when every due path reads like this.
  std::vector<SettledPath> Round(const Reading& reading) {
    std::vector<SettledPath> settled;
    for (const std::string& path : queue.Due(100)) {
      if (auto one = queue.Check(path, reading)) settled.push_back(*one);
    }
    return settled;
  }

  base::FakeClock clock;
  SettleQueue queue;
};

TEST_CASE("a file that does not change is let go after the quiet time, and not before") {
  Queue q;
  REQUIRE(q.Event("/r/a", File(5)));
  q.clock.Advance(milliseconds(1999));
  CHECK(q.Round(File(5)).empty());
  q.clock.Advance(milliseconds(1));
  const std::vector<SettledPath> settled = q.Round(File(5));
  REQUIRE(settled.size() == 1);
  CHECK(settled[0].path == "/r/a");
  CHECK(settled[0].root == "/r");
  CHECK(settled[0].reading == File(5));
  CHECK(q.queue.size() == 0);
  CHECK_FALSE(q.queue.NextDue().has_value());
}

TEST_CASE("a file that grows is held until it rests") {
  Queue q;
  q.Event("/r/a", File(1));
  for (std::uint64_t size = 2; size < 5; ++size) {
    q.clock.Advance(seconds(2));
    CHECK(q.Round(File(size)).empty());
  }
  q.clock.Advance(seconds(2));
  const std::vector<SettledPath> settled = q.Round(File(4));
  REQUIRE(settled.size() == 1);
  CHECK(settled[0].reading.stamp.size == 4);
}

TEST_CASE("a file that never rests is let go after the longest time") {
  Queue q;
  q.Event("/r/a", File(1));
  std::uint64_t size = 1;
  for (int i = 0; i < 4; ++i) {
    q.clock.Advance(seconds(2));
    CHECK(q.Round(File(++size)).empty());
  }
  q.clock.Advance(seconds(2));
  CHECK(q.Round(File(++size)).size() == 1);
}

TEST_CASE("an event begins the quiet time anew, up to the longest time") {
  Queue q;
  q.Event("/r/a", File(1));
  q.clock.Advance(milliseconds(1500));
  q.Event("/r/a", File(1));
  q.clock.Advance(milliseconds(1500));
  CHECK(q.Round(File(1)).empty());
  q.clock.Advance(milliseconds(500));
  CHECK(q.Round(File(1)).size() == 1);

  q.Event("/r/b", File(1));
  for (int i = 0; i < 9; ++i) {
    q.clock.Advance(seconds(1));
    q.Event("/r/b", File(1));
    CHECK(q.Round(File(1)).empty());
  }
  q.clock.Advance(seconds(1));
  CHECK(q.Round(File(1)).size() == 1);
}

TEST_CASE("a listing that shows the same file begins nothing anew") {
  Queue q;
  q.Event("/r/a", File(1));
  q.clock.Advance(milliseconds(1500));
  q.queue.Offer("/r", "/r/a", File(1), SettleQueue::Why::kListed);
  q.clock.Advance(milliseconds(500));
  CHECK(q.Round(File(1)).size() == 1);
}

TEST_CASE("a file replaced by another under the same name settles anew") {
  Queue q;
  q.Event("/r/a", File(5, /*inode=*/1));
  q.clock.Advance(seconds(2));
  CHECK(q.Round(File(5, /*inode=*/2)).empty());
  q.clock.Advance(seconds(2));
  REQUIRE(q.Round(File(5, 2)).size() == 1);
}

TEST_CASE("a deleted file settles as absent, and one that comes back as a file") {
  Queue q;
  q.Event("/r/a", Reading{});
  q.clock.Advance(seconds(2));
  const std::vector<SettledPath> settled = q.Round(Reading{});
  REQUIRE(settled.size() == 1);
  CHECK(settled[0].reading.kind == Reading::Kind::kAbsent);

  q.Event("/r/a", Reading{});
  q.clock.Advance(seconds(2));
  CHECK(q.Round(File(7)).empty());
  q.clock.Advance(seconds(2));
  REQUIRE(q.Round(File(7)).size() == 1);
}

TEST_CASE("a share that does not answer settles nothing, however long it takes") {
  Queue q;
  const Reading unknown{Reading::Kind::kUnknown, {}};
  q.Event("/r/a", File(1));
  for (int i = 0; i < 20; ++i) {
    q.clock.Advance(seconds(2));
    CHECK(q.Round(unknown).empty());
  }
  q.clock.Advance(seconds(2));
  CHECK(q.Round(File(1)).size() == 1);
}

TEST_CASE("a full queue refuses new paths and still hears of those it holds") {
  Queue q;
  REQUIRE(q.Event("/r/a", File(1)));
  REQUIRE(q.Event("/r/b", File(1)));
  REQUIRE(q.Event("/r/c", File(1)));
  CHECK_FALSE(q.Event("/r/d", File(1)));
  CHECK(q.Event("/r/a", File(2)));
  q.clock.Advance(seconds(2));
  q.Round(File(1));
  CHECK(q.queue.Holds("/r/a"));
  CHECK_FALSE(q.queue.Holds("/r/b"));
  CHECK(q.Event("/r/d", File(1)));
}

TEST_CASE("a path that is put off waits for another quiet time, up to the longest time") {
  Queue q;
  q.Event("/r/1.CR2", File(5));
  for (int i = 0; i < 4; ++i) {
    q.clock.Advance(seconds(2));
    REQUIRE(q.queue.Due(10).size() == 1);
    CHECK(q.queue.PutOff("/r/1.CR2"));
    CHECK(q.queue.Due(10).empty());
  }
  q.clock.Advance(seconds(2));
  CHECK_FALSE(q.queue.PutOff("/r/1.CR2"));
  CHECK(q.Round(File(5)).size() == 1);
  CHECK_FALSE(q.queue.PutOff("/r/1.CR2"));
}

TEST_CASE("the other half of a pair is a held file in the same folder, named alike") {
  const auto holds = [](const std::string& held, const Reading& reading = File(5)) {
    Queue q;
    q.Event(held, reading);
    return q.queue.HoldsOtherHalf("/r/a/1.CR2");
  };
  CHECK(holds("/r/a/1.JPG"));
  CHECK(holds("/r/a/1.heic"));
  CHECK_FALSE(holds("/r/a/1.JPG", Reading()));
  CHECK_FALSE(holds("/r/a/1.xmp"));
  CHECK_FALSE(holds("/r/a/1.NEF"));
  CHECK_FALSE(holds("/r/a/10.JPG"));
  CHECK_FALSE(holds("/r/b/1.JPG"));
  CHECK_FALSE(holds("/r/a/1.CR2"));
}

TEST_CASE("a file with gaps waits until it has been as it is for the longest time") {
  Queue q;
  REQUIRE(q.Event("/r/a", File(5)));
  CHECK_FALSE(q.queue.PutOffUnfilled("/r/a", File(5)));  // not due yet
  CHECK_FALSE(q.queue.PutOffUnfilled("/r/b", File(5)));
  // Written to every now and then, for far longer than the longest time.
  for (std::int64_t mtime = 2; mtime < 20; ++mtime) {
    q.clock.Advance(seconds(2));
    REQUIRE(q.queue.PutOffUnfilled("/r/a", File(5, 1, mtime)));
    CHECK(q.Round(File(5, 1, mtime)).empty());
  }
  // Left as it is.
  for (int i = 0; i < 4; ++i) {
    q.clock.Advance(seconds(2));
    REQUIRE(q.queue.PutOffUnfilled("/r/a", File(5, 1, 19)));
  }
  q.clock.Advance(seconds(2));
  CHECK_FALSE(q.queue.PutOffUnfilled("/r/a", File(5, 1, 19)));
  CHECK(q.Round(File(5, 1, 19)).size() == 1);
}

}  // namespace
}  // namespace proofline::studio
