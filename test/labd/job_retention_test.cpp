// Old jobs leave, and what is left of them keeps them from being printed again.
#include "google/protobuf/util/time_util.h"
#include "labd/job_store.h"
#include "labd/spool_cleaner.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"
#include "test/catch.h"
#include "test/labd/lab_process.h"
#include "test/temp_dir.h"

namespace proofline::lab {
namespace {

using test::LabProcess;

constexpr char kDevice[] = "studios/demo/devices/desk";
constexpr std::chrono::hours kMonth{720};

struct Shelf {
  Shelf() { Reopen(); }
  void Reopen() {
    store.reset();
    JobStore::Options options;
    options.clock = &clock;
    auto opened = JobStore::Open(folder / "store", options);
    REQUIRE(opened.ok());
    store = *std::move(opened);
  }
  static JobStore::NewJob Job(const std::string& order) {
    JobStore::NewJob job;
    job.studio = "demo";
    job.order = base::Concat("studios/demo/orders/", order);
    job.device = kDevice;
    for (int line = 1; line <= 2; ++line) {
      record::Item& item = job.items.emplace_back();
      item.set_line_number(line);
      item.set_product("p4x6");
      item.set_quantity(line);
      item.set_original_digest(std::string(base::Sha256Of("picture").bytes()));
      item.set_original_size_bytes(7);
    }
    return job;
  }
  void Step(const std::string& job, int line, pb::ItemState state) {
    REQUIRE(store
                ->ChangeItem(job, line,
                             [state](record::Item& item) {
                               item.set_state(state);
                               return absl::OkStatus();
                             })
                .ok());
  }
  // A job of which the first line is printed and the second cancelled.
  std::string Finished(const std::string& order) {
    const std::string id = store->Create(Job(order))->job.id();
    for (const auto state :
         {pb::ITEM_STATE_READY, pb::ITEM_STATE_RENDERING, pb::ITEM_STATE_RENDERED,
          pb::ITEM_STATE_PRINTING, pb::ITEM_STATE_PRINTED}) {
      Step(id, 1, state);
    }
    Step(id, 2, pb::ITEM_STATE_CANCELLED);
    REQUIRE(store->Get(id)->job.state() == pb::JOB_STATE_COMPLETED);
    return id;
  }
  void Heard(std::int64_t revision) {
    REQUIRE(store->NoteFollowed("demo", kDevice, revision).ok());
  }
  int RemoveOld() {
    const auto removed = store->RemoveOld(clock.WallNow() - kMonth);
    REQUIRE(removed.ok());
    return *removed;
  }

  test::TempDir folder;
  base::FakeClock clock;
  std::unique_ptr<JobStore> store;
};

}  // namespace

TEST_CASE("a finished job leaves when it is old and its device knows, not before") {
  Shelf shelf;
  const std::string id = shelf.Finished("1");
  const std::int64_t revision = shelf.store->Get(id)->job.revision();
  shelf.Heard(revision);
  shelf.clock.Advance(kMonth - std::chrono::hours(1));
  CHECK(shelf.RemoveOld() == 0);
  shelf.clock.Advance(std::chrono::hours(2));
  // Less than its last change, or another device.
  shelf.Heard(revision - 1);
  REQUIRE(shelf.store->NoteFollowed("demo", "studios/demo/devices/other", revision).ok());
  REQUIRE(shelf.store->NoteFollowed("other", kDevice, revision).ok());
  CHECK(shelf.RemoveOld() == 0);
  CHECK(shelf.store->Get(id).ok());
  shelf.Heard(revision);
  CHECK(shelf.RemoveOld() == 1);
  CHECK(rpc::ReasonOf(shelf.store->Get(id).status()) == "JOB_NOT_FOUND");
  CHECK(shelf.RemoveOld() == 0);
  int entries = 0;
  REQUIRE(shelf.store
              ->ReadFeed(0,
                         [&](std::int64_t, const record::FeedEntry&) {
                           ++entries;
                           return true;
                         })
              .ok());
  CHECK(entries == 0);
  CHECK(shelf.store->List(pb::JOB_STATE_UNSPECIFIED, "", 10)->empty());
}

TEST_CASE("what is not finished stays, however old") {
  Shelf shelf;
  const std::string open = shelf.store->Create(Shelf::Job("1"))->job.id();
  const std::string held = shelf.store->Create(Shelf::Job("2"))->job.id();
  shelf.Step(held, 1, pb::ITEM_STATE_HELD);
  const std::string half = shelf.store->Create(Shelf::Job("3"))->job.id();
  shelf.Step(half, 1, pb::ITEM_STATE_CANCELLED);
  shelf.Heard(1'000);
  shelf.clock.Advance(100 * kMonth);
  CHECK(shelf.RemoveOld() == 0);
  for (const std::string& id : {open, held, half}) CHECK(shelf.store->Get(id).ok());
}

TEST_CASE("a removed job that is brought again is told how it ended, and is not made anew") {
  Shelf shelf;
  const std::string id = shelf.Finished("1");
  const std::int64_t revision = shelf.store->Get(id)->job.revision();
  shelf.Heard(revision);
  shelf.clock.Advance(2 * kMonth);
  REQUIRE(shelf.RemoveOld() == 1);
  shelf.Reopen();
  const auto again = shelf.store->Create(Shelf::Job("1"));
  REQUIRE(again.ok());
  CHECK(again->job.id() == id);
  CHECK(again->job.state() == pb::JOB_STATE_COMPLETED);
  CHECK(again->job.revision() == revision);
  REQUIRE(again->items.size() == 2);
  CHECK(again->items[0].state() == pb::ITEM_STATE_PRINTED);
  CHECK(again->items[1].state() == pb::ITEM_STATE_CANCELLED);
  CHECK(again->items[0].original_size_bytes() == 7);
  int open = 0;
  REQUIRE(shelf.store->ForEachOpen([&](const JobView&) { ++open; }).ok());
  CHECK(open == 0);
  CHECK(shelf.store->List(pb::JOB_STATE_UNSPECIFIED, "", 10)->empty());
  JobStore::NewJob other = Shelf::Job("1");
  other.items[0].set_quantity(9);
  CHECK(rpc::ReasonOf(shelf.store->Create(other).status()) == "JOB_DIFFERS");
  CHECK(shelf.store->GetRemoved(id)->items[1].quantity() == 2);
  CHECK(rpc::ReasonOf(shelf.store->GetRemoved("nothing").status()) == "JOB_NOT_FOUND");
  // New jobs go on behind it in the feed.
  CHECK(shelf.store->Create(Shelf::Job("2"))->job.revision() > revision);
}

TEST_CASE("with its jobs an original is needed no more, and a reprint leaves by itself") {
  Shelf shelf;
  const std::string id = shelf.Finished("1");
  JobStore::NewJob again = Shelf::Job("1");
  again.reprint_of = id;
  again.items.pop_back();
  const std::string reprint = shelf.store->Create(again)->job.id();
  shelf.Step(reprint, 1, pb::ITEM_STATE_CANCELLED);
  shelf.clock.Advance(2 * kMonth);
  CHECK(shelf.RemoveOld() == 1);  // the device was never heard of the first one
  CHECK(shelf.store->Get(id).ok());
  shelf.Heard(1'000);
  CHECK(shelf.RemoveOld() == 1);
  bool removed = false;
  const auto asked = shelf.store->RemoveOriginalIfUnneeded(
      "demo", base::Sha256Of("picture"), base::WallTime::min(), [&] { removed = true; });
  CHECK((asked.ok() && *asked && removed));
}

TEST_CASE("a follower's word is stored, and a removed job comes back to its studio as it ended") {
  const test::TempDir folder;
  LabProcess lab(folder / "lab",
                 "[[printer]]\nid = \"files\"\nkind = \"file\"\nfolder = \"out\"\n"
                 "[[product]]\nid = \"p4x6\"\nname = \"Print\"\npaper = \"4x6in\"\nppi = 72\n"
                 "printers = [\"files\"]\n");
  lab.Start();
  const std::string picture = test::Picture(300, 200);
  const auto request = LabProcess::Request("7", {picture});
  const std::string name = lab.Bring(request, {picture});
  const pb::Job done = lab.WaitForState(name, pb::JOB_STATE_COMPLETED);
  REQUIRE(done.state() == pb::JOB_STATE_COMPLETED);
  // Nothing more of it is taken.
  CHECK(lab.Upload(name, picture).status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  const auto follow = [&](const std::string& device) {
    grpc::ClientContext context;
    LabProcess::Limit(context);
    pb::FollowJobsRequest from;
    from.set_after_revision(done.revision());
    from.set_device(device);
    const auto stream = lab.intake().FollowJobs(&context, from);
    pb::FollowJobsResponse entry;
    const bool heard = stream->Read(&entry);
    if (heard) context.TryCancel();
    const grpc::Status status = stream->Finish();
    return heard ? grpc::Status::OK : status;
  };
  CHECK(follow("../desk").error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(follow(kDevice).ok());
  REQUIRE(lab.Stop() == 0);
  {
    // A month later.
    base::FakeClock clock;
    JobStore::Options options;
    options.clock = &clock;
    const auto store = JobStore::Open(lab.state() / "store", options);
    REQUIRE(store.ok());
    const auto later = (*store)->RemoveOld(base::WallTime::max());
    REQUIRE(later.ok());
    REQUIRE(*later == 1);
  }
  lab.Start();
  const std::string again = lab.Bring(request, {picture});
  CHECK(again == name);
  grpc::ClientContext context;
  pb::GetJobRequest get;
  get.set_name(name);
  pb::Job seen;
  REQUIRE(lab.intake().GetJob(&context, get, &seen).ok());
  CHECK(seen.state() == pb::JOB_STATE_COMPLETED);
  REQUIRE(seen.items_size() == 1);
  CHECK(seen.items(0).state() == pb::ITEM_STATE_PRINTED);
  CHECK(seen.items(0).product() == "labs/photo-lab/products/p4x6");
  const auto other = lab.Intake(LabProcess::Key("other"));
  grpc::ClientContext foreign;
  CHECK(other->GetJob(&foreign, get, &seen).error_code() == grpc::StatusCode::NOT_FOUND);
  int pages = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder / "lab/out")) {
    pages += file.path().extension() == ".jpg" ? 1 : 0;
  }
  CHECK(pages == 1);
}

TEST_CASE("a lab without room still tells of the jobs it has") {
  const test::TempDir folder;
  LabProcess lab(folder / "lab",
                 "[[printer]]\nid = \"files\"\nkind = \"file\"\nfolder = \"out\"\n"
                 "[[product]]\nid = \"p4x6\"\nname = \"Print\"\npaper = \"4x6in\"\nppi = 72\n"
                 "printers = [\"files\"]\n",
                 "limits.spool = \"3MiB\"\n");
  lab.Start();
  std::vector<std::string> pictures;
  std::vector<pb::Job> jobs(3);
  for (int i = 0; i < 3; ++i) {
    pictures.push_back(test::Picture(900, 400, i + 1));
    REQUIRE(lab.Create(LabProcess::Request(base::Concat(i), {pictures.back()}), jobs[i]).ok());
    if (i > 0) REQUIRE(lab.Upload(jobs[i].name(), pictures.back()).complete);
  }
  pb::Job again;
  REQUIRE(lab.Create(LabProcess::Request("0", {pictures[0]}), again).ok());
  CHECK(again.name() == jobs[0].name());
  CHECK(lab.Create(LabProcess::Request("3", {pictures[0]}), again).error_code() ==
        grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_CASE("wrong originals do not use up the spool's room") {
  const test::TempDir folder;
  LabProcess lab(folder / "lab",
                 "[[printer]]\nid = \"files\"\nkind = \"file\"\nfolder = \"out\"\n"
                 "[[product]]\nid = \"p4x6\"\nname = \"Print\"\npaper = \"4x6in\"\nppi = 72\n"
                 "printers = [\"files\"]\n",
                 "limits.spool = \"3MiB\"\n");
  lab.Start();
  const std::string picture = test::Picture(900, 400);  // a little above 1 MiB
  std::string wrong = picture;
  wrong.back() ^= 1;
  pb::Job job;
  REQUIRE(lab.Create(LabProcess::Request("7", {picture}), job).ok());
  for (int i = 0; i < 4; ++i) {
    // In two parts, so that some of it is there when the last call begins.
    lab.Upload(job.name(), wrong, 300'000, &picture);
    REQUIRE(test::Eventually([&] {
      return lab.Upload(job.name(), wrong, -1, &picture).status.error_code() ==
             grpc::StatusCode::DATA_LOSS;
    }));
  }
  const auto right = lab.Upload(job.name(), picture);
  INFO(right.status.error_message());
  CHECK(right.complete);
  pb::GetLabStatusResponse status;
  grpc::ClientContext context;
  REQUIRE(lab.control().GetLabStatus(&context, pb::GetLabStatusRequest(), &status).ok());
  CHECK(status.spool_bytes() == static_cast<std::int64_t>(picture.size()));
}

}  // namespace proofline::lab
