// Administration over the control socket.
#include "test/catch.h"
#include "test/hostd/photo_samples.h"
#include "test/hostd/test_host.h"
#include "test/temp_dir.h"

namespace proofline::host {
namespace {

namespace pb = proofline::v1;
using Stub = pb::AdminService::Stub;
using test::Call;

}  // namespace

TEST_CASE("Studios are made, listed in pages, renamed, and never twice") {
  const proofline::test::TempDir dir;
  test::TestHost host(dir.path());
  pb::Studio studio;
  for (const std::string id : {"c", "a", "b"}) {
    pb::CreateStudioRequest create;
    create.set_studio_id(id);
    create.mutable_studio()->set_display_name("Studio " + id);
    REQUIRE(Call(host.admin(), &Stub::CreateStudio, create, &studio).ok());
    CHECK(Call(host.admin(), &Stub::CreateStudio, create, &studio).error_code() ==
          grpc::StatusCode::ALREADY_EXISTS);
  }
  pb::CreateStudioRequest bad;
  for (const std::string id : {"", "Upper", "-x", "a/b"}) {
    bad.set_studio_id(id);
    CHECK(test::Reason(Call(host.admin(), &Stub::CreateStudio, bad, &studio)) == "ID_INVALID");
  }
  pb::ListStudiosRequest list;
  list.set_page_size(2);
  std::string names;
  do {
    pb::ListStudiosResponse response;
    REQUIRE(Call(host.admin(), &Stub::ListStudios, list, &response).ok());
    for (const auto& one : response.studios()) names += one.name() + " ";
    list.set_page_token(response.next_page_token());
  } while (!list.page_token().empty());
  CHECK(names == "studios/a studios/b studios/c ");

  pb::UpdateStudioRequest update;
  update.mutable_studio()->set_name("studios/a");
  update.mutable_studio()->set_display_name("Anna's");
  update.mutable_update_mask()->add_paths("display_name");
  REQUIRE(Call(host.admin(), &Stub::UpdateStudio, update, &studio).ok());
  CHECK(studio.display_name() == "Anna's");
  CHECK(studio.has_create_time());
  update.mutable_update_mask()->add_paths("quota");
  CHECK(Call(host.admin(), &Stub::UpdateStudio, update, &studio).error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
  update.mutable_update_mask()->clear_paths();
  update.mutable_update_mask()->add_paths("colour");
  CHECK(test::Reason(Call(host.admin(), &Stub::UpdateStudio, update, &studio)) == "MASK_INVALID");
  pb::GetStudioRequest get;
  get.set_name("studios/none");
  CHECK(Call(host.admin(), &Stub::GetStudio, get, &studio).error_code() ==
        grpc::StatusCode::NOT_FOUND);
  get.set_name("none");
  CHECK(Call(host.admin(), &Stub::GetStudio, get, &studio).error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("Devices show what they have published, and their key only once") {
  const proofline::test::TempDir dir;
  test::TestHost host(dir.path());
  host.AddStudio("north");
  const std::string key = host.AddDevice("north", "one");
  test::PublishClient client(host, key);
  client.Send({test::PhotoEntry(7, {})});
  client.ReadUpTo(7);
  pb::ListDevicesRequest list;
  list.set_parent("studios/north");
  pb::ListDevicesResponse devices;
  REQUIRE(Call(host.admin(), &Stub::ListDevices, list, &devices).ok());
  REQUIRE(devices.devices_size() == 1);
  CHECK(devices.devices(0).last_sequence() == 7);
  CHECK(devices.devices(0).has_last_seen_time());
  CHECK(devices.SerializeAsString().find(key.substr(10)) == std::string::npos);
  list.set_parent("studios/none");
  CHECK(Call(host.admin(), &Stub::ListDevices, list, &devices).error_code() ==
        grpc::StatusCode::NOT_FOUND);
  pb::CreateDeviceRequest create;
  create.set_parent("studios/none");
  create.set_device_id("x");
  pb::CreateDeviceResponse made;
  CHECK(Call(host.admin(), &Stub::CreateDevice, create, &made).error_code() ==
        grpc::StatusCode::NOT_FOUND);
  create.set_parent("studios/north");
  create.set_device_id("one");
  CHECK(Call(host.admin(), &Stub::CreateDevice, create, &made).error_code() ==
        grpc::StatusCode::ALREADY_EXISTS);

  pb::GetUsageRequest usage_request;
  usage_request.set_name("studios/north/usage");
  pb::Usage usage;
  REQUIRE(Call(host.admin(), &Stub::GetUsage, usage_request, &usage).ok());
  CHECK(usage.photos() == 1);
  CHECK(usage.name() == "studios/north/usage");
}

TEST_CASE("Customers show everything but their identifier") {
  const proofline::test::TempDir dir;
  test::TestHost host(dir.path());
  host.AddStudio("north");
  const pb::Customer made =
      host.AddCustomer("north", "anna", test::ShareOfGallery("north", "wedding"));
  CHECK(made.identifier().size() == 19);
  pb::GetCustomerRequest get;
  get.set_name(made.name());
  pb::Customer customer;
  REQUIRE(Call(host.admin(), &Stub::GetCustomer, get, &customer).ok());
  CHECK(customer.identifier().empty());
  CHECK(customer.share().galleries_size() == 1);

  pb::CreateCustomerRequest create;
  create.set_parent("studios/north");
  create.mutable_customer()->mutable_share()->add_galleries("studios/south/galleries/g");
  CHECK(test::Reason(Call(host.admin(), &Stub::CreateCustomer, create, &customer)) ==
        "SHARE_INVALID");
  create.mutable_customer()->clear_share();
  create.mutable_customer()->set_identifier("short");
  CHECK(test::Reason(Call(host.admin(), &Stub::CreateCustomer, create, &customer)) ==
        "IDENTIFIER_INVALID");
  create.mutable_customer()->clear_identifier();
  REQUIRE(Call(host.admin(), &Stub::CreateCustomer, create, &customer).ok());
  CHECK(customer.name().size() > std::string("studios/north/customers/").size());

  pb::UpdateCustomerRequest update;
  update.mutable_customer()->set_name(made.name());
  update.mutable_customer()->set_display_name("Anna");
  update.mutable_customer()->mutable_expire_time()->set_seconds(4'000'000'000);
  update.mutable_update_mask()->add_paths("display_name");
  REQUIRE(Call(host.admin(), &Stub::UpdateCustomer, update, &customer).ok());
  CHECK(customer.display_name() == "Anna");
  CHECK_FALSE(customer.has_expire_time());
  CHECK(customer.share().galleries_size() == 1);
  update.clear_update_mask();
  REQUIRE(Call(host.admin(), &Stub::UpdateCustomer, update, &customer).ok());
  CHECK(customer.has_expire_time());
  CHECK(customer.share().galleries_size() == 0);
  // Still opens, whatever else changed.
  CHECK(host.SignIn(made) != nullptr);
  update.mutable_customer()->set_name("studios/north/customers/none");
  CHECK(Call(host.admin(), &Stub::UpdateCustomer, update, &customer).error_code() ==
        grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("The studio's side sees labs and orders and can cancel") {
  const proofline::test::TempDir dir;
  test::TestHost host(dir.path());
  test::FillStudio(host.store(), "north");
  REQUIRE(test::PublishNow(host.store(), "north", "one", "c", {test::PhotoChangeOf(1, {})}).ok());
  const auto order = host.store().CreateOrder(
      "north",
      test::OrderFor("north", "anna", {host.store().FindPhoto("north", "p1")->value()}, "r"));
  REQUIRE(order.ok());
  pb::ListLabsRequest labs_request;
  labs_request.set_parent("studios/north");
  pb::ListLabsResponse labs;
  REQUIRE(Call(host.admin(), &Stub::ListLabs, labs_request, &labs).ok());
  CHECK(labs.labs_size() == 1);
  pb::ListStudioOrdersRequest list;
  list.set_parent("studios/north");
  pb::ListStudioOrdersResponse orders;
  REQUIRE(Call(host.admin(), &Stub::ListStudioOrders, list, &orders).ok());
  CHECK(orders.orders_size() == 1);
  pb::CancelStudioOrderRequest cancel;
  cancel.set_name(order->name());
  cancel.set_message("the album is closed");
  pb::Order cancelled;
  REQUIRE(Call(host.admin(), &Stub::CancelStudioOrder, cancel, &cancelled).ok());
  CHECK(cancelled.state() == pb::ORDER_STATE_CANCELLED);
  CHECK(cancelled.state_message() == "the album is closed");
  pb::GetStudioOrderRequest get;
  get.set_name(order->name());
  REQUIRE(Call(host.admin(), &Stub::GetStudioOrder, get, &cancelled).ok());
  CHECK(cancelled.revision() == 2);
  get.set_name("studios/north/orders/none");
  CHECK(Call(host.admin(), &Stub::GetStudioOrder, get, &cancelled).error_code() ==
        grpc::StatusCode::NOT_FOUND);
}

}  // namespace proofline::host
