#include "labd/spool.h"

#include <fstream>

#include "labd/job_store.h"
#include "labd/spool_cleaner.h"
#include "lib/base/file.h"
#include "lib/rpc/status.h"
#include "lib/transfer/file_receiver.h"
#include "test/catch.h"
#include "test/temp_dir.h"

namespace proofline::lab {
namespace {

void Receive(Spool& spool, const std::string& studio, const std::string& bytes) {
  const auto folder = spool.OriginalsOf(studio);
  REQUIRE(folder.ok());
  const auto size = static_cast<std::int64_t>(bytes.size());
  auto receiver = transfer::FileReceiver::Open(*folder, base::Sha256Of(bytes), size);
  REQUIRE(receiver.ok());
  REQUIRE(receiver->Write(0, bytes).ok());
  REQUIRE(receiver->Finish().ok());
}

TEST_CASE("one studio's original is not there for another") {
  const test::TempDir folder;
  const auto spool = Spool::Open(folder / "spool", 1 << 20);
  REQUIRE(spool.ok());
  Receive(**spool, "demo", "picture");
  const base::Digest digest = base::Sha256Of("picture");
  CHECK((*spool)->HasOriginal("demo", digest, 7));
  CHECK_FALSE((*spool)->HasOriginal("demo", digest, 8));
  CHECK_FALSE((*spool)->HasOriginal("other", digest, 7));
}

TEST_CASE("room is counted, set aside, given back, and counted again at the next start") {
  const test::TempDir folder;
  {
    const auto spool = Spool::Open(folder / "spool", 1'000);
    REQUIRE(spool.ok());
    REQUIRE((*spool)->WritePage("item-1", std::string(400, 'x')).ok());
    CHECK((*spool)->bytes() == 400);
    CHECK((*spool)->CheckRoom(600).ok());
    const absl::Status full = (*spool)->CheckRoom(601);
    CHECK(full.code() == absl::StatusCode::kResourceExhausted);
    CHECK(rpc::ReasonOf(full) == "DISK_FULL");
    {
      auto first = (*spool)->Reserve(500);
      REQUIRE(first.ok());
      CHECK_FALSE((*spool)->Reserve(200).ok());
      first->Keep(100);
      CHECK((*spool)->bytes() == 500);
    }
    { const auto dropped = (*spool)->Reserve(500); }
    CHECK((*spool)->bytes() == 500);
    CHECK_FALSE((*spool)->CheckRoom(UINT64_MAX).ok());
  }
  const auto again = Spool::Open(folder / "spool", 1'000);
  CHECK((*again)->bytes() == 400);
  (*again)->RemovePage("item-1");
  (*again)->RemovePage("item-1");
  CHECK((*again)->bytes() == 0);
}

TEST_CASE("the cleaner removes what is over for long enough, and nothing else") {
  const test::TempDir folder;
  base::FakeClock clock;
  JobStore::Options options;
  options.clock = &clock;
  const auto store = JobStore::Open(folder / "store", options);
  const auto spool = Spool::Open(folder / "spool", 1 << 20);
  REQUIRE((store.ok() && spool.ok()));
  Receive(**spool, "demo", "picture");
  JobStore::NewJob job{"demo", "studios/demo/orders/1", "studios/demo/devices/d", {}, ""};
  record::Item& item = job.items.emplace_back();
  item.set_line_number(1);
  item.set_original_digest(std::string(base::Sha256Of("picture").bytes()));
  item.set_original_size_bytes(7);
  const auto view = (*store)->Create(job);
  const std::string page = view->items[0].id();
  REQUIRE((*spool)->WritePage(page, "page").ok());
  REQUIRE((*spool)->WritePage("of-no-item", "page").ok());
  const auto there = [&] {
    return (*spool)->HasOriginal("demo", base::Sha256Of("picture"), 7) &&
           std::filesystem::exists((*spool)->PagePath(page));
  };
  clock.Advance(std::chrono::hours(1'000));
  CleanSpool(**store, **spool, clock, std::chrono::hours(168));
  CHECK(there());
  CHECK_FALSE(std::filesystem::exists((*spool)->PagePath("of-no-item")));
  REQUIRE((*store)
              ->ChangeItem(view->job.id(), 1,
                           [](record::Item& one) {
                             one.set_state(pb::ITEM_STATE_CANCELLED);
                             return absl::OkStatus();
                           })
              .ok());
  clock.Advance(std::chrono::hours(167));
  CleanSpool(**store, **spool, clock, std::chrono::hours(168));
  CHECK(there());
  clock.Advance(std::chrono::hours(2));
  CleanSpool(**store, **spool, clock, std::chrono::hours(168));
  CHECK_FALSE((*spool)->HasOriginal("demo", base::Sha256Of("picture"), 7));
  CHECK_FALSE(std::filesystem::exists((*spool)->PagePath(page)));
  CHECK((*spool)->bytes() == 0);
}

}  // namespace
}  // namespace proofline::lab
