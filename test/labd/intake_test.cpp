#include <future>
#include <random>

#include "lib/rpc/status.h"
#include "test/catch.h"
#include "test/labd/lab_process.h"
#include "test/temp_dir.h"

namespace proofline::lab {
namespace {

namespace pb = proofline::v1;

using test::LabProcess;

constexpr char kFilePrinter[] =
    "[[printer]]\nid = \"files\"\nkind = \"file\"\nfolder = \"out\"\n"
    "[[product]]\nid = \"p4x6\"\nname = \"Print 4x6\"\npaper = \"4x6in\"\nppi = 72\n"
    "printers = [\"files\"]\n"
    "[[product]]\nid = \"sharp\"\nname = \"Sharp 4x6\"\npaper = \"4x6in\"\nminimum_ppi = 200\n"
    "low_resolution = \"refuse\"\nprinters = [\"files\"]\n";

struct Setup {
  test::TempDir folder;
  LabProcess lab{folder.path(), kFilePrinter};
  const std::string picture = test::Picture(300, 200);
  Setup() { lab.Start(); }
};

std::string Reason(const grpc::Status& status) { return rpc::ReasonOf(rpc::FromGrpc(status)); }

TEST_CASE("a studio learns what the lab makes, and nobody without a key does") {
  Setup setup;
  grpc::ClientContext context;
  pb::Lab lab;
  REQUIRE(setup.lab.intake().GetLab(&context, pb::GetLabRequest(), &lab).ok());
  CHECK(lab.name() == "labs/photo-lab");
  REQUIRE(lab.products_size() == 2);
  CHECK(lab.products(0).name() == "labs/photo-lab/products/p4x6");
  CHECK(lab.products(0).width_px() == 288);
  CHECK(lab.products(0).height_px() == 432);
  CHECK(lab.products(0).paper_width_um() == 101'600);
  CHECK_FALSE(lab.etag().empty());
  for (const std::string& key : {std::string(), std::string("demo.wrong"), std::string("nobody.x"),
                                 std::string("demo"), LabProcess::Key("demo") + "x"}) {
    INFO(key);
    const auto stranger = setup.lab.Intake(key);
    grpc::ClientContext refused;
    CHECK(stranger->GetLab(&refused, pb::GetLabRequest(), &lab).error_code() ==
          grpc::StatusCode::UNAUTHENTICATED);
    grpc::ClientContext uploading;
    const auto stream = stranger->UploadOriginal(&uploading);
    stream->WritesDone();
    CHECK(stream->Finish().error_code() == grpc::StatusCode::UNAUTHENTICATED);
    grpc::ClientContext following;
    CHECK(stranger->FollowJobs(&following, pb::FollowJobsRequest())->Finish().error_code() ==
          grpc::StatusCode::UNAUTHENTICATED);
  }
}

TEST_CASE("a job comes in, is printed once, and says so all the way") {
  Setup setup;
  LabProcess& lab = setup.lab;
  const auto request = LabProcess::Request("7", {setup.picture});
  pb::Job job;
  REQUIRE(lab.Create(request, job).ok());
  CHECK(job.state() == pb::JOB_STATE_OPEN);
  REQUIRE(job.missing_originals_size() == 1);
  pb::Job closed;
  const grpc::Status early = lab.Close(job.name(), closed);
  CHECK(early.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK(Reason(early) == "ORIGINALS_MISSING");
  const auto uploaded = lab.Upload(job.name(), setup.picture);
  CHECK(uploaded.status.ok());
  CHECK(uploaded.complete);
  CHECK(uploaded.committed == static_cast<std::int64_t>(setup.picture.size()));
  pb::Job again;
  REQUIRE(lab.Create(request, again).ok());
  CHECK(again.name() == job.name());
  CHECK(again.missing_originals_size() == 0);
  REQUIRE(lab.Close(job.name(), closed).ok());
  REQUIRE(lab.Close(job.name(), closed).ok());
  const pb::Job done = lab.WaitForState(job.name(), pb::JOB_STATE_COMPLETED);
  REQUIRE(done.state() == pb::JOB_STATE_COMPLETED);
  CHECK(done.items(0).state() == pb::ITEM_STATE_PRINTED);
  CHECK(done.items(0).printer() == "printers/files");
  const auto size = test::JpegSize(test::ReadText(setup.folder / "out/7-1-1.jpg"));
  REQUIRE(size.has_value());
  CHECK(*size == std::pair(288, 432));
  grpc::ClientContext context;
  pb::CancelJobRequest cancel;
  cancel.set_name(job.name());
  const grpc::Status late = lab.intake().CancelJob(&context, cancel, &again);
  CHECK(late.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK(Reason(late) == "TOO_LATE");
}

TEST_CASE("another studio's job is as if it were not there") {
  Setup setup;
  pb::Job job;
  REQUIRE(setup.lab.Create(LabProcess::Request("7", {setup.picture}), job).ok());
  const auto other = setup.lab.Intake(LabProcess::Key("other"));
  pb::GetJobRequest get;
  get.set_name(job.name());
  pb::Job seen;
  grpc::ClientContext a, b, c, d;
  const grpc::Status foreign = other->GetJob(&a, get, &seen);
  get.set_name("jobs/01aaaaaaaaaaaaaaaaaaaaaaaa");
  const grpc::Status missing = other->GetJob(&b, get, &seen);
  CHECK(foreign.error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(missing.error_code() == foreign.error_code());
  CHECK(Reason(missing) == Reason(foreign));
  pb::CloseJobRequest close;
  close.set_name(job.name());
  CHECK(other->CloseJob(&c, close, &seen).error_code() == grpc::StatusCode::NOT_FOUND);
  const auto stream = other->UploadOriginal(&d);
  pb::UploadOriginalRequest start;
  start.mutable_start()->set_job(job.name());
  start.mutable_start()->set_digest(std::string(base::Sha256Of(setup.picture).bytes()));
  start.mutable_start()->set_size_bytes(static_cast<std::int64_t>(setup.picture.size()));
  stream->Write(start);
  CHECK(stream->Finish().error_code() == grpc::StatusCode::NOT_FOUND);
  grpc::ClientContext feed;
  LabProcess::Limit(feed);
  const auto follow = other->FollowJobs(&feed, pb::FollowJobsRequest());
  pb::FollowJobsResponse entry;
  REQUIRE(follow->Read(&entry));
  CHECK_FALSE(entry.has_job());
  CHECK(entry.revision() == 1);
  feed.TryCancel();
}

TEST_CASE("what is wrong with a job is said of its line") {
  Setup setup;
  pb::Job job;
  const auto refused = [&](const std::function<void(pb::Job&)>& spoil) {
    auto request = LabProcess::Request("7", {setup.picture, setup.picture});
    spoil(*request.mutable_job());
    return setup.lab.Create(request, job);
  };
  const auto unknown = refused(
      [](pb::Job& j) { j.mutable_items(1)->set_product("labs/photo-lab/products/poster"); });
  CHECK(unknown.error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(Reason(unknown) == "PRODUCT_NOT_FOUND");
  CHECK(rpc::DetailOf(rpc::FromGrpc(unknown), "line") == "2");
  CHECK(refused([](pb::Job& j) {
          j.mutable_items(0)->set_product("labs/other/products/p4x6");
        }).error_code() == grpc::StatusCode::NOT_FOUND);
  const std::vector<std::function<void(pb::Job&)>> spoilers = {
      [](pb::Job& j) { j.clear_items(); },
      [](pb::Job& j) { j.set_order("studios/demo/orders/../../etc/passwd"); },
      [](pb::Job& j) { j.set_order("../../x"); },
      [](pb::Job& j) { j.set_order("studios/demo/orders/"); },
      [](pb::Job& j) { j.set_order(std::string("studios/demo/orders/a\0b", 23)); },
      [](pb::Job& j) { j.set_device("studios/demo/devices/a/b"); },
      [](pb::Job& j) { j.mutable_items(1)->set_line_number(1); },
      [](pb::Job& j) { j.mutable_items(0)->set_line_number(0); },
      [](pb::Job& j) { j.mutable_items(0)->set_quantity(0); },
      [](pb::Job& j) { j.mutable_items(0)->set_quantity(10'001); },
      [](pb::Job& j) {
        j.mutable_items(0)->set_original_digest("../../../../../../../../../../x");
      },
      [](pb::Job& j) { j.mutable_items(0)->set_original_size_bytes(0); },
      [](pb::Job& j) { j.mutable_items(0)->set_original_size_bytes(std::int64_t{3} << 30); },
      [](pb::Job& j) { j.mutable_items(1)->set_original_size_bytes(5); },
      [](pb::Job& j) { j.mutable_items(0)->mutable_edit()->set_rotation_degrees(45); },
      [](pb::Job& j) { j.mutable_items(0)->mutable_print_crop()->set_left(2); },
  };
  for (std::size_t i = 0; i < spoilers.size(); ++i) {
    INFO(i);
    CHECK(refused(spoilers[i]).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  }
  REQUIRE(setup.lab.Create(LabProcess::Request("7", {setup.picture}), job).ok());
  const auto differs = setup.lab.Create(LabProcess::Request("7", {setup.picture}, "sharp"), job);
  CHECK(differs.error_code() == grpc::StatusCode::ALREADY_EXISTS);
  CHECK(Reason(differs) == "JOB_DIFFERS");
}

TEST_CASE("a lab without room says so before the first byte") {
  const test::TempDir folder;
  LabProcess lab(folder.path(), kFilePrinter, "limits.spool = \"1MiB\"\n");
  lab.Start();
  pb::Job job;
  const auto full = lab.Create(LabProcess::Request("7", {test::Picture(1000, 700)}), job);
  CHECK(full.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(Reason(full) == "DISK_FULL");
}

TEST_CASE("an upload that breaks at any place goes on where the last synced byte is") {
  Setup setup;
  const std::string picture = test::Picture(3000, 2000);
  const auto size = static_cast<std::int64_t>(picture.size());
  pb::Job job;
  REQUIRE(setup.lab.Create(LabProcess::Request("7", {picture}), job).ok());
  std::minstd_rand random(7);
  std::int64_t sent = 0;
  std::int64_t committed = 0;
  int breaks = 0;
  for (int i = 0; i < 12; ++i) {
    LabProcess::UploadEnd end;
    // The lab may still be busy with the stream that has just been cut.
    REQUIRE(test::Eventually([&] {
      end = setup.lab.Upload(job.name(), picture, static_cast<std::int64_t>(random() % 4'000'000));
      return end.status.error_code() != grpc::StatusCode::ABORTED;
    }));
    CHECK(end.committed >= committed);
    committed = end.committed;
    sent += end.sent;
    if (end.complete) break;
    ++breaks;
  }
  LabProcess::UploadEnd last;
  REQUIRE(test::Eventually([&] {
    last = setup.lab.Upload(job.name(), picture);
    return last.status.error_code() != grpc::StatusCode::ABORTED;
  }));
  REQUIRE(last.status.ok());
  CHECK(last.complete);
  CHECK(last.committed == size);
  sent += last.sent;
  CHECK(breaks > 0);
  // What a break loses is at most what had not been synced.
  CHECK(sent <= size + breaks * (std::int64_t{32} << 20));
  // An original that is there already is complete at once.
  const auto again = setup.lab.Upload(job.name(), picture);
  CHECK(again.complete);
  CHECK(again.sent == 0);
}

TEST_CASE("bytes that are not the original are refused, and the next upload begins anew") {
  Setup setup;
  pb::Job job;
  REQUIRE(setup.lab.Create(LabProcess::Request("7", {setup.picture}), job).ok());
  std::string wrong = setup.picture;
  wrong.back() ^= 1;
  const auto bad = setup.lab.Upload(job.name(), wrong, -1, &setup.picture);
  CHECK(bad.status.error_code() == grpc::StatusCode::DATA_LOSS);
  CHECK(Reason(bad.status) == "DIGEST_MISMATCH");
  CHECK_FALSE(bad.complete);
  pb::Job closed;
  CHECK(Reason(setup.lab.Close(job.name(), closed)) == "ORIGINALS_MISSING");
  const auto good = setup.lab.Upload(job.name(), setup.picture);
  CHECK(good.complete);
  CHECK(good.sent == static_cast<std::int64_t>(setup.picture.size()));
}

TEST_CASE("an upload that breaks the rules is refused and harms nothing") {
  Setup setup;
  pb::Job job;
  REQUIRE(setup.lab.Create(LabProcess::Request("7", {setup.picture}), job).ok());
  const std::string digest(base::Sha256Of(setup.picture).bytes());
  const auto try_it = [&](const std::vector<pb::UploadOriginalRequest>& requests) {
    grpc::ClientContext context;
    LabProcess::Limit(context);
    const auto stream = setup.lab.intake().UploadOriginal(&context);
    for (const auto& request : requests) {
      if (!stream->Write(request)) break;
    }
    stream->WritesDone();
    pb::UploadOriginalResponse response;
    while (stream->Read(&response)) {
    }
    return stream->Finish();
  };
  pb::UploadOriginalRequest start, chunk;
  start.mutable_start()->set_job(job.name());
  start.mutable_start()->set_digest(digest);
  start.mutable_start()->set_size_bytes(static_cast<std::int64_t>(setup.picture.size()));
  chunk.mutable_chunk()->set_data("abc");
  CHECK(try_it({chunk}).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(try_it({pb::UploadOriginalRequest()}).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(try_it({start, start}).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(try_it({start}).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  chunk.mutable_chunk()->set_offset(5);
  const auto offset = try_it({start, chunk});
  CHECK(offset.error_code() == grpc::StatusCode::OUT_OF_RANGE);
  CHECK(Reason(offset) == "WRONG_OFFSET");
  CHECK(rpc::DetailOf(rpc::FromGrpc(offset), "committed_bytes") == "0");
  pb::UploadOriginalRequest bad = start;
  bad.mutable_start()->set_digest("../../../../tmp/evil/../../../xx");
  CHECK(try_it({bad}).error_code() == grpc::StatusCode::NOT_FOUND);
  bad.mutable_start()->set_digest("short");
  CHECK(try_it({bad}).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  bad = start;
  bad.mutable_start()->set_job("jobs/../x");
  CHECK(try_it({bad}).error_code() == grpc::StatusCode::NOT_FOUND);
  bad = start;
  bad.mutable_start()->set_size_bytes(5);
  CHECK(try_it({bad}).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(setup.lab.Upload(job.name(), setup.picture).complete);
}

TEST_CASE("an original comes on one stream at a time") {
  Setup setup;
  pb::Job job;
  REQUIRE(setup.lab.Create(LabProcess::Request("7", {setup.picture}), job).ok());
  grpc::ClientContext context;
  LabProcess::Limit(context);
  const auto first = setup.lab.intake().UploadOriginal(&context);
  pb::UploadOriginalRequest start;
  start.mutable_start()->set_job(job.name());
  start.mutable_start()->set_digest(std::string(base::Sha256Of(setup.picture).bytes()));
  start.mutable_start()->set_size_bytes(static_cast<std::int64_t>(setup.picture.size()));
  REQUIRE(first->Write(start));
  pb::UploadOriginalResponse response;
  REQUIRE(first->Read(&response));
  const auto second = setup.lab.Upload(job.name(), setup.picture);
  CHECK(second.status.error_code() == grpc::StatusCode::ABORTED);
  context.TryCancel();
  first->Finish();
  CHECK(test::Eventually([&] { return setup.lab.Upload(job.name(), setup.picture).complete; }));
}

TEST_CASE("a studio follows its jobs from any revision, live, and without gaps") {
  Setup setup;
  const std::string first =
      setup.lab.Bring(LabProcess::Request("1", {setup.picture}), {setup.picture});
  REQUIRE(setup.lab.WaitForState(first, pb::JOB_STATE_COMPLETED).state() ==
          pb::JOB_STATE_COMPLETED);
  grpc::ClientContext context;
  LabProcess::Limit(context);
  const auto stream = setup.lab.intake().FollowJobs(&context, pb::FollowJobsRequest());
  pb::FollowJobsResponse entry;
  REQUIRE(stream->Read(&entry));
  CHECK(entry.job().name() == first);
  CHECK(entry.job().state() == pb::JOB_STATE_COMPLETED);
  const std::int64_t seen = entry.revision();
  CHECK(seen == entry.job().revision());
  const std::string second =
      setup.lab.Bring(LabProcess::Request("2", {setup.picture}), {setup.picture});
  std::int64_t last = seen;
  std::vector<pb::JobState> states;
  while (stream->Read(&entry)) {
    CHECK(entry.revision() > last);
    last = entry.revision();
    if (!entry.has_job()) continue;
    CHECK(entry.job().name() == second);
    states.push_back(entry.job().state());
    if (entry.job().state() == pb::JOB_STATE_COMPLETED) break;
  }
  context.TryCancel();
  REQUIRE_FALSE(states.empty());
  CHECK(states.back() == pb::JOB_STATE_COMPLETED);
  CHECK(std::is_sorted(states.begin(), states.end()));
  grpc::ClientContext ahead;
  pb::FollowJobsRequest request;
  request.set_after_revision(1'000'000);
  CHECK(setup.lab.intake().FollowJobs(&ahead, request)->Finish().error_code() ==
        grpc::StatusCode::OUT_OF_RANGE);
}

TEST_CASE("a studio cancels an open job, and it is over") {
  Setup setup;
  pb::Job job;
  REQUIRE(setup.lab.Create(LabProcess::Request("7", {setup.picture}), job).ok());
  pb::CancelJobRequest cancel;
  cancel.set_name(job.name());
  for (int i = 0; i < 2; ++i) {
    grpc::ClientContext context;
    pb::Job cancelled;
    REQUIRE(setup.lab.intake().CancelJob(&context, cancel, &cancelled).ok());
    CHECK(cancelled.state() == pb::JOB_STATE_CANCELLED);
  }
  CHECK(setup.lab.Upload(job.name(), setup.picture).status.error_code() ==
        grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_CASE("a picture that cannot be made fails with its reason, and the rest is printed") {
  Setup setup;
  const std::string broken = "this is no picture";
  const std::string name =
      setup.lab.Bring(LabProcess::Request("7", {broken, setup.picture}), {broken, setup.picture});
  const pb::Job failed = setup.lab.WaitForState(name, pb::JOB_STATE_FAILED);
  REQUIRE(failed.state() == pb::JOB_STATE_FAILED);
  CHECK(failed.items(0).state() == pb::ITEM_STATE_FAILED);
  CHECK(failed.items(0).state_message().find("cannot be rendered") != std::string::npos);
  CHECK(failed.items(1).state() == pb::ITEM_STATE_PRINTED);
  CHECK(failed.state_message().find("line 1") != std::string::npos);
  REQUIRE(setup.lab.Operate(&pb::LabControlService::Stub::CancelLabJob, name + "/items/1").ok());
  CHECK(setup.lab.WaitForState(name, pb::JOB_STATE_COMPLETED).state() == pb::JOB_STATE_COMPLETED);
  const std::string coarse =
      setup.lab.Bring(LabProcess::Request("8", {setup.picture}, "sharp"), {});
  const pb::Job refused = setup.lab.WaitForState(coarse, pb::JOB_STATE_FAILED);
  CHECK(refused.items(0).state_message().find("pixels per inch") != std::string::npos);
}

TEST_CASE("wrong usage and wrong configuration end with one sentence and code 2") {
  const test::TempDir folder;
  const std::string labd = std::string(PROOFLINE_PROGRAMS) + "/proofline-labd";
  const auto none = test::Run({labd}, folder.path());
  CHECK(none.exit_code == 2);
  CHECK(none.output.find("--config") != std::string::npos);
  const auto missing = test::Run({labd, "--config", "/nonexistent.toml"}, folder.path());
  CHECK(missing.exit_code == 2);
  std::ofstream(folder / "bad.toml") << "state = \"s\"\nlab.id = \"x\"\nintake.adress = \"y\"\n";
  const auto bad = test::Run({labd, "--config", folder / "bad.toml"}, folder.path());
  CHECK(bad.exit_code == 2);
  CHECK(bad.output.find("intake.address") != std::string::npos);
  CHECK(std::count(bad.output.begin(), bad.output.end(), '\n') == 1);
  CHECK(test::Run({labd, "--version"}, folder.path()).exit_code == 0);
  CHECK(test::Run({labd, "--print-sample-config"}, folder.path()).exit_code == 0);
  LabProcess lab(folder / "lab", kFilePrinter);
  const std::string config = folder / "lab/lab.toml";
  CHECK(test::Run({labd, "--check-config", "--config", config}, folder.path()).exit_code == 0);
  lab.Start();
  const auto second = test::Run({labd, "--config", config}, folder.path());
  CHECK(second.exit_code == 1);
  CHECK(second.output.find("already running") != std::string::npos);
}

}  // namespace
}  // namespace proofline::lab
