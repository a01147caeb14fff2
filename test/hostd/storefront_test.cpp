// What customers see, over real gRPC: their own, and of everything else no trace.
#include "test/catch.h"
#include "test/hostd/photo_samples.h"
#include "test/hostd/test_host.h"
#include "test/temp_dir.h"

namespace proofline::host {
namespace {

namespace pb = proofline::v1;
using Stub = pb::StorefrontService::Stub;
using test::Call;
using test::PhotoEntry;
using test::PublishClient;
using test::Sample;

// Two studios; in north: wedding (w1, w2), party (x1 of Tom, x2). anna sees the wedding, tom what
// is of Tom and single photo x2's neighbour none; in south: wedding (w1).
struct Market {
  Market() : host(dir.path()) {
    for (const std::string studio : {"north", "south"}) {
      host.AddStudio(studio);
      keys[studio] = host.AddDevice(studio, "one");
    }
    PublishClient north(host, keys["north"]);
    north.Send({PhotoEntry(1, {.photo = "w1", .content = "w1", .capture_seconds = 20}),
                PhotoEntry(2, {.photo = "w2", .content = "w2", .capture_seconds = 10}),
                PhotoEntry(3, {.gallery = "party", .photo = "x1", .subject = "Tom"}),
                PhotoEntry(4, {.gallery = "party", .photo = "x2", .subject = "Eve"})});
    REQUIRE(north.ReadUpTo(4).empty());
    PublishClient south(host, keys["south"]);
    south.Send({PhotoEntry(1, {.studio = "south", .photo = "w1"})});
    REQUIRE(south.ReadUpTo(1).empty());
    for (const std::string studio : {"north", "south"}) {
      pb::ReportLabRequest lab;
      *lab.mutable_lab() = test::SampleLab(studio);
      pb::ReportLabResponse response;
      REQUIRE(
          Call(*host.Sync(keys[studio]), &pb::SyncService::Stub::ReportLab, lab, &response).ok());
    }
    anna = host.SignIn(host.AddCustomer("north", "anna", test::ShareOfGallery("north", "wedding")));
    pb::Share toms;
    toms.add_matches()->set_field("subject");
    toms.mutable_matches(0)->set_value("Tom");
    tom = host.SignIn(host.AddCustomer("north", "tom", toms));
    eve = host.SignIn(host.AddCustomer("south", "eve", test::ShareOfGallery("south", "wedding")));
  }

  pb::CreateOrderRequest Cart(const std::string& photo, const std::string& request_id) const {
    pb::CreateOrderRequest request;
    request.set_request_id(request_id);
    pb::OrderLine& line = *request.mutable_order()->add_lines();
    line.set_photo(photo);
    line.set_product("studios/north/labs/lab/products/small");
    line.set_quantity(1);
    return request;
  }

  proofline::test::TempDir dir;
  test::TestHost host;
  std::map<std::string, std::string> keys;
  std::unique_ptr<Stub> anna;
  std::unique_ptr<Stub> tom;
  std::unique_ptr<Stub> eve;
};

const char* const kWeddingPhoto = "studios/north/galleries/wedding/photos/w1";

std::vector<std::string> Galleries(Stub& stub) {
  pb::ListGalleriesResponse response;
  REQUIRE(Call(stub, &Stub::ListGalleries, pb::ListGalleriesRequest(), &response).ok());
  std::vector<std::string> names;
  for (const auto& gallery : response.galleries()) {
    names.push_back(gallery.name() + " " + std::to_string(gallery.photo_count()));
  }
  return names;
}

std::vector<std::string> Photos(Stub& stub, const std::string& gallery, int page_size) {
  pb::ListPhotosRequest request;
  request.set_parent(gallery);
  request.set_page_size(page_size);
  std::vector<std::string> names;
  do {
    pb::ListPhotosResponse response;
    REQUIRE(Call(stub, &Stub::ListPhotos, request, &response).ok());
    for (const auto& photo : response.photos()) names.push_back(photo.name());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return names;
}

}  // namespace

TEST_CASE("A customer sees what its share opens, counted for itself") {
  Market market;
  CHECK(Galleries(*market.anna) == std::vector<std::string>{"studios/north/galleries/wedding 2"});
  CHECK(Galleries(*market.tom) == std::vector<std::string>{"studios/north/galleries/party 1"});
  const std::vector<std::string> by_time = {"studios/north/galleries/wedding/photos/w2",
                                            kWeddingPhoto};
  CHECK(Photos(*market.anna, "studios/north/galleries/wedding", 1) == by_time);
  CHECK(Photos(*market.anna, "studios/north/galleries/wedding", 0) == by_time);
  CHECK(Photos(*market.tom, "studios/north/galleries/party", 10) ==
        std::vector<std::string>{"studios/north/galleries/party/photos/x1"});
}

TEST_CASE("A rendition comes out byte for byte as it was made, and not again to who has it") {
  Market market;
  const Sample sample{.photo = "w1", .content = "w1"};
  pb::GetRenditionRequest request;
  request.set_photo(kWeddingPhoto);
  request.set_kind(pb::RENDITION_KIND_THUMBNAIL);
  pb::GetRenditionResponse response;
  REQUIRE(Call(*market.anna, &Stub::GetRendition, request, &response).ok());
  CHECK(response.content() == JpegOf(sample, pb::RENDITION_KIND_THUMBNAIL));
  CHECK(response.rendition().size_bytes() == static_cast<int>(response.content().size()));
  request.set_known_digest(response.rendition().digest());
  REQUIRE(Call(*market.anna, &Stub::GetRendition, request, &response).ok());
  CHECK(response.content().empty());
  CHECK(response.rendition().digest() == request.known_digest());
  request.set_kind(pb::RENDITION_KIND_UNSPECIFIED);
  CHECK(Call(*market.anna, &Stub::GetRendition, request, &response).error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("A page of renditions comes in one stream, with gaps for what is not there") {
  Market market;
  pb::StreamRenditionsRequest request;
  request.set_kind(pb::RENDITION_KIND_PROOF);
  const std::vector<std::string> names = {kWeddingPhoto, "studios/north/galleries/party/photos/x1",
                                          "studios/north/galleries/wedding/photos/none", "nonsense",
                                          "studios/north/galleries/wedding/photos/w2"};
  for (int i = 0; i < 100; ++i) {
    for (const std::string& name : names) request.add_photos(name);
  }
  grpc::ClientContext context;
  const auto stream = market.anna->StreamRenditions(&context, request);
  pb::StreamRenditionsResponse response;
  int at = 0;
  while (stream->Read(&response)) {
    CHECK(response.photo() == request.photos(at));
    const bool is_there = at % 5 == 0 || at % 5 == 4;
    CHECK(response.has_rendition() == is_there);
    const Sample sample{.photo = "w", .content = at % 5 == 0 ? "w1" : "w2"};
    CHECK(response.content() ==
          (is_there ? JpegOf(sample, pb::RENDITION_KIND_PROOF) : std::string()));
    ++at;
  }
  CHECK(stream->Finish().ok());
  CHECK(at == 500);
}

TEST_CASE("Names of others are answered like names of nothing, by every method") {
  Market market;
  const auto same = [&](Stub& stub, auto method, auto request, auto set, auto* response,
                        const std::string& foreign, const std::string& missing) {
    set(request, foreign);
    const grpc::Status theirs = Call(stub, method, request, response);
    set(request, missing);
    const grpc::Status nobodys = Call(stub, method, request, response);
    CHECK(theirs.error_code() == grpc::StatusCode::NOT_FOUND);
    CHECK(nobodys.error_code() == grpc::StatusCode::NOT_FOUND);
    CHECK(test::Reason(theirs) == test::Reason(nobodys));
    // Apart from the name the sentences are equal.
    const auto without = [](std::string text, const std::string& name) {
      const std::size_t found = text.find(name);
      return found == std::string::npos ? text : text.erase(found, name.size());
    };
    CHECK(without(theirs.error_message(), foreign) == without(nobodys.error_message(), missing));
  };
  const auto set_name = [](auto& request, const std::string& name) { request.set_name(name); };
  const auto set_photo = [](auto& request, const std::string& name) {
    request.set_kind(pb::RENDITION_KIND_PROOF);
    request.set_photo(name);
  };
  const auto set_parent = [](auto& request, const std::string& name) { request.set_parent(name); };
  // An order of anna's for others to look for.
  pb::Order order;
  REQUIRE(Call(*market.anna, &Stub::CreateOrder, market.Cart(kWeddingPhoto, "r"), &order).ok());

  for (Stub* stub : {market.tom.get(), market.eve.get()}) {
    pb::Gallery gallery;
    same(*stub, &Stub::GetGallery, pb::GetGalleryRequest(), set_name, &gallery,
         "studios/north/galleries/wedding", "studios/north/galleries/nothing");
    pb::ListPhotosResponse photos;
    same(*stub, &Stub::ListPhotos, pb::ListPhotosRequest(), set_parent, &photos,
         "studios/north/galleries/wedding", "studios/north/galleries/nothing");
    pb::Photo photo;
    same(*stub, &Stub::GetPhoto, pb::GetPhotoRequest(), set_name, &photo, kWeddingPhoto,
         "studios/north/galleries/wedding/photos/nothing");
    same(*stub, &Stub::GetPhoto, pb::GetPhotoRequest(), set_name, &photo,
         "studios/north/galleries/party/photos/x2", "studios/nowhere/galleries/g/photos/p");
    pb::GetRenditionResponse rendition;
    same(*stub, &Stub::GetRendition, pb::GetRenditionRequest(), set_photo, &rendition,
         kWeddingPhoto, "studios/north/galleries/wedding/photos/nothing");
    pb::Order seen;
    same(*stub, &Stub::GetOrder, pb::GetOrderRequest(), set_name, &seen, order.name(),
         "studios/north/orders/nothing");
    same(*stub, &Stub::CancelOrder, pb::CancelOrderRequest(), set_name, &seen, order.name(),
         "studios/north/orders/nothing");
    pb::ListOrdersResponse orders;
    REQUIRE(Call(*stub, &Stub::ListOrders, pb::ListOrdersRequest(), &orders).ok());
    CHECK(orders.orders_size() == 0);

    pb::CreateOrderRequest cart = market.Cart(kWeddingPhoto, "mine");
    const grpc::Status theirs = Call(*stub, &Stub::CreateOrder, cart, &seen);
    cart.mutable_order()->mutable_lines(0)->set_photo(
        "studios/north/galleries/wedding/photos/nothing");
    const grpc::Status nobodys = Call(*stub, &Stub::CreateOrder, cart, &seen);
    CHECK(test::Reason(theirs) == "PHOTO_NOT_FOUND");
    CHECK(test::Reason(nobodys) == "PHOTO_NOT_FOUND");
    CHECK(theirs.error_message() == nobodys.error_message());
  }
  // Lists of another studio.
  pb::ListGalleriesResponse galleries;
  same(*market.eve, &Stub::ListGalleries, pb::ListGalleriesRequest(), set_parent, &galleries,
       "studios/north", "studios/nowhere");
  pb::ListProductsResponse products;
  same(*market.eve, &Stub::ListProducts, pb::ListProductsRequest(), set_parent, &products,
       "studios/north", "studios/nowhere");
  pb::ListOrdersResponse orders;
  same(*market.eve, &Stub::ListOrders, pb::ListOrdersRequest(), set_parent, &orders,
       "studios/north", "studios/nowhere");
  grpc::ClientContext context;
  pb::FollowOrdersRequest follow;
  follow.set_parent("studios/north");
  const auto stream = market.eve->FollowOrders(&context, follow);
  pb::OrderEvent event;
  CHECK_FALSE(stream->Read(&event));
  CHECK(stream->Finish().error_code() == grpc::StatusCode::NOT_FOUND);
  // Another studio's product.
  pb::CreateOrderRequest cart = market.Cart("studios/south/galleries/wedding/photos/w1", "mine");
  pb::Order seen;
  CHECK(test::Reason(Call(*market.eve, &Stub::CreateOrder, cart, &seen)) == "PRODUCT_NOT_FOUND");
}

TEST_CASE("Every method wants a live session") {
  Market market;
  for (const std::string token : {"", "north.guess"}) {
    const auto stub = market.host.Storefront(token);
    const auto refused = [&](auto method, const auto& request, auto response) {
      CHECK(Call(*stub, method, request, &response).error_code() ==
            grpc::StatusCode::UNAUTHENTICATED);
    };
    refused(&Stub::SignOut, pb::SignOutRequest(), pb::SignOutResponse());
    refused(&Stub::ListGalleries, pb::ListGalleriesRequest(), pb::ListGalleriesResponse());
    refused(&Stub::GetGallery, pb::GetGalleryRequest(), pb::Gallery());
    refused(&Stub::ListPhotos, pb::ListPhotosRequest(), pb::ListPhotosResponse());
    refused(&Stub::GetPhoto, pb::GetPhotoRequest(), pb::Photo());
    refused(&Stub::GetRendition, pb::GetRenditionRequest(), pb::GetRenditionResponse());
    refused(&Stub::ListProducts, pb::ListProductsRequest(), pb::ListProductsResponse());
    refused(&Stub::CreateOrder, pb::CreateOrderRequest(), pb::Order());
    refused(&Stub::GetOrder, pb::GetOrderRequest(), pb::Order());
    refused(&Stub::ListOrders, pb::ListOrdersRequest(), pb::ListOrdersResponse());
    refused(&Stub::CancelOrder, pb::CancelOrderRequest(), pb::Order());
    grpc::ClientContext follow_context;
    const auto follow = stub->FollowOrders(&follow_context, pb::FollowOrdersRequest());
    CHECK(follow->Finish().error_code() == grpc::StatusCode::UNAUTHENTICATED);
    grpc::ClientContext page_context;
    pb::StreamRenditionsRequest page;
    page.set_kind(pb::RENDITION_KIND_PROOF);
    page.add_photos(kWeddingPhoto);
    const auto renditions = market.host.Storefront(token)->StreamRenditions(&page_context, page);
    CHECK(renditions->Finish().error_code() == grpc::StatusCode::UNAUTHENTICATED);
  }
}

TEST_CASE("A page token of one customer or request is of no use to another") {
  Market market;
  pb::ListPhotosRequest request;
  request.set_parent("studios/north/galleries/wedding");
  request.set_page_size(1);
  pb::ListPhotosResponse response;
  REQUIRE(Call(*market.anna, &Stub::ListPhotos, request, &response).ok());
  REQUIRE_FALSE(response.next_page_token().empty());
  pb::ListOrdersRequest orders;
  orders.set_page_token(response.next_page_token());
  pb::ListOrdersResponse none;
  CHECK(test::Reason(Call(*market.anna, &Stub::ListOrders, orders, &none)) == "PAGE_TOKEN_INVALID");
}

TEST_CASE("Filters narrow a page to photos that say so") {
  Market market;
  const auto both = market.host.SignIn(
      market.host.AddCustomer("north", "both", test::ShareOfGallery("north", "party")));
  pb::ListPhotosRequest request;
  request.set_parent("studios/north/galleries/party");
  request.add_filter()->set_field("subject");
  request.mutable_filter(0)->set_value("Eve");
  pb::ListPhotosResponse response;
  REQUIRE(Call(*both, &Stub::ListPhotos, request, &response).ok());
  REQUIRE(response.photos_size() == 1);
  CHECK(response.photos(0).name() == "studios/north/galleries/party/photos/x2");
  request.mutable_filter(0)->set_field("price");
  CHECK(test::Reason(Call(*both, &Stub::ListPhotos, request, &response)) == "FILTER_INVALID");
}

TEST_CASE("A change of the share, a withdrawal and a revocation count at once") {
  Market market;
  pb::UpdateCustomerRequest update;
  update.mutable_customer()->set_name("studios/north/customers/tom");
  update.mutable_customer()->mutable_share()->add_photos("studios/north/galleries/party/photos/x2");
  update.mutable_update_mask()->add_paths("share");
  pb::Customer customer;
  REQUIRE(
      Call(market.host.admin(), &pb::AdminService::Stub::UpdateCustomer, update, &customer).ok());
  CHECK(Photos(*market.tom, "studios/north/galleries/party", 10) ==
        std::vector<std::string>{"studios/north/galleries/party/photos/x2"});

  PublishClient client(market.host, market.keys["north"]);
  client.Send({test::WithdrawalEntry(5, {.photo = "w1"})});
  CHECK(client.ReadUpTo(5).empty());
  CHECK(Galleries(*market.anna) == std::vector<std::string>{"studios/north/galleries/wedding 1"});

  grpc::ClientContext context;
  const auto follow = market.anna->FollowOrders(&context, pb::FollowOrdersRequest());
  pb::Order order;
  REQUIRE(Call(*market.anna, &Stub::CreateOrder,
               market.Cart("studios/north/galleries/wedding/photos/w2", "r"), &order)
              .ok());
  pb::OrderEvent event;
  REQUIRE(follow->Read(&event));  // so the stream is open
  pb::RevokeCustomerRequest revoke;
  revoke.set_name("studios/north/customers/anna");
  REQUIRE(
      Call(market.host.admin(), &pb::AdminService::Stub::RevokeCustomer, revoke, &customer).ok());
  while (follow->Read(&event)) {
  }
  CHECK(follow->Finish().error_code() == grpc::StatusCode::UNAUTHENTICATED);
  pb::ListGalleriesResponse galleries;
  CHECK(Call(*market.anna, &Stub::ListGalleries, pb::ListGalleriesRequest(), &galleries)
            .error_code() == grpc::StatusCode::UNAUTHENTICATED);
}

TEST_CASE("An order is checked at the cart, taken once, and can be cancelled") {
  Market market;
  pb::ListProductsResponse products;
  REQUIRE(Call(*market.anna, &Stub::ListProducts, pb::ListProductsRequest(), &products).ok());
  REQUIRE(products.products_size() == 1);
  CHECK(products.products(0).width_px() == 1800);

  pb::CreateOrderRequest cart = market.Cart(kWeddingPhoto, "r1");
  pb::Order order;
  cart.set_validate_only(true);
  REQUIRE(Call(*market.anna, &Stub::CreateOrder, cart, &order).ok());
  CHECK(order.name().empty());
  CHECK(order.lines(0).line_number() == 1);
  pb::ListOrdersResponse orders;
  REQUIRE(Call(*market.anna, &Stub::ListOrders, pb::ListOrdersRequest(), &orders).ok());
  CHECK(orders.orders_size() == 0);

  cart.set_validate_only(false);
  REQUIRE(Call(*market.anna, &Stub::CreateOrder, cart, &order).ok());
  CHECK(order.customer() == "studios/north/customers/anna");
  CHECK(order.state() == pb::ORDER_STATE_RELEASED);
  CHECK(order.lines(0).device() == "studios/north/devices/one");
  CHECK(order.lines(0).original_digest() ==
        test::PhotoRecordOf({.content = "w1"}).original_digest());
  pb::Order again;
  REQUIRE(Call(*market.anna, &Stub::CreateOrder, cart, &again).ok());
  CHECK(again.SerializeAsString() == order.SerializeAsString());
  cart.mutable_order()->mutable_lines(0)->set_quantity(2);
  CHECK(test::Reason(Call(*market.anna, &Stub::CreateOrder, cart, &again)) == "REQUEST_ID_REUSED");

  cart.set_request_id("");
  CHECK(test::Reason(Call(*market.anna, &Stub::CreateOrder, cart, &again)) == "REQUEST_ID_INVALID");
  cart.set_request_id("r2");
  cart.mutable_order()->mutable_lines(0)->mutable_print_crop()->set_width(2);
  CHECK(test::Reason(Call(*market.anna, &Stub::CreateOrder, cart, &again)) == "CROP_INVALID");

  pb::CancelOrderRequest cancel;
  cancel.set_name(order.name());
  cancel.set_message("wrong photo");
  REQUIRE(Call(*market.anna, &Stub::CancelOrder, cancel, &order).ok());
  CHECK(order.state() == pb::ORDER_STATE_CANCELLED);
  CHECK(order.state_message() == "wrong photo");
  REQUIRE(Call(*market.anna, &Stub::CancelOrder, cancel, &order).ok());
}

TEST_CASE("Signing in fails alike for every reason and names none") {
  Market market;
  const auto door = market.host.Storefront("");
  pb::SignInRequest request;
  pb::SignInResponse response;
  std::string sentence;
  for (const std::string& identifier : {std::string(), std::string("AAAA-BBBB-CCCC-DDDD"),
                                        std::string("studios/north/customers/anna")}) {
    request.set_identifier(identifier);
    const grpc::Status status = Call(*door, &Stub::SignIn, request, &response);
    CHECK(status.error_code() == grpc::StatusCode::UNAUTHENTICATED);
    CHECK(test::Reason(status) == "SIGN_IN_FAILED");
    if (!sentence.empty()) CHECK(status.error_message() == sentence);
    sentence = status.error_message();
  }
}

TEST_CASE("What this version does not serve says so by name") {
  Market market;
  pb::SetFavoriteResponse favorite;
  const grpc::Status status =
      Call(*market.anna, &Stub::SetFavorite, pb::SetFavoriteRequest(), &favorite);
  CHECK(status.error_code() == grpc::StatusCode::UNIMPLEMENTED);
  CHECK(status.error_message() == "SetFavorite is not served by this version of the host");
  grpc::ClientContext context;
  const auto verify = market.host.admin().Verify(&context, pb::VerifyRequest());
  CHECK(verify->Finish().error_code() == grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace proofline::host
