#include "daemon/lab_sender.h"

#include <map>
#include <set>

#include "daemon/order_follower.h"
#include "daemon/progress_reporter.h"
#include "lib/rpc/status.h"
#include "test/daemon/order_fixture.h"
#include "test/daemon/test_server.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;
namespace fs = std::filesystem;

// A lab that keeps jobs and originals in memory.
class Lab final : public pb::LabIntakeService::Service {
 public:
  grpc::Status GetLab(grpc::ServerContext*, const pb::GetLabRequest*, pb::Lab* lab) override {
    lab->set_name("labs/colour-lab");
    lab->set_display_name("Colour Lab");
    lab->add_products()->set_name("labs/colour-lab/products/4x6");
    return grpc::Status::OK;
  }

  grpc::Status CreateJob(grpc::ServerContext*, const pb::CreateJobRequest* request,
                         pb::Job* answer) override {
    const std::lock_guard lock(mutex);
    ++created;
    if (refuse_jobs) return {grpc::StatusCode::NOT_FOUND, "there is no product 4x6 here"};
    if (job.name().empty()) {
      job = request->job();
      job.set_name("jobs/7");
      job.set_state(pb::JOB_STATE_OPEN);
      Changed();
    }
    job.clear_missing_originals();
    std::set<std::string> missing;
    for (const pb::Item& item : job.items()) {
      if (originals[item.original_digest()].size() !=
          static_cast<std::size_t>(item.original_size_bytes())) {
        missing.insert(item.original_digest());
      }
    }
    for (const std::string& digest : missing) job.add_missing_originals(digest);
    *answer = job;
    return grpc::Status::OK;
  }

  grpc::Status UploadOriginal(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<pb::UploadOriginalResponse, pb::UploadOriginalRequest>* stream)
      override {
    pb::UploadOriginalRequest request;
    stream->Read(&request);
    const pb::UploadStart start = request.start();
    std::string* bytes = nullptr;
    {
      const std::lock_guard lock(mutex);
      uploads.push_back(start.digest());
      bytes = &originals[start.digest()];
    }
    Answer(stream, *bytes, false);
    const auto size = static_cast<std::size_t>(start.size_bytes());
    while (bytes->size() < size && stream->Read(&request)) {
      const pb::UploadChunk& chunk = request.chunk();
      const std::lock_guard lock(mutex);
      if (chunk.offset() != static_cast<std::int64_t>(bytes->size())) {
        wrong_offset = true;
        return {grpc::StatusCode::OUT_OF_RANGE, "wrong offset"};
      }
      largest_ahead = std::max(largest_ahead, chunk.data().size());
      received += chunk.data().size();
      *bytes += chunk.data();
      if (cuts > 0 && --cuts >= 0) return {grpc::StatusCode::UNAVAILABLE, "cut"};
      Answer(stream, *bytes, false);
    }
    const std::lock_guard lock(mutex);
    if (base::Sha256Of(*bytes).bytes() != start.digest()) {
      bytes->clear();
      return rpc::ToGrpc(
          rpc::Error(absl::StatusCode::kDataLoss, "the digest is another one", "DIGEST_MISMATCH"));
    }
    Answer(stream, *bytes, true);
    return grpc::Status::OK;
  }

  grpc::Status CloseJob(grpc::ServerContext*, const pb::CloseJobRequest*,
                        pb::Job* answer) override {
    const std::lock_guard lock(mutex);
    ++closed;
    if (job.state() == pb::JOB_STATE_OPEN) {
      job.set_state(pb::JOB_STATE_RECEIVED);
      Changed();
    }
    *answer = job;
    return grpc::Status::OK;
  }

  grpc::Status CancelJob(grpc::ServerContext*, const pb::CancelJobRequest*,
                         pb::Job* answer) override {
    const std::lock_guard lock(mutex);
    job.set_state(pb::JOB_STATE_CANCELLED);
    Changed();
    *answer = job;
    return grpc::Status::OK;
  }

  grpc::Status FollowJobs(grpc::ServerContext* context, const pb::FollowJobsRequest* request,
                          grpc::ServerWriter<pb::FollowJobsResponse>* writer) override {
    std::int64_t after = request->after_revision();
    std::unique_lock lock(mutex);
    if (after > job.revision()) {
      return rpc::ToGrpc(rpc::Error(absl::StatusCode::kOutOfRange, "the feed is not that far",
                                    "REVISION_UNKNOWN"));
    }
    while (!context->IsCancelled()) {
      if (job.revision() > after) {
        pb::FollowJobsResponse response;
        response.set_revision(after = job.revision());
        *response.mutable_job() = job;
        lock.unlock();
        writer->Write(response);
        lock.lock();
      }
      changed.wait_for(lock, std::chrono::milliseconds(10));
    }
    return grpc::Status::CANCELLED;
  }

  void Print() {
    const std::lock_guard lock(mutex);
    job.set_state(pb::JOB_STATE_COMPLETED);
    for (pb::Item& item : *job.mutable_items()) item.set_state(pb::ITEM_STATE_PRINTED);
    Changed();
  }

  // As after a restore from a copy that was made before the job came.
  void Forget() {
    const std::lock_guard lock(mutex);
    job.Clear();
    originals.clear();
    changed.notify_all();
  }
  void BeginPrinting() {
    const std::lock_guard lock(mutex);
    job.set_state(pb::JOB_STATE_PRINTING);
    job.mutable_items(0)->set_state(pb::ITEM_STATE_PRINTING);
    Changed();
  }

  std::mutex mutex;
  std::condition_variable changed;
  pb::Job job;
  std::map<std::string, std::string> originals;
  std::vector<std::string> uploads;
  bool refuse_jobs = false;
  bool wrong_offset = false;
  int cuts = 0;
  int created = 0;
  int closed = 0;
  std::size_t received = 0;
  std::size_t largest_ahead = 0;
  std::int64_t window = 300'000;

 private:
  void Answer(grpc::ServerReaderWriter<pb::UploadOriginalResponse, pb::UploadOriginalRequest>* to,
              const std::string& bytes, bool complete) const {
    pb::UploadOriginalResponse response;
    response.set_committed_bytes(static_cast<std::int64_t>(bytes.size()));
    response.set_window_bytes(window);
    response.set_complete(complete);
    to->Write(response);
  }
  void Changed() {
    job.set_revision(job.revision() + 1);
    changed.notify_all();
  }
};

// A host that hands out one order and keeps the reports.
class Host final : public pb::SyncService::Service {
 public:
  grpc::Status FollowDeviceOrders(grpc::ServerContext* context,
                                  const pb::FollowDeviceOrdersRequest* request,
                                  grpc::ServerWriter<pb::OrderEvent>* writer) override {
    const std::lock_guard lock(mutex);
    asked_after.push_back(request->after_revision());
    if (compacted && request->after_revision() > 0) {
      return {grpc::StatusCode::OUT_OF_RANGE, "the feed begins later"};
    }
    if (event.revision() > request->after_revision()) writer->Write(event);
    if (context->IsCancelled()) return grpc::Status::CANCELLED;
    return {grpc::StatusCode::UNAVAILABLE, "later"};
  }
  grpc::Status ReportProgress(grpc::ServerContext*, const pb::ReportProgressRequest* request,
                              pb::ReportProgressResponse*) override {
    const std::lock_guard lock(mutex);
    if (failures > 0 && --failures >= 0) return {grpc::StatusCode::UNAVAILABLE, "not now"};
    reports.push_back(*request);
    return grpc::Status::OK;
  }
  grpc::Status ReportLab(grpc::ServerContext*, const pb::ReportLabRequest* request,
                         pb::ReportLabResponse*) override {
    const std::lock_guard lock(mutex);
    labs.push_back(request->lab());
    return grpc::Status::OK;
  }

  std::mutex mutex;
  pb::OrderEvent event;
  bool compacted = false;
  int failures = 0;
  std::vector<std::int64_t> asked_after;
  std::vector<pb::ReportProgressRequest> reports;
  std::vector<pb::Lab> labs;
};

class Ordering {
 public:
  Ordering() : big(1'500'000, 'b') {
    for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 31 + i / 977);
    studio.Add("g/a.jpg", big);
    studio.Add("g/b.jpg", "small picture");
    studio.RenderAll();
    book = OpenBook(studio);
    host.event = OrderOf(pb::ORDER_STATE_RELEASED, 3,
                         {{studio.At("g/a.jpg").id(), big},
                          {studio.At("g/b.jpg").id(), "small picture"},
                          {studio.At("g/a.jpg").id(), big}});
  }
  void Start() {
    sender.emplace("colour-lab", lab_server.Channel(), "the lab", studio.catalog(), *book, metrics);
    follower.emplace(host_server.Channel(), "the host", *book);
    reporter.emplace(host_server.Channel(), "the host", *book);
    sender->Start();
    follower->Start();
    reporter->Start();
  }
  void Stop() {
    reporter.reset();
    follower.reset();
    sender.reset();
  }
  // The last report's state that the host has taken.
  bool HostHears(pb::JobState state) {
    return Eventually([&] {
      const std::lock_guard lock(host.mutex);
      return !host.reports.empty() && host.reports.back().state() == state;
    });
  }
  pb::ReportProgressRequest LastReport() {
    const std::lock_guard lock(host.mutex);
    return host.reports.back();
  }

  std::string big;
  Studio studio;
  std::unique_ptr<OrderBook> book;
  Lab lab;
  Host host;
  TestServer lab_server{lab};
  TestServer host_server{host};
  rpc::Metrics metrics;
  std::optional<LabSender> sender;
  std::optional<OrderFollower> follower;
  std::optional<ProgressReporter> reporter;
};

TEST_CASE("an order goes to the lab with each original once, and its end comes back to the host") {
  Ordering o;
  o.Start();
  REQUIRE(o.HostHears(pb::JOB_STATE_RECEIVED));
  {
    const std::lock_guard lock(o.lab.mutex);
    CHECK(o.lab.uploads.size() == 2);
    CHECK(o.lab.originals.size() == 2);
    CHECK(o.lab.received == o.big.size() + 13);
    CHECK(o.lab.largest_ahead <= 300'000);
    CHECK(o.lab.closed == 1);
    CHECK(o.lab.job.items_size() == 3);
    CHECK(o.lab.job.items(0).product() == "labs/colour-lab/products/4x6");
  }
  CHECK(o.book->lab_sent_bytes() == static_cast<std::int64_t>(o.big.size()) + 13);
  o.lab.Print();
  REQUIRE(o.HostHears(pb::JOB_STATE_COMPLETED));
  CHECK(o.LastReport().job() == "jobs/7");
  CHECK(o.LastReport().lines(2).state() == pb::ITEM_STATE_PRINTED);
  CHECK(Eventually([&] { return o.book->UnreportedShares(1)->empty(); }));
  const std::lock_guard lock(o.host.mutex);
  REQUIRE_FALSE(o.host.labs.empty());
  CHECK(o.host.labs[0].name() == "studios/demo/labs/colour-lab");
  CHECK(o.host.labs[0].products(0).name() == "studios/demo/labs/colour-lab/products/4x6");
}

TEST_CASE("uploads that are cut go on where the lab is") {
  Ordering o;
  o.lab.cuts = 3;
  o.Start();
  REQUIRE(o.HostHears(pb::JOB_STATE_RECEIVED));
  const std::lock_guard lock(o.lab.mutex);
  CHECK_FALSE(o.lab.wrong_offset);
  CHECK(o.lab.received == o.big.size() + 13);
  CHECK(o.lab.originals[std::string(base::Sha256Of(o.big).bytes())] == o.big);
}

TEST_CASE("a restart in the middle opens no second job and sends nothing twice") {
  Ordering o;
  o.Start();
  REQUIRE(o.HostHears(pb::JOB_STATE_RECEIVED));
  o.Stop();
  o.book = OpenBook(o.studio);
  o.lab.Print();
  o.Start();
  REQUIRE(o.HostHears(pb::JOB_STATE_COMPLETED));
  const std::lock_guard lock(o.lab.mutex);
  CHECK(o.lab.created == 1);
  CHECK(o.lab.uploads.size() == 2);
}

TEST_CASE("a lab restored from before a job gets the job and its originals again") {
  Ordering o;
  o.Start();
  REQUIRE(o.HostHears(pb::JOB_STATE_RECEIVED));
  REQUIRE(Eventually([&] { return o.book->JobFeedRevision("colour-lab") == 2; }));
  o.Stop();
  o.lab.Forget();
  o.Start();
  REQUIRE(Eventually([&] {
    const std::lock_guard lock(o.lab.mutex);
    return o.lab.closed == 2;
  }));
  {
    const std::lock_guard lock(o.lab.mutex);
    CHECK(o.lab.created == 2);
    CHECK(o.lab.originals[std::string(base::Sha256Of(o.big).bytes())] == o.big);
  }
  o.lab.Print();
  CHECK(o.HostHears(pb::JOB_STATE_COMPLETED));
}

TEST_CASE("a job that a restored lab had begun to print is not brought to it again") {
  Ordering o;
  o.Start();
  REQUIRE(o.HostHears(pb::JOB_STATE_RECEIVED));
  o.lab.BeginPrinting();
  REQUIRE(o.HostHears(pb::JOB_STATE_PRINTING));
  REQUIRE(Eventually([&] { return o.book->JobFeedRevision("colour-lab") == 3; }));
  o.Stop();
  o.lab.Forget();
  o.Start();
  REQUIRE(Eventually([&] {
    return o.LastReport().state_message().find("was restored from an older copy") !=
           std::string::npos;
  }));
  const std::lock_guard lock(o.lab.mutex);
  CHECK(o.lab.created == 1);
}

TEST_CASE("reports that the host could not take are sent again") {
  Ordering o;
  o.host.failures = 3;
  o.Start();
  o.HostHears(pb::JOB_STATE_RECEIVED);
  CHECK(Eventually([&] { return o.book->UnreportedShares(1)->empty(); }));
}

TEST_CASE("an original that has changed since it was ordered fails its share and leaves nothing") {
  Ordering o;
  WriteFile(o.studio.path("g/b.jpg"), "another one!!");
  SECTION("and the catalog knows") { o.studio.Record({"g/b.jpg"}); }
  SECTION("and the catalog does not know yet") {}
  o.Start();
  REQUIRE(o.HostHears(pb::JOB_STATE_FAILED));
  CHECK(o.LastReport().state_message().find("has changed since it was ordered") !=
        std::string::npos);
  CHECK(o.LastReport().lines(1).state() == pb::ITEM_STATE_FAILED);
  const std::lock_guard lock(o.lab.mutex);
  CHECK(o.lab.uploads.empty());
}

TEST_CASE("an original that is gone fails its share with a sentence") {
  Ordering o;
  fs::remove(o.studio.path("g/b.jpg"));
  o.studio.Record({"g/b.jpg"});
  o.Start();
  REQUIRE(o.HostHears(pb::JOB_STATE_FAILED));
  CHECK(o.LastReport().state_message().find("is not where it was") != std::string::npos);
}

TEST_CASE("an original that was only touched is sent, also before it was read again") {
  Ordering o;
  fs::last_write_time(o.studio.path("g/b.jpg"),
                      fs::file_time_type::clock::now() + std::chrono::hours(1));
  if (GENERATE(true, false)) {
    o.studio.Record({"g/b.jpg"});
    REQUIRE(o.studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 1);
  }
  o.Start();
  CHECK(o.HostHears(pb::JOB_STATE_RECEIVED));
}

TEST_CASE("an order waits for an original that was moved a moment ago, or is away with its disk") {
  Ordering o;
  const bool moved = GENERATE(true, false);
  if (moved) {
    fs::rename(o.studio.path("g/b.jpg"), o.studio.path("g/c.jpg"));
  } else {
    fs::rename(o.studio.root(), o.studio.folder() / "away");
  }
  o.Start();
  REQUIRE(Eventually([&] {
    const std::lock_guard lock(o.host.mutex);
    return !o.host.reports.empty() &&
           o.host.reports.back().state_message().find(
               moved ? "is being looked for" : "on a disk or share") != std::string::npos;
  }));
  if (moved) {
    o.studio.Record({"g/b.jpg", "g/c.jpg"});
  } else {
    fs::rename(o.studio.folder() / "away", o.studio.root());
  }
  CHECK(o.HostHears(pb::JOB_STATE_RECEIVED));
}

TEST_CASE("an ordered RAW file is sent although its JPEG has become the original since") {
  Ordering o;
  o.studio.Add("g/r.CR2", "a raw file");
  o.studio.RenderAll();
  const std::string id = o.studio.At("g/r.CR2").id();
  o.host.event = OrderOf(pb::ORDER_STATE_RELEASED, 3, {{id, "a raw file"}});
  o.studio.Add("g/r.JPG", "the picture");
  if (GENERATE(true, false)) o.studio.RenderAll();
  REQUIRE(o.studio.At("g/r.JPG").id() == id);
  o.Start();
  REQUIRE(o.HostHears(pb::JOB_STATE_RECEIVED));
  const std::lock_guard lock(o.lab.mutex);
  CHECK(o.lab.originals[std::string(base::Sha256Of("a raw file").bytes())] == "a raw file");
}

TEST_CASE("a lab that refuses the job fails the share with the lab's own words") {
  Ordering o;
  o.lab.refuse_jobs = true;
  o.Start();
  REQUIRE(o.HostHears(pb::JOB_STATE_FAILED));
  CHECK(o.LastReport().state_message().find("there is no product 4x6 here") != std::string::npos);
}

TEST_CASE("a cancelled order is taken back from the lab") {
  Ordering o;
  o.Start();
  REQUIRE(o.HostHears(pb::JOB_STATE_RECEIVED));
  {
    const std::lock_guard lock(o.host.mutex);
    o.host.event.set_revision(4);
    o.host.event.mutable_order()->set_revision(4);
    o.host.event.mutable_order()->set_state(pb::ORDER_STATE_CANCELLED);
  }
  REQUIRE(o.HostHears(pb::JOB_STATE_CANCELLED));
  const std::lock_guard lock(o.lab.mutex);
  CHECK(o.lab.job.state() == pb::JOB_STATE_CANCELLED);
}

TEST_CASE("a feed that no longer reaches back is read from its beginning") {
  Ordering o;
  pb::OrderEvent old;
  old.set_revision(1);
  REQUIRE(o.book->RecordOrder(old).ok());
  o.host.compacted = true;
  o.Start();
  CHECK(o.HostHears(pb::JOB_STATE_RECEIVED));
  const std::lock_guard lock(o.host.mutex);
  CHECK(o.host.asked_after.front() == 1);
  CHECK(o.host.asked_after.at(1) == 0);
}

}  // namespace
}  // namespace proofline::studio::test
