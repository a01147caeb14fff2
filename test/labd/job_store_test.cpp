#include "labd/job_store.h"

#include <filesystem>
#include <string>
#include <vector>

#include "lib/rpc/status.h"
#include "test/catch.h"
#include "test/temp_dir.h"

namespace proofline::lab {
namespace {

std::unique_ptr<JobStore> Open(const test::TempDir& folder, const base::Clock& clock) {
  JobStore::Options options;
  options.clock = &clock;
  auto store = JobStore::Open(folder / "store", options);
  REQUIRE(store.ok());
  return *std::move(store);
}

JobStore::NewJob Job(const std::string& order, int items, const std::string& studio = "demo") {
  JobStore::NewJob job;
  job.studio = studio;
  job.order = "studios/demo/orders/" + order;
  job.device = "studios/demo/devices/desk";
  for (int line = 1; line <= items; ++line) {
    record::Item& item = job.items.emplace_back();
    item.set_line_number(line);
    item.set_product("p4x6");
    item.set_quantity(1);
    item.set_original_digest(std::string(base::Sha256Of("picture").bytes()));
    item.set_original_size_bytes(7);
  }
  return job;
}

// Lets an item take one step.
absl::Status Step(JobStore& store, const std::string& job, int line, pb::ItemState state) {
  return store.ChangeItem(job, line, [state](record::Item& item) {
    item.set_state(state);
    return absl::OkStatus();
  });
}

std::vector<std::int64_t> Revisions(const JobStore& store, std::int64_t after) {
  std::vector<std::int64_t> revisions;
  REQUIRE(store
              .ReadFeed(after,
                        [&](std::int64_t revision, const record::FeedEntry&) {
                          revisions.push_back(revision);
                          return true;
                        })
              .ok());
  return revisions;
}

void Print(JobStore& store, const std::string& job, int line) {
  for (const auto state : {pb::ITEM_STATE_READY, pb::ITEM_STATE_RENDERING, pb::ITEM_STATE_RENDERED,
                           pb::ITEM_STATE_PRINTING, pb::ITEM_STATE_PRINTED}) {
    REQUIRE(Step(store, job, line, state).ok());
  }
}

TEST_CASE("the same studio, order and device get the same job, another studio does not") {
  const test::TempDir folder;
  base::FakeClock clock;
  const auto store = Open(folder, clock);
  const auto first = store->Create(Job("7", 2));
  REQUIRE(first.ok());
  CHECK(first->job.state() == pb::JOB_STATE_OPEN);
  CHECK(store->Create(Job("7", 2))->job.id() == first->job.id());
  CHECK(store->Create(Job("7", 2, "other"))->job.id() != first->job.id());
  CHECK(store->Create(Job("8", 2))->job.id() != first->job.id());
  const auto differs = store->Create(Job("7", 3));
  CHECK(differs.status().code() == absl::StatusCode::kAlreadyExists);
  CHECK(rpc::ReasonOf(differs.status()) == "JOB_DIFFERS");
  JobStore::NewJob cropped = Job("7", 2);
  cropped.items[1].mutable_print_crop()->set_width(0.5);
  CHECK(rpc::ReasonOf(store->Create(cropped).status()) == "JOB_DIFFERS");
}

TEST_CASE("a store that is opened again has everything, and its feed goes on") {
  const test::TempDir folder;
  base::FakeClock clock;
  std::string id;
  std::int64_t revision = 0;
  {
    const auto store = Open(folder, clock);
    id = store->Create(Job("7", 2))->job.id();
    REQUIRE(store
                ->Change(id,
                         [](JobView& view) {
                           view.job.set_closed(true);
                           for (auto& item : view.items) item.set_state(pb::ITEM_STATE_READY);
                           return absl::OkStatus();
                         })
                .ok());
    REQUIRE(store
                ->ChangeItem(id, 1,
                             [](record::Item& item) {
                               item.set_state(pb::ITEM_STATE_RENDERING);
                               item.set_printer("photo");
                               return absl::OkStatus();
                             })
                .ok());
    REQUIRE(store->SetPaused("photo", true).ok());
    revision = store->Get(id)->job.revision();
    CHECK(revision == 3);
  }
  const auto store = Open(folder, clock);
  const auto view = store->Get(id);
  REQUIRE(view.ok());
  CHECK(view->job.revision() == revision);
  CHECK(view->job.state() == pb::JOB_STATE_PRINTING);
  CHECK(view->items[0].printer() == "photo");
  CHECK(*store->IsPaused("photo"));
  CHECK_FALSE(*store->IsPaused("another"));
  CHECK(store->feed().current() == static_cast<std::uint64_t>(revision));
  CHECK(store->Create(Job("7", 2))->job.id() == id);
  const auto next = store->Create(Job("8", 1));
  CHECK(next->job.revision() > revision);
  CHECK(Revisions(*store, revision) == std::vector<std::int64_t>{next->job.revision()});
  CHECK(store->CheckAfterRevision(revision).ok());
  CHECK(store->CheckAfterRevision(next->job.revision()).ok());
  CHECK(absl::IsInvalidArgument(store->CheckAfterRevision(-1)));
  CHECK(absl::IsOutOfRange(store->CheckAfterRevision(next->job.revision() + 1)));
}

TEST_CASE(
    "a lab that was restored from an older copy tells whoever knows more, also when it has gone "
    "on") {
  const test::TempDir folder;
  base::FakeClock clock;
  std::int64_t kept = 0;
  std::int64_t lost = 0;
  {
    auto store = Open(folder, clock);
    kept = store->Create(Job("1", 1))->job.revision();
    store.reset();
    std::filesystem::copy(folder / "store", folder / "backup",
                          std::filesystem::copy_options::recursive);
    store = Open(folder, clock);
    clock.Advance(std::chrono::hours(1));
    REQUIRE(store->Create(Job("2", 1)).ok());
    lost = store->Create(Job("3", 1))->job.revision();
    CHECK(store->CheckAfterRevision(lost).ok());
  }
  std::filesystem::remove_all(folder / "store");
  std::filesystem::rename(folder / "backup", folder / "store");
  clock.Advance(std::chrono::hours(1));
  auto store = Open(folder, clock);
  CHECK(rpc::ReasonOf(store->CheckAfterRevision(lost)) == "REVISION_UNKNOWN");
  // It goes on, past all that it had given out.
  std::int64_t last = 0;
  for (int i = 0; i < 5; ++i)
    last = store->Create(Job(std::string("new").append(std::to_string(i)), 1))->job.revision();
  CHECK(last > lost);
  for (int opening = 0; opening < 2; ++opening) {
    CHECK(rpc::ReasonOf(store->CheckAfterRevision(lost)) == "REVISION_UNKNOWN");
    CHECK(store->CheckAfterRevision(kept).ok());
    CHECK(store->CheckAfterRevision(last).ok());
    CHECK(store->CheckAfterRevision(last - 1).ok());
    CHECK(Revisions(*store, kept).size() == 5);
    store.reset();
    store = Open(folder, clock);
  }
}

TEST_CASE("the feed holds each job once, at its last change, and never skips") {
  const test::TempDir folder;
  base::FakeClock clock;
  const auto store = Open(folder, clock);
  const std::string a = store->Create(Job("1", 1))->job.id();
  const std::string b = store->Create(Job("2", 1))->job.id();
  CHECK(Revisions(*store, 0) == std::vector<std::int64_t>{1, 2});
  REQUIRE(Step(*store, a, 1, pb::ITEM_STATE_HELD).ok());
  CHECK(Revisions(*store, 0) == std::vector<std::int64_t>{2, 3});
  CHECK(Revisions(*store, 2) == std::vector<std::int64_t>{3});
  CHECK(store->Get(a)->job.revision() == 3);
  CHECK(store->Get(b)->job.revision() == 2);
}

TEST_CASE("what nobody outside can see makes no entry in the feed") {
  const test::TempDir folder;
  base::FakeClock clock;
  const auto store = Open(folder, clock);
  const std::string id = store->Create(Job("1", 1))->job.id();
  REQUIRE(store
              ->ChangeItem(id, 1,
                           [](record::Item& item) {
                             item.mutable_submission()->set_printer_job(7);
                             return absl::OkStatus();
                           })
              .ok());
  CHECK(store->feed().current() == 1);
  CHECK(store->GetItem(id, 1)->submission().printer_job() == 7);
}

TEST_CASE("a job is printed first and then completed, and then it is over") {
  const test::TempDir folder;
  base::FakeClock clock;
  const auto store = Open(folder, clock);
  std::vector<pb::JobState> seen;
  const std::string id = store->Create(Job("1", 2))->job.id();
  store->SetListener([&](const JobView& view) { seen.push_back(view.job.state()); });
  REQUIRE(store
              ->Change(id,
                       [](JobView& view) {
                         view.job.set_closed(true);
                         return absl::OkStatus();
                       })
              .ok());
  Print(*store, id, 1);
  Print(*store, id, 2);
  REQUIRE(seen.size() >= 2);
  CHECK(seen[seen.size() - 2] == pb::JOB_STATE_PRINTED);
  CHECK(seen.back() == pb::JOB_STATE_COMPLETED);
  CHECK(store->Get(id)->job.state() == pb::JOB_STATE_COMPLETED);
  int open = 0;
  REQUIRE(store->ForEachOpen([&](const JobView&) { ++open; }).ok());
  CHECK(open == 0);
}

TEST_CASE("an edit that refuses changes nothing") {
  const test::TempDir folder;
  base::FakeClock clock;
  const auto store = Open(folder, clock);
  const std::string id = store->Create(Job("1", 1))->job.id();
  const auto refused = store->Change(id, [](JobView& view) {
    view.items[0].set_state(pb::ITEM_STATE_CANCELLED);
    return absl::AbortedError("no");
  });
  CHECK(absl::IsAborted(refused.status()));
  CHECK(store->Get(id)->items[0].state() == pb::ITEM_STATE_WAITING);
  CHECK(rpc::ReasonOf(store->Get("nothing").status()) == "JOB_NOT_FOUND");
  CHECK(absl::IsNotFound(store->ChangeItem(id, 9, [](record::Item&) { return absl::OkStatus(); })));
}

TEST_CASE("jobs are listed newest first, in pages, by state") {
  const test::TempDir folder;
  base::FakeClock clock;
  const auto store = Open(folder, clock);
  std::set<std::string> made;
  for (int i = 0; i < 5; ++i) made.insert(store->Create(Job(std::to_string(i), 1))->job.id());
  std::vector<std::string> listed;
  std::string before;
  while (true) {
    const auto page = store->List(pb::JOB_STATE_UNSPECIFIED, before, 2);
    REQUIRE(page.ok());
    if (page->empty()) break;
    for (const JobView& view : *page) listed.push_back(view.job.id());
    before = listed.back();
  }
  CHECK(listed == std::vector<std::string>(made.rbegin(), made.rend()));
  REQUIRE(Step(*store, listed[1], 1, pb::ITEM_STATE_CANCELLED).ok());
  const auto cancelled = store->List(pb::JOB_STATE_CANCELLED, "", 10);
  REQUIRE(cancelled->size() == 1);
  CHECK(cancelled->front().job.id() == listed[1]);
}

TEST_CASE("an original is needed until all of its jobs are over for long enough") {
  const test::TempDir folder;
  base::FakeClock clock;
  const auto store = Open(folder, clock);
  const base::Digest digest = base::Sha256Of("picture");
  const std::string a = store->Create(Job("1", 1))->job.id();
  const std::string b = store->Create(Job("2", 1))->job.id();
  const auto unneeded = [&](const std::string& studio) {
    bool called = false;
    const auto limit = clock.WallNow() - std::chrono::hours(1);
    const auto answer =
        store->RemoveOriginalIfUnneeded(studio, digest, limit, [&] { called = true; });
    REQUIRE(answer.ok());
    CHECK(*answer == called);
    return called;
  };
  REQUIRE(Step(*store, a, 1, pb::ITEM_STATE_CANCELLED).ok());
  clock.Advance(std::chrono::hours(2));
  CHECK_FALSE(unneeded("demo"));
  REQUIRE(Step(*store, b, 1, pb::ITEM_STATE_CANCELLED).ok());
  CHECK_FALSE(unneeded("demo"));
  clock.Advance(std::chrono::hours(2));
  CHECK(unneeded("demo"));
  CHECK(unneeded("nobody"));
}

}  // namespace
}  // namespace proofline::lab
