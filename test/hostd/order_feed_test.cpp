// Order feeds and progress over real gRPC.
#include "hostd/record_text.h"
#include "test/catch.h"
#include "test/hostd/photo_samples.h"
#include "test/hostd/test_host.h"
#include "test/temp_dir.h"

namespace proofline::host {
namespace {

namespace pb = proofline::v1;
using test::Call;
using test::PhotoEntry;
using test::PublishClient;

test::TestHost::Options ShortIdle() {
  test::TestHost::Options options;
  options.idle = std::chrono::milliseconds(100);
  return options;
}

// One studio, two devices with a photo each, one customer who sees both.
struct Line {
  explicit Line(const test::TestHost::Options& options = {}) : host(dir.path(), options) {
    host.AddStudio("north");
    one = host.AddDevice("north", "one");
    two = host.AddDevice("north", "two");
    PublishClient first(host, one);
    first.Send({PhotoEntry(1, {.photo = "p1"})});
    first.ReadUpTo(1);
    PublishClient second(host, two);
    second.Send({PhotoEntry(1, {.photo = "p2"})});
    second.ReadUpTo(1);
    REQUIRE(host.store().PutLab(test::SampleLab("north")).ok());
    customer =
        host.SignIn(host.AddCustomer("north", "anna", test::ShareOfGallery("north", "wedding")));
  }

  pb::Order Take(const std::vector<std::string>& photos, const std::string& request_id) {
    pb::CreateOrderRequest request;
    request.set_request_id(request_id);
    for (const std::string& photo : photos) {
      pb::OrderLine& line = *request.mutable_order()->add_lines();
      line.set_photo("studios/north/galleries/wedding/photos/" + photo);
      line.set_product("studios/north/labs/lab/products/small");
      line.set_quantity(1);
    }
    pb::Order order;
    REQUIRE(Call(*customer, &pb::StorefrontService::Stub::CreateOrder, request, &order).ok());
    return order;
  }

  pb::OrderState Report(const std::string& key, const pb::Order& order, std::int64_t revision,
                        pb::JobState state) {
    pb::ReportProgressRequest request;
    request.set_order(order.name());
    request.set_lab("studios/north/labs/lab");
    request.set_revision(revision);
    request.set_state(state);
    pb::ReportProgressResponse response;
    REQUIRE(Call(*host.Sync(key), &pb::SyncService::Stub::ReportProgress, request, &response).ok());
    return response.order_state();
  }

  proofline::test::TempDir dir;
  test::TestHost host;
  std::string one;
  std::string two;
  std::unique_ptr<pb::StorefrontService::Stub> customer;
};

class Follow {
 public:
  Follow(test::TestHost& host, const std::string& key, std::int64_t after) : stub_(host.Sync(key)) {
    pb::FollowDeviceOrdersRequest request;
    request.set_after_revision(after);
    stream_ = stub_->FollowDeviceOrders(&context_, request);
  }
  ~Follow() {
    context_.TryCancel();
    pb::OrderEvent event;
    while (stream_->Read(&event)) {
    }
  }
  // The next event with an order.
  pb::OrderEvent Next() {
    pb::OrderEvent event;
    do {
      REQUIRE(stream_->Read(&event));
    } while (!event.has_order());
    return event;
  }
  pb::OrderEvent NextOfAnyKind() {
    pb::OrderEvent event;
    REQUIRE(stream_->Read(&event));
    return event;
  }
  grpc::Status End() {
    pb::OrderEvent event;
    while (stream_->Read(&event)) {
    }
    return stream_->Finish();
  }

 private:
  std::unique_ptr<pb::SyncService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<pb::OrderEvent>> stream_;
};

}  // namespace

TEST_CASE("A device hears its part of every order, old ones first, then each as it comes") {
  Line line;
  const pb::Order before = line.Take({"p1"}, "a");
  line.Take({"p2"}, "b");
  Follow follow(line.host, line.one, 0);
  pb::OrderEvent event = follow.Next();
  CHECK(event.order().name() == before.name());
  CHECK(event.revision() == 1);
  const pb::Order both = line.Take({"p2", "p1"}, "c");
  event = follow.Next();
  CHECK(event.order().name() == both.name());
  CHECK(event.revision() == 3);
  REQUIRE(event.order().lines_size() == 1);
  CHECK(event.order().lines(0).line_number() == 2);
  CHECK(event.order().shares_size() == 1);

  pb::CancelOrderRequest cancel;
  cancel.set_name(before.name());
  pb::Order cancelled;
  REQUIRE(Call(*line.customer, &pb::StorefrontService::Stub::CancelOrder, cancel, &cancelled).ok());
  event = follow.Next();
  CHECK(event.order().name() == before.name());
  CHECK(event.order().state() == pb::ORDER_STATE_CANCELLED);
}

TEST_CASE("A device that was away goes on after its last revision and misses nothing") {
  Line line;
  const pb::Order a = line.Take({"p1"}, "a");
  const pb::Order b = line.Take({"p1"}, "b");
  std::int64_t last = 0;
  {
    Follow follow(line.host, line.one, 0);
    CHECK(follow.Next().order().name() == a.name());
    const pb::OrderEvent event = follow.Next();
    CHECK(event.order().name() == b.name());
    last = event.revision();
  }
  const pb::Order c = line.Take({"p1"}, "c");
  line.Report(line.one, a, 1, pb::JOB_STATE_OPEN);
  Follow follow(line.host, line.one, last);
  CHECK(follow.Next().order().name() == c.name());
  const pb::OrderEvent event = follow.Next();
  CHECK(event.order().name() == a.name());
  CHECK(event.order().state() == pb::ORDER_STATE_TRANSFERRING);
}

TEST_CASE("An idle feed says how far it is") {
  Line line(ShortIdle());
  line.Take({"p2"}, "b");  // nothing for device one
  Follow follow(line.host, line.one, 0);
  const pb::OrderEvent event = follow.NextOfAnyKind();
  CHECK_FALSE(event.has_order());
  CHECK(event.revision() == 1);
  CHECK(follow.NextOfAnyKind().revision() == 1);
  const pb::Order order = line.Take({"p1"}, "a");
  CHECK(follow.Next().order().name() == order.name());
}

TEST_CASE("A revision that the feed has not reached is answered with the way back") {
  Line line;
  line.Take({"p1"}, "a");
  CHECK(test::Reason(Follow(line.host, line.one, 99).End()) == "REVISION_UNKNOWN");
  CHECK(Follow(line.host, line.one, -1).End().error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(Follow(line.host, "", 0).End().error_code() == grpc::StatusCode::UNAUTHENTICATED);
}

TEST_CASE("Progress of two devices comes together in the customer's order") {
  Line line;
  grpc::ClientContext context;
  const auto stream = line.customer->FollowOrders(&context, pb::FollowOrdersRequest());
  const pb::Order order = line.Take({"p1", "p2"}, "a");
  CHECK(order.shares_size() == 2);
  CHECK(line.Report(line.one, order, 1, pb::JOB_STATE_RECEIVED) == pb::ORDER_STATE_TRANSFERRING);
  CHECK(line.Report(line.two, order, 1, pb::JOB_STATE_RECEIVED) == pb::ORDER_STATE_AT_LAB);
  // Sent again: nothing changes.
  CHECK(line.Report(line.two, order, 1, pb::JOB_STATE_COMPLETED) == pb::ORDER_STATE_AT_LAB);
  CHECK(line.Report(line.one, order, 2, pb::JOB_STATE_PRINTING) == pb::ORDER_STATE_PRINTING);
  pb::CancelOrderRequest cancel;
  cancel.set_name(order.name());
  pb::Order seen;
  CHECK(test::Reason(Call(*line.customer, &pb::StorefrontService::Stub::CancelOrder, cancel,
                          &seen)) == "TOO_LATE");
  CHECK(line.Report(line.one, order, 3, pb::JOB_STATE_COMPLETED) == pb::ORDER_STATE_PRINTING);
  CHECK(line.Report(line.two, order, 2, pb::JOB_STATE_COMPLETED) == pb::ORDER_STATE_COMPLETED);
  pb::OrderEvent event;
  while (stream->Read(&event)) {
    if (event.order().state() == pb::ORDER_STATE_COMPLETED) break;
  }
  CHECK(event.order().name() == order.name());
  CHECK(event.order().lines_size() == 2);
  context.TryCancel();
}

TEST_CASE("Progress of an order that is not the device's is not found") {
  Line line;
  const pb::Order order = line.Take({"p1"}, "a");
  const auto report = [&](const std::string& key, const std::string& name) {
    pb::ReportProgressRequest request;
    request.set_order(name);
    request.set_lab("studios/north/labs/lab");
    request.set_revision(1);
    request.set_state(pb::JOB_STATE_OPEN);
    pb::ReportProgressResponse response;
    return Call(*line.host.Sync(key), &pb::SyncService::Stub::ReportProgress, request, &response)
        .error_code();
  };
  CHECK(report(line.two, order.name()) == grpc::StatusCode::NOT_FOUND);
  CHECK(report(line.one, "studios/north/orders/none") == grpc::StatusCode::NOT_FOUND);
  CHECK(report(line.one, "nonsense") == grpc::StatusCode::NOT_FOUND);
  line.host.AddStudio("south");
  CHECK(report(line.host.AddDevice("south", "one"), order.name()) == grpc::StatusCode::NOT_FOUND);
  CHECK(report("", order.name()) == grpc::StatusCode::UNAUTHENTICATED);
}

TEST_CASE("A lab with products that cannot be is refused") {
  Line line;
  const auto report = [&](const pb::Lab& lab) {
    pb::ReportLabRequest request;
    *request.mutable_lab() = lab;
    pb::ReportLabResponse response;
    return Call(*line.host.Sync(line.one), &pb::SyncService::Stub::ReportLab, request, &response)
        .error_code();
  };
  const pb::Lab good = test::SampleLab("north");
  CHECK(report(good) == grpc::StatusCode::OK);
  CHECK(report(test::SampleLab("south")) == grpc::StatusCode::INVALID_ARGUMENT);
  pb::Lab bad = good;
  bad.mutable_products(0)->set_paper_width_um(0);
  CHECK(report(bad) == grpc::StatusCode::INVALID_ARGUMENT);
  bad = good;
  bad.mutable_products(0)->set_name("studios/north/labs/other/products/small");
  CHECK(report(bad) == grpc::StatusCode::INVALID_ARGUMENT);
  bad = good;
  bad.mutable_products(0)->set_border_um(60'000);
  CHECK(report(bad) == grpc::StatusCode::INVALID_ARGUMENT);
  bad = good;
  *bad.add_products() = good.products(0);
  CHECK(report(bad) == grpc::StatusCode::INVALID_ARGUMENT);
  bad = good;
  bad.mutable_products(0)->set_pixels_per_inch(20);
  CHECK(report(bad) == grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace proofline::host
