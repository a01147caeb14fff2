#include "daemon/withdrawer.h"

#include <latch>

#include "test/daemon/order_fixture.h"
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;
namespace fs = std::filesystem;

// A photo at the host whose file is deleted.
struct Deleted {
  Deleted() {
    studio.Add("a/1.jpg", "one");
    studio.Add("a/2.jpg", "two");
    studio.RenderAll();
    studio.AcknowledgeAll();
    id = studio.At("a/1.jpg").id();
    fs::remove(studio.path("a/1.jpg"));
    studio.Record({"a/1.jpg"});
    sent = studio.catalog().last_sequence();
  }
  std::size_t Due() { return studio.catalog().DueWithdrawals()->size(); }
  void PassGrace() { studio.clock().Advance(Studio::kGrace + std::chrono::seconds(1)); }
  // When the grace time is over the withdrawer looks, and nothing is sent.
  void CheckPutOff(Withdrawer& withdrawer) {
    PassGrace();
    REQUIRE(Due() == 1);
    withdrawer.Start();
    CHECK(Eventually([&] { return Due() == 0; }));
    withdrawer.Stop();
    CHECK(studio.catalog().last_sequence() == sent);
    CHECK(studio.catalog().GetPhoto(id)->withdraw_due_ms() > 0);
  }

  Studio studio;
  std::string id;
  std::int64_t sent = 0;
};

TEST_CASE("a photo whose file is gone is due when its grace time is over, also after a restart") {
  Deleted d;
  CHECK(d.Due() == 0);
  d.studio.clock().Advance(Studio::kGrace / 2);
  d.studio.Open();
  CHECK(d.Due() == 0);
  d.studio.clock().Advance(Studio::kGrace / 2 + std::chrono::seconds(1));
  d.studio.Open();
  REQUIRE(d.Due() == 1);
  CHECK(d.studio.catalog().DueWithdrawals()->front().id() == d.id);
  CHECK(d.studio.catalog().WaitForDueWithdrawal({}));
}

TEST_CASE("a file that comes back within the grace time changes nothing") {
  Deleted d;
  WriteFile(d.studio.path("a/back.jpg"), "one");
  fs::rename(d.studio.path("a/back.jpg"), d.studio.path("a/1.jpg"));
  d.studio.Record({"a/1.jpg"});
  d.studio.RenderAll();
  d.PassGrace();
  CHECK(d.Due() == 0);
  REQUIRE(d.studio.catalog().Withdraw(d.id).ok());
  d.studio.AcknowledgeAll();
  CHECK(d.studio.At("a/1.jpg").state() == pb::LOCAL_PHOTO_STATE_PUBLISHED);
}

TEST_CASE("a withdrawal goes the way of all changes, and a file that comes back is sent anew") {
  Deleted d;
  d.PassGrace();
  REQUIRE(d.studio.catalog().Withdraw(d.id).ok());
  CHECK(d.Due() == 0);
  std::vector<PendingPublish> pending = d.studio.Pending(d.sent);
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].withdrawal);
  CHECK(pending[0].photo.name().ends_with(d.id));
  CHECK(pending[0].contents.empty());
  const bool acknowledged = GENERATE(true, false);
  const bool restarted = GENERATE(true, false);
  if (acknowledged) {
    d.studio.AcknowledgeAll();
    CHECK(d.studio.Pending().empty());
    CHECK(d.studio.catalog().GetPhoto(d.id)->withdrawn());
  }
  if (restarted) d.studio.Open();
  CHECK(d.studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 1);

  d.studio.Add("a/1.jpg", "one");
  CHECK(d.studio.At("a/1.jpg").id() == d.id);
  d.studio.RenderAll();
  pending = d.studio.Pending();
  REQUIRE(pending.size() == 1);
  CHECK_FALSE(pending[0].withdrawal);
  CHECK(pending[0].contents.size() == 2);
  d.studio.AcknowledgeAll();
  CHECK(d.studio.At("a/1.jpg").state() == pb::LOCAL_PHOTO_STATE_PUBLISHED);
  CHECK_FALSE(d.studio.At("a/1.jpg").withdrawn());
  CHECK(d.Due() == 0);
}

TEST_CASE("a withdrawn photo is found again under another name, by its content") {
  Deleted d;
  d.PassGrace();
  REQUIRE(d.studio.catalog().Withdraw(d.id).ok());
  d.studio.AcknowledgeAll();
  d.studio.Add("restored/x.jpg", "one");
  d.studio.RenderAll();
  CHECK(d.studio.At("restored/x.jpg").id() == d.id);
  REQUIRE(d.studio.Pending().size() == 1);
  CHECK(d.studio.Pending()[0].contents.size() == 2);
}

TEST_CASE("a host that knows of an open order has the photo looked at again later") {
  Deleted d;
  d.PassGrace();
  REQUIRE(d.studio.catalog().Withdraw(d.id).ok());
  const std::int64_t sequence = d.studio.Pending(d.sent)[0].sequence;
  REQUIRE(d.studio.catalog().Acknowledge(sequence, {{sequence, {"OPEN_ORDER", "ordered"}}}).ok());
  CHECK_FALSE(d.studio.catalog().GetPhoto(d.id)->withdrawn());
  CHECK(d.studio.Pending().empty());
  CHECK(d.Due() == 0);
  d.PassGrace();
  CHECK(d.Due() == 1);
}

TEST_CASE("a host that went back to before a withdrawal is told again") {
  Deleted d;
  d.PassGrace();
  REQUIRE(d.studio.catalog().Withdraw(d.id).ok());
  d.studio.AcknowledgeAll();
  REQUIRE(d.studio.catalog().HostOpened(d.sent).ok());
  const std::vector<PendingPublish> pending = d.studio.Pending();
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].withdrawal);
  // One that knows more than this catalog gets it under a number of its own.
  REQUIRE(d.studio.catalog().HostOpened(d.sent + 1000).ok());
  REQUIRE(d.studio.Pending().size() == 1);
  CHECK(d.studio.Pending()[0].withdrawal);
  CHECK(d.studio.Pending()[0].sequence > d.sent + 1000);
}

TEST_CASE("a photo that never reached the host needs no withdrawal") {
  Studio studio;
  studio.Add("1.jpg", "one");
  fs::remove(studio.path("1.jpg"));
  studio.Record({"1.jpg"});
  studio.clock().Advance(Studio::kGrace * 2);
  CHECK(studio.catalog().DueWithdrawals()->empty());
}

TEST_CASE("the withdrawer does not wait for a share that hangs, and takes nothing on it away") {
  Deleted d;
  const std::unique_ptr<OrderBook> orders = OpenBook(d.studio);
  FolderCalls calls(std::chrono::milliseconds(20));
  FolderHands hands(calls, std::chrono::milliseconds(20));
  const auto let_go = std::make_shared<std::latch>(1);
  const auto hanging = hands.Ask(d.studio.root(), d.studio.root(), [let_go] {
    let_go->wait();
    return true;
  });
  REQUIRE(absl::IsDeadlineExceeded(hanging.status()));
  Withdrawer withdrawer(d.studio.catalog(), *orders, FileRules(), &hands);
  d.CheckPutOff(withdrawer);
  let_go->count_down();
}

TEST_CASE("the withdrawer leaves alone what is ordered, back, or on a volume that is away") {
  Deleted d;
  const std::unique_ptr<OrderBook> orders = OpenBook(d.studio);
  Withdrawer withdrawer(d.studio.catalog(), *orders);
  SECTION("ordered") {
    const std::vector<Line> lines = {{d.id, "one"}};
    REQUIRE(orders->RecordOrder(OrderOf(pb::ORDER_STATE_RECEIVED, 1, lines)).ok());
    d.CheckPutOff(withdrawer);
    REQUIRE(orders->RecordOrder(OrderOf(pb::ORDER_STATE_CANCELLED, 2, lines)).ok());
  }
  SECTION("away") {
    fs::rename(d.studio.root(), d.studio.folder() / "away");
    d.CheckPutOff(withdrawer);
    fs::rename(d.studio.folder() / "away", d.studio.root());
  }
  SECTION("back, and not yet settled") {
    WriteFile(d.studio.path("a/1.jpg"), "one");
    d.CheckPutOff(withdrawer);
    fs::remove(d.studio.path("a/1.jpg"));
  }
  SECTION("none of it") {}
  d.PassGrace();
  withdrawer.Start();
  CHECK(Eventually([&] { return d.studio.catalog().last_sequence() == d.sent + 1; }));
  withdrawer.Stop();
  CHECK(d.studio.Pending(d.sent)[0].withdrawal);
}

}  // namespace
}  // namespace proofline::studio::test
