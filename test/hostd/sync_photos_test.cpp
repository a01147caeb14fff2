// What a device is told of its own photos.
#include <set>

#include "lib/base/text.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
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
using test::Sample;
using test::TestHost;
using test::WithdrawalEntry;

struct Studio {
  Studio() : host(dir.path()) {
    host.AddStudio("north");
    one = host.AddDevice("north", "one");
    two = host.AddDevice("north", "two");
  }
  void Publish(const std::string& key, const std::vector<pb::PublishEntry>& entries) {
    PublishClient client(host, key);
    client.Send(entries);
    CHECK(client.ReadUpTo(entries.back().sequence()).empty());
    CHECK(client.Finish().ok());
  }
  grpc::Status List(const std::string& key, const pb::ListDevicePhotosRequest& request,
                    pb::ListDevicePhotosResponse& response) {
    const auto stub = host.Sync(key);
    return Call(*stub, &pb::SyncService::Stub::ListDevicePhotos, request, &response);
  }
  grpc::Status List(const std::string& key, const pb::ListDeviceCustomersRequest& request,
                    pb::ListDeviceCustomersResponse& response) {
    grpc::ClientContext context;
    rpc::WithDeadline(context, std::chrono::seconds(10));
    return host.Sync(key)->ListDeviceCustomers(&context, request, &response);
  }
  proofline::test::TempDir dir;
  TestHost host;
  std::string one;
  std::string two;
};

}  // namespace

TEST_CASE("A device is told its own photos, whole, and none that was withdrawn") {
  Studio studio;
  const Sample first{.photo = "p1", .content = "one", .subject = "Ann"};
  studio.Publish(
      studio.one,
      {PhotoEntry(1, first), PhotoEntry(2, {.gallery = "party", .photo = "p2", .content = "two"}),
       PhotoEntry(3, {.photo = "p3", .content = "three"}), WithdrawalEntry(4, {.photo = "p3"})});
  studio.Publish(studio.two, {PhotoEntry(1, {.photo = "q1", .content = "other"})});

  pb::ListDevicePhotosResponse told;
  REQUIRE(studio.List(studio.one, {}, told).ok());
  REQUIRE(told.photos_size() == 2);
  CHECK(told.next_page_token().empty());
  CHECK(told.photos(0).name() == test::PhotoName(first));
  CHECK(told.photos(0).metadata().subject() == "Ann");
  CHECK(told.photos(0).original_digest() == test::PhotoRecordOf(first).original_digest());
  REQUIRE(told.photos(0).renditions_size() == 2);
  CHECK(told.photos(0).renditions(1).digest() == test::PhotoRecordOf(first).renditions(1).digest());
  REQUIRE(told.galleries_size() == 2);
  CHECK(told.galleries(0).title() == "The party");

  REQUIRE(studio.List(studio.two, {}, told).ok());
  REQUIRE(told.photos_size() == 1);
  CHECK(told.photos(0).device() == "studios/north/devices/two");
}

TEST_CASE("A device's photos come page by page, and a token is of use to that device only") {
  Studio studio;
  std::vector<pb::PublishEntry> mine;
  std::vector<pb::PublishEntry> theirs;
  for (int i = 1; i <= 5; ++i) {
    mine.push_back(PhotoEntry(i, {.photo = base::Concat("m", i)}));
    theirs.push_back(PhotoEntry(i, {.photo = base::Concat("m", i, "x")}));
  }
  studio.Publish(studio.one, mine);
  studio.Publish(studio.two, theirs);
  std::set<std::string> names;
  pb::ListDevicePhotosRequest request;
  request.set_page_size(2);
  int pages = 0;
  do {
    pb::ListDevicePhotosResponse page;
    REQUIRE(studio.List(studio.one, request, page).ok());
    CHECK(page.photos_size() <= 2);
    for (const pb::Photo& photo : page.photos()) {
      CHECK(photo.device() == "studios/north/devices/one");
      CHECK(names.insert(photo.name()).second);
    }
    request.set_page_token(page.next_page_token());
    ++pages;
    if (pages == 1) {
      pb::ListDevicePhotosResponse none;
      const grpc::Status foreign = studio.List(studio.two, request, none);
      CHECK(foreign.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
      CHECK(test::Reason(foreign) == "PAGE_TOKEN_INVALID");
    }
  } while (!request.page_token().empty());
  CHECK(names.size() == 5);
  CHECK(pages >= 3);
}

TEST_CASE("A device is told the customers that it has brought, without what they type") {
  Studio studio;
  const auto customer = [](std::int64_t sequence, const std::string& id) {
    pb::PublishEntry entry;
    entry.set_sequence(sequence);
    entry.mutable_customer()->set_name(std::string("studios/north/customers/").append(id));
    entry.mutable_customer()->set_identifier(std::string("CODE-OF-").append(id).append("-2031"));
    entry.mutable_customer()->set_display_name(std::string("called ").append(id));
    entry.mutable_customer()->mutable_update_time()->set_seconds(1'700'000'000 + sequence);
    *entry.mutable_customer()->mutable_share() = test::ShareOfGallery("north", "wedding");
    return entry;
  };
  studio.Publish(studio.one, {customer(1, "anna"), customer(2, "ben")});
  studio.Publish(studio.two, {customer(1, "carl")});
  std::vector<pb::Customer> told;
  pb::ListDeviceCustomersRequest request;
  request.set_page_size(1);
  do {
    pb::ListDeviceCustomersResponse page;
    REQUIRE(studio.List(studio.one, request, page).ok());
    for (const pb::Customer& one : page.customers()) told.push_back(one);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  REQUIRE(told.size() == 2);
  CHECK(told[0].name() == "studios/north/customers/anna");
  CHECK(told[0].identifier().empty());
  CHECK(told[0].display_name() == "called anna");
  CHECK(told[0].update_time().seconds() == 1'700'000'001);
  CHECK(told[1].name() == "studios/north/customers/ben");
  pb::ListDeviceCustomersResponse none;
  CHECK(studio.List("north.one.wrong", pb::ListDeviceCustomersRequest(), none).error_code() ==
        grpc::StatusCode::UNAUTHENTICATED);
}

TEST_CASE("A request of many bytes is weighed before it is read, and not before its key is known") {
  Studio studio;
  pb::ReportProgressRequest request;
  request.set_order("studios/north/orders/none");
  for (int i = 0; i < 1'000'000; ++i) request.add_lines();  // two bytes each
  pb::ReportProgressResponse response;
  const auto known = studio.host.Sync(studio.one);
  const grpc::Status refused =
      Call(*known, &pb::SyncService::Stub::ReportProgress, request, &response);
  CHECK(refused.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(rpc::ReasonOf(rpc::FromGrpc(refused)) == "REQUEST_TOO_LARGE");
  const auto stranger = studio.host.Sync("north.one.wrong");
  CHECK(Call(*stranger, &pb::SyncService::Stub::ReportProgress, request, &response).error_code() ==
        grpc::StatusCode::UNAUTHENTICATED);
  request.clear_lines();
  CHECK(Call(*known, &pb::SyncService::Stub::ReportProgress, request, &response).error_code() ==
        grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("Who has no key is told nothing") {
  Studio studio;
  studio.Publish(studio.one, {PhotoEntry(1, {.photo = "p1"})});
  pb::ListDevicePhotosResponse told;
  CHECK(studio.List("", {}, told).error_code() == grpc::StatusCode::UNAUTHENTICATED);
  CHECK(studio.List("north.one.nonsense", {}, told).error_code() ==
        grpc::StatusCode::UNAUTHENTICATED);
  CHECK(told.photos().empty());
  pb::ListDevicePhotosRequest request;
  request.set_page_size(-1);
  CHECK(studio.List(studio.one, request, told).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace proofline::host
