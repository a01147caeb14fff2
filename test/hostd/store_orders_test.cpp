#include <filesystem>

#include "hostd/order_rules.h"
#include "hostd/record_text.h"
#include "hostd/store.h"
#include "lib/rpc/status.h"
#include "test/catch.h"
#include "test/hostd/photo_samples.h"
#include "test/temp_dir.h"

namespace proofline::host {
namespace {

namespace pb = proofline::v1;
using test::OrderFor;
using test::PhotoChangeOf;
using test::PublishNow;

struct Counter {
  void Reopen() {
    store.reset();
    auto opened = Store::Open(dir / "store", std::uint64_t{8} << 20, clock);
    REQUIRE(opened.ok());
    store = *std::move(opened);
  }
  Counter() {
    Reopen();
    test::FillStudio(*store, "north");
    REQUIRE(PublishNow(*store, "north", "one", "a", {PhotoChangeOf(1, {.photo = "p1"})}).ok());
    REQUIRE(PublishNow(*store, "north", "two", "b", {PhotoChangeOf(1, {.photo = "p2"})}).ok());
  }
  pb::Photo Photo(const std::string& id) const { return store->FindPhoto("north", id)->value(); }
  pb::Order Take(const std::string& customer, const std::vector<std::string>& photos,
                 const std::string& request) {
    std::vector<pb::Photo> records;
    for (const std::string& id : photos) records.push_back(Photo(id));
    const auto order = store->CreateOrder("north", OrderFor("north", customer, records, request));
    REQUIRE(order.ok());
    return *order;
  }
  absl::StatusOr<pb::Order> Cancel(const pb::Order& order) {
    return store->UpdateOrder("north", LastPart(order.name()), [](pb::Order& at) {
      return host::Cancel(at, "", google::protobuf::Timestamp());
    });
  }
  // (revision, id) of a feed.
  std::vector<std::pair<std::int64_t, std::string>> Feed(const FeedOf& feed,
                                                         std::int64_t after = 0) const {
    std::vector<std::pair<std::int64_t, std::string>> entries;
    REQUIRE(store
                ->ReadFeed("north", feed, after,
                           [&](std::int64_t revision, const pb::Order& order) {
                             CHECK(order.revision() == revision);
                             entries.emplace_back(revision, order.name());
                             return true;
                           })
                .ok());
    return entries;
  }

  proofline::test::TempDir dir;
  base::FakeClock clock;
  std::unique_ptr<Store> store;
};

}  // namespace

TEST_CASE("The same request has the same order, another one under its id is refused") {
  Counter counter;
  const NewOrder wanted = OrderFor("north", "anna", {counter.Photo("p1")}, "r1");
  const auto first = counter.store->CreateOrder("north", wanted);
  REQUIRE(first.ok());
  CHECK(first->revision() == 1);
  CHECK_FALSE(first->etag().empty());
  const auto again = counter.store->CreateOrder("north", wanted);
  REQUIRE(again.ok());
  CHECK(again->SerializeAsString() == first->SerializeAsString());
  CHECK(counter.store->GetUsage("north")->orders() == 1);

  NewOrder other = wanted;
  other.request_digest = base::Sha256Of("something else");
  CHECK(rpc::ReasonOf(counter.store->CreateOrder("north", other).status()) == "REQUEST_ID_REUSED");
  const auto found =
      counter.store->FindOrderOfRequest("north", "anna", "r1", wanted.request_digest);
  REQUIRE(found.ok());
  CHECK((*found)->name() == first->name());
  CHECK(absl::IsAlreadyExists(
      counter.store->FindOrderOfRequest("north", "anna", "r1", other.request_digest).status()));
  // Request ids are each customer's own.
  CHECK(counter.Take("ben", {"p1"}, "r1").name() != first->name());
}

TEST_CASE("An order rests on photos and devices as they are when it is taken") {
  Counter counter;
  const NewOrder wanted = OrderFor("north", "anna", {counter.Photo("p1")}, "r1");
  REQUIRE(PublishNow(*counter.store, "north", "one", "a",
                     {PhotoChangeOf(2, {.photo = "p1", .content = "new"})})
              .ok());
  CHECK(absl::IsAborted(counter.store->CreateOrder("north", wanted).status()));
  CHECK(counter.store->GetUsage("north")->orders() == 0);
  const NewOrder second = OrderFor("north", "anna", {counter.Photo("p1")}, "r1");
  REQUIRE(counter.store->RevokeDevice("north", "one").ok());
  CHECK(absl::IsAborted(counter.store->CreateOrder("north", second).status()));
}

TEST_CASE("Orders list newest first, each customer's own") {
  Counter counter;
  std::vector<std::string> mine;
  for (int i = 0; i < 5; ++i) {
    mine.insert(mine.begin(), counter.Take("anna", {"p1"}, std::to_string(i)).name());
    counter.Take("ben", {"p1"}, std::to_string(i));
  }
  // Ids of one millisecond have no order among themselves: compare as sets, pages as sequences.
  std::vector<std::string> listed;
  std::string after;
  do {
    const auto page = counter.store->ListOrders("north", "anna", after, 2);
    REQUIRE(page.ok());
    CHECK(page->items.size() <= 2);
    for (const pb::Order& order : page->items) listed.push_back(order.name());
    after = page->next;
  } while (!after.empty());
  CHECK(std::is_sorted(listed.rbegin(), listed.rend()));
  std::sort(mine.begin(), mine.end());
  std::sort(listed.begin(), listed.end());
  CHECK(listed == mine);
  CHECK(counter.store->ListOrders("north", "", "", 100)->items.size() == 10);
  CHECK(counter.store->ListOrders("north", "nobody", "", 100)->items.empty());
}

TEST_CASE("A feed has each order once, at its last change, in the order of changes") {
  Counter counter;
  const pb::Order a = counter.Take("anna", {"p1"}, "a");
  const pb::Order b = counter.Take("ben", {"p1", "p2"}, "b");
  const pb::Order c = counter.Take("anna", {"p2"}, "c");
  using Entries = std::vector<std::pair<std::int64_t, std::string>>;
  CHECK(counter.Feed({"studio", "studio"}) == Entries{{1, a.name()}, {2, b.name()}, {3, c.name()}});
  CHECK(counter.Feed({"device", "one"}) == Entries{{1, a.name()}, {2, b.name()}});
  CHECK(counter.Feed({"device", "two"}) == Entries{{2, b.name()}, {3, c.name()}});
  CHECK(counter.Feed({"customer", "anna"}) == Entries{{1, a.name()}, {3, c.name()}});

  REQUIRE(counter.Cancel(a).ok());
  CHECK(counter.store->OrderRevision("north").value() == 4);
  CHECK(counter.Feed({"device", "one"}) == Entries{{2, b.name()}, {4, a.name()}});
  CHECK(counter.Feed({"device", "one"}, 2) == Entries{{4, a.name()}});
  CHECK(counter.Feed({"device", "one"}, 4).empty());
  CHECK(counter.Feed({"device", "two"}, 0) == Entries{{2, b.name()}, {3, c.name()}});
  // Nothing changes: no new revision.
  REQUIRE(counter.Cancel(a).ok());
  CHECK(counter.store->OrderRevision("north").value() == 4);
}

TEST_CASE("Whoever listens hears of every change after it is durable") {
  Counter counter;
  std::vector<std::int64_t> heard;
  counter.store->SetOrderListener([&](const std::string& studio, std::int64_t revision) {
    CHECK(studio == "north");
    CHECK(counter.store->OrderRevision("north").value() >= revision);
    heard.push_back(revision);
  });
  const pb::Order order = counter.Take("anna", {"p1"}, "a");
  REQUIRE(counter.Cancel(order).ok());
  CHECK(heard == std::vector<std::int64_t>{1, 2});
}

TEST_CASE("A change that is refused leaves the order as it was") {
  Counter counter;
  const pb::Order order = counter.Take("anna", {"p1"}, "a");
  const auto refused = counter.store->UpdateOrder("north", LastPart(order.name()),
                                                  [](pb::Order& at) -> absl::StatusOr<bool> {
                                                    at.set_note("half done");
                                                    return absl::FailedPreconditionError("no");
                                                  });
  CHECK(absl::IsFailedPrecondition(refused.status()));
  CHECK(counter.store->GetOrder("north", LastPart(order.name()))->SerializeAsString() ==
        order.SerializeAsString());
  CHECK(absl::IsNotFound(
      counter.store
          ->UpdateOrder("north", "nothing", [](pb::Order&) { return absl::StatusOr<bool>(true); })
          .status()));
}

TEST_CASE("A host that was restored from an older copy tells whoever knows more of its orders") {
  Counter counter;
  const std::int64_t kept = counter.Take("anna", {"p1"}, "a").revision();
  CHECK(kept == 1);
  counter.Reopen();
  std::filesystem::copy(counter.dir / "store", counter.dir / "backup",
                        std::filesystem::copy_options::recursive);
  counter.clock.Advance(std::chrono::hours(1));
  counter.Take("anna", {"p1"}, "b");
  const std::int64_t lost = counter.Take("anna", {"p1"}, "c").revision();
  CHECK_FALSE(*counter.store->IsForeignRevision("north", lost));
  counter.store.reset();
  std::filesystem::remove_all(counter.dir / "store");
  std::filesystem::rename(counter.dir / "backup", counter.dir / "store");
  counter.clock.Advance(std::chrono::hours(1));
  counter.Reopen();
  // It is ahead of the feed, and after a few orders it is not any more.
  CHECK(counter.store->OrderRevision("north").value() < lost);
  std::int64_t last = 0;
  for (int i = 0; i < 4; ++i)
    last = counter.Take("anna", {"p1"}, std::string("d").append(std::to_string(i))).revision();
  CHECK(last > lost);
  for (int opening = 0; opening < 2; ++opening) {
    CHECK(*counter.store->IsForeignRevision("north", lost));
    CHECK_FALSE(*counter.store->IsForeignRevision("north", kept));
    CHECK_FALSE(*counter.store->IsForeignRevision("north", last - 1));
    CHECK(counter.Feed({"studio", "studio"}, kept).size() == 4);
    counter.Reopen();
  }
}

}  // namespace proofline::host
