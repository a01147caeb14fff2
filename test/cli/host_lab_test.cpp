#include <array>

#include <filesystem>

#include "lib/base/file.h"
#include "lib/rpc/status.h"
#include "proofline/v1/admin_service.grpc.pb.h"
#include "proofline/v1/lab_control_service.grpc.pb.h"
#include "test/catch.h"
#include "test/cli/run_cli.h"

namespace proofline::test {
namespace {

class FakeHost : public v1::AdminService::Service {
 public:
  int studios = 1;
  v1::CreateCustomerRequest customer;
  v1::UpdateCustomerRequest update;
  int devices_created = 0;

 private:
  using Context = grpc::ServerContext;

  grpc::Status CreateStudio(Context*, const v1::CreateStudioRequest* request,
                            v1::Studio* response) override {
    if (request->studio_id() == "taken") {
      return rpc::ToGrpc(rpc::Error(absl::StatusCode::kAlreadyExists,
                                    "there is a studio called taken already", "STUDIO_EXISTS"));
    }
    response->set_name("studios/" + request->studio_id());
    return grpc::Status::OK;
  }

  grpc::Status ListStudios(Context*, const v1::ListStudiosRequest*,
                           v1::ListStudiosResponse* response) override {
    for (int i = 0; i < studios; ++i) {
      response->add_studios()->set_name("studios/" + std::string(i == 0 ? "demo" : "other"));
    }
    return grpc::Status::OK;
  }

  grpc::Status CreateDevice(Context*, const v1::CreateDeviceRequest* request,
                            v1::CreateDeviceResponse* response) override {
    ++devices_created;
    response->mutable_device()->set_name(request->parent() + "/devices/" + request->device_id());
    response->set_device_key("demo.desk.SECRET");
    return grpc::Status::OK;
  }

  grpc::Status CreateCustomer(Context*, const v1::CreateCustomerRequest* request,
                              v1::Customer* response) override {
    customer = *request;
    response->set_name(request->parent() + "/customers/c1");
    response->set_identifier("7K3M-09QX-T4ZD-5WPA");
    return grpc::Status::OK;
  }

  grpc::Status UpdateCustomer(Context*, const v1::UpdateCustomerRequest* request,
                              v1::Customer* response) override {
    update = *request;
    *response = request->customer();
    return grpc::Status::OK;
  }

  grpc::Status ListStudioGalleries(Context*, const v1::ListStudioGalleriesRequest* request,
                                   v1::ListStudioGalleriesResponse* response) override {
    // One gallery on a page.
    static constexpr std::array kTitles = {"A B", "Summer", "Twice", "Twice"};
    const std::size_t at = request->page_token().empty() ? 0 : std::stoul(request->page_token());
    v1::Gallery& gallery = *response->add_galleries();
    gallery.set_name(request->parent() + "/galleries/gallery-" + std::to_string(at));
    gallery.set_title(kTitles[at]);
    gallery.set_photo_count(static_cast<std::int64_t>(at));
    if (at + 1 < kTitles.size()) response->set_next_page_token(std::to_string(at + 1));
    return grpc::Status::OK;
  }

  grpc::Status GetStudioOrder(Context*, const v1::GetStudioOrderRequest* request,
                              v1::Order* response) override {
    response->set_name(request->name());
    return grpc::Status::OK;
  }
};

struct HostLine {
  FakeHost host;
  FakeDaemon daemon{host};

  Ran Run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"host", "--state", daemon.state()});
    return RunCli(arguments);
  }
};

TEST_CASE("a studio is created, and a refusal is exit code 1 with the host's own sentence") {
  const HostLine line;
  CHECK(line.Run({"studio", "create", "demo", "--name", "Demo"}).out == "created studios/demo\n");
  const Ran taken = line.Run({"studio", "create", "taken"});
  CHECK(taken.exit_code == 1);
  CHECK(taken.err == "proofline: there is a studio called taken already\n");
}

TEST_CASE(
    "a device's key goes to a file of its owner alone, and no device is made without a place") {
  HostLine line;
  const TempDir folder;
  const std::string file = folder / "desk.key";
  const Ran ran = line.Run({"device", "create", "demo", "desk", "--key-file", file});
  INFO(ran.err);
  REQUIRE(ran.exit_code == 0);
  CHECK(base::ReadFile(file, 100).value() == "demo.desk.SECRET\n");
  CHECK(std::filesystem::status(file).permissions() == std::filesystem::perms(0600));
  CHECK(ran.out.find("SECRET") == std::string::npos);
  CHECK(line.Run({"device", "create", "demo", "desk", "--key-file", file}).exit_code == 1);
  CHECK(
      line.Run({"device", "create", "demo", "desk", "--key-file", folder / "no" / "k"}).exit_code ==
      4);
  CHECK(line.host.devices_created == 1);
  CHECK(line.Run({"device", "create", "demo", "desk"}).out == "demo.desk.SECRET\n");
}

TEST_CASE("a customer is shared galleries, photos and matches, and its identifier is printed") {
  HostLine line;
  const Ran ran = line.Run({"customer", "create", "demo", "--name", "Ada", "--gallery", "summer-1",
                            "--gallery", "studios/demo/galleries/g2", "--photo", "g3/p1", "--match",
                            "event=Prom", "--expires", "2027-01-01T00:00:00Z"});
  INFO(ran.err);
  REQUIRE(ran.exit_code == 0);
  CHECK(ran.out == "7K3M-09QX-T4ZD-5WPA\n");
  const v1::Share& share = line.host.customer.customer().share();
  REQUIRE(share.galleries_size() == 2);
  CHECK(share.galleries(0) == "studios/demo/galleries/summer-1");
  CHECK(share.photos(0) == "studios/demo/galleries/g3/photos/p1");
  CHECK(share.matches(0).value() == "Prom");
  CHECK(line.host.customer.customer().expire_time().seconds() == 1798761600);
}

TEST_CASE("the host's galleries are listed, and shared by their titles") {
  HostLine line;
  const Ran list = line.Run({"galleries", "demo"});
  CHECK(list.out.find("gallery-0  A B") != std::string::npos);
  CHECK(list.out.find("gallery-3  Twice") != std::string::npos);
  REQUIRE(line.Run({"customer", "create", "demo", "--gallery", "A B"}).exit_code == 0);
  CHECK(line.host.customer.customer().share().galleries(0) == "studios/demo/galleries/gallery-0");
  const Ran twice = line.Run({"customer", "create", "demo", "--gallery", "the Twice"});
  CHECK(twice.exit_code == 4);
  CHECK(twice.err.find("proofline host galleries demo") != std::string::npos);
  CHECK(line.Run({"customer", "update", "c1", "--gallery", "A B"}).exit_code == 0);
  CHECK(line.host.update.customer().share().galleries(0) == "studios/demo/galleries/gallery-0");
  // Nothing that is not served is offered.
  CHECK(line.Run({"release", "o1"}).exit_code == 2);
}

TEST_CASE("an update changes only what its flags name") {
  HostLine line;
  REQUIRE(line.Run({"customer", "update", "c1", "--never-expires"}).exit_code == 0);
  CHECK(line.host.update.customer().name() == "studios/demo/customers/c1");
  REQUIRE(line.host.update.update_mask().paths_size() == 1);
  CHECK(line.host.update.update_mask().paths(0) == "expire_time");
  CHECK(line.Run({"customer", "update", "c1"}).exit_code == 2);
}

TEST_CASE("the studio may be left out of a name only where there is one") {
  HostLine line;
  CHECK(line.Run({"order", "o1"}).out.find("studios/demo/orders/o1") != std::string::npos);
  line.host.studios = 2;
  CHECK(line.Run({"order", "o1"}).exit_code == 2);
  CHECK(line.Run({"order", "other/o1"}).out.find("studios/other/orders/o1") != std::string::npos);
}

class FakeLab : public v1::LabControlService::Service {
 public:
  std::string held;

 private:
  using Context = grpc::ServerContext;

  grpc::Status ListJobs(Context*, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override {
    v1::Job& job = *response->add_jobs();
    job.set_name("jobs/j1");
    job.set_state(request->state() == v1::JOB_STATE_UNSPECIFIED ? v1::JOB_STATE_PRINTING
                                                                : request->state());
    return grpc::Status::OK;
  }

  grpc::Status HoldJob(Context*, const v1::HoldJobRequest* request, v1::Job* response) override {
    held = request->name();
    response->set_name("jobs/j1");
    response->set_state(v1::JOB_STATE_HELD);
    return grpc::Status::OK;
  }

  grpc::Status PausePrinter(Context*, const v1::PausePrinterRequest* request,
                            v1::Printer* response) override {
    if (request->name() != "printers/canon-1") {
      return {grpc::StatusCode::NOT_FOUND, "there is no such printer"};
    }
    response->set_name(request->name());
    response->set_paused(true);
    return grpc::Status::OK;
  }

  grpc::Status WatchJobs(Context* context, const v1::WatchJobsRequest* request,
                         grpc::ServerWriter<v1::WatchJobsResponse>* writer) override {
    if (request->after_revision() == 0) {
      v1::WatchJobsResponse entry;
      entry.set_revision(7);
      entry.mutable_job()->set_name("jobs/j1");
      entry.mutable_job()->set_state(v1::JOB_STATE_PRINTED);
      writer->Write(entry);
    }
    // As a daemon that is stopped and started again: the stream breaks.
    return context->IsCancelled() ? grpc::Status::CANCELLED
                                  : grpc::Status(grpc::StatusCode::UNAVAILABLE, "going down");
  }
};

TEST_CASE("the lab's operator lists, holds and pauses by identifiers") {
  FakeLab lab;
  const FakeDaemon daemon(lab);
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"lab", "--state", daemon.state()});
    return RunCli(arguments);
  };
  CHECK(run({"jobs"}).out.find("j1   printing") != std::string::npos);
  CHECK(run({"jobs", "--only", "held"}).out.find("held") != std::string::npos);
  CHECK(run({"hold", "j1"}).out == "jobs/j1 is held\n");
  CHECK(lab.held == "jobs/j1");
  CHECK(run({"hold", "j1/2"}).exit_code == 0);
  CHECK(lab.held == "jobs/j1/items/2");
  CHECK(run({"pause", "canon-1"}).out == "printers/canon-1 is paused\n");
  CHECK(run({"pause", "canon-2"}).exit_code == 4);
}

TEST_CASE("watching a lab outlives a break of the stream and shows nothing twice") {
  FakeLab lab;
  const FakeDaemon daemon(lab);
  const Ran ran = RunCli({"lab", "--state", daemon.state(), "watch", "--timeout", "1s"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.out == "  j1  printed\n");
}

}  // namespace
}  // namespace proofline::test
