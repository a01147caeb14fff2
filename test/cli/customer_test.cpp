#include <atomic>
#include <filesystem>

#include "lib/base/backoff.h"
#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/rpc/bearer.h"
#include "lib/rpc/status.h"
#include "proofline/v1/storefront_service.grpc.pb.h"
#include "test/catch.h"
#include "test/cli/run_cli.h"

namespace proofline::test {
namespace {

constexpr char kGallery[] = "studios/demo/galleries/g1";

// Gallery g1 ("Summer") with the photos p1 and p2; p2 has no proof.
class FakeStorefront : public v1::StorefrontService::Service {
 public:
  v1::CreateOrderRequest order_request;
  std::vector<v1::OrderState> states;
  std::atomic<int> create_calls = 0;
  std::atomic<int> fail_first = 0;
  bool damaged = false;
  std::string title = "Summer Party";
  std::atomic<int> streamed = 0;

 private:
  using Context = grpc::ServerContext;

  static grpc::Status Check(const Context& context) {
    const auto token = rpc::BearerToken(context);
    if (token.ok() && *token == "TOKEN") return grpc::Status::OK;
    return rpc::ToGrpc(rpc::Error(absl::StatusCode::kUnauthenticated,
                                  "the session is over; sign in again", "NO_SESSION"));
  }

  static v1::Photo MakePhoto(const std::string& id) {
    v1::Photo photo;
    photo.set_name(std::string(kGallery) + "/photos/" + id);
    photo.set_file_name(id + ".jpg");
    if (id == "p1") {
      v1::Rendition& rendition = *photo.add_renditions();
      rendition.set_kind(v1::RENDITION_KIND_PROOF);
      rendition.set_digest(std::string(base::Sha256Of("JPEG").bytes()));
    }
    return photo;
  }

  v1::Order MakeOrder(std::size_t count) const {
    v1::Order order;
    order.set_name("studios/demo/orders/o1");
    for (std::size_t i = 0; i < count; ++i) {
      order.add_history()->set_state(states[i]);
      order.set_state(states[i]);
    }
    order.set_revision(static_cast<std::int64_t>(count));
    return order;
  }

  grpc::Status SignIn(Context*, const v1::SignInRequest* request,
                      v1::SignInResponse* response) override {
    if (request->identifier() != "ABCD-EFGH") {
      return rpc::ToGrpc(rpc::Error(absl::StatusCode::kUnauthenticated,
                                    "this identifier opens nothing", "SIGN_IN_FAILED"));
    }
    response->set_session_token("TOKEN");
    response->mutable_customer()->set_name("studios/demo/customers/ada");
    return grpc::Status::OK;
  }

  grpc::Status SignOut(Context* context, const v1::SignOutRequest*, v1::SignOutResponse*) override {
    return Check(*context);
  }

  grpc::Status ListGalleries(Context* context, const v1::ListGalleriesRequest*,
                             v1::ListGalleriesResponse* response) override {
    v1::Gallery& gallery = *response->add_galleries();
    gallery.set_name(kGallery);
    gallery.set_title(title);
    return Check(*context);
  }

  grpc::Status ListPhotos(Context* context, const v1::ListPhotosRequest* request,
                          v1::ListPhotosResponse* response) override {
    if (request->parent() != kGallery) return {grpc::StatusCode::NOT_FOUND, "no such gallery"};
    *response->add_photos() = MakePhoto("p1");
    *response->add_photos() = MakePhoto("p2");
    return Check(*context);
  }

  grpc::Status GetPhoto(Context* context, const v1::GetPhotoRequest* request,
                        v1::Photo* response) override {
    *response = MakePhoto(request->name().substr(request->name().rfind('/') + 1));
    return Check(*context);
  }

  grpc::Status StreamRenditions(Context* context, const v1::StreamRenditionsRequest* request,
                                grpc::ServerWriter<v1::StreamRenditionsResponse>* writer) override {
    for (const std::string& photo : request->photos()) {
      ++streamed;
      v1::StreamRenditionsResponse response;
      response.set_photo(photo);
      if (photo.ends_with("/p1")) {
        *response.mutable_rendition() = MakePhoto("p1").renditions(0);
        response.set_content(damaged ? "JPEX" : "JPEG");
      }
      writer->Write(response);
    }
    return Check(*context);
  }

  grpc::Status ListProducts(Context* context, const v1::ListProductsRequest*,
                            v1::ListProductsResponse* response) override {
    response->add_products()->set_name("studios/demo/labs/a/products/10x15");
    response->add_products()->set_name("studios/demo/labs/b/products/10x15");
    response->add_products()->set_name("studios/demo/labs/b/products/20x30");
    return Check(*context);
  }

  grpc::Status CreateOrder(Context* context, const v1::CreateOrderRequest* request,
                           v1::Order* response) override {
    ++create_calls;
    if (create_calls <= fail_first) return {grpc::StatusCode::UNAVAILABLE, "going down"};
    order_request = *request;
    *response = request->order();
    response->set_name("studios/demo/orders/o1");
    return Check(*context);
  }

  grpc::Status GetOrder(Context* context, const v1::GetOrderRequest* request,
                        v1::Order* response) override {
    if (request->name() != "studios/demo/orders/o1") {
      return {grpc::StatusCode::NOT_FOUND, "there is no such order"};
    }
    *response = MakeOrder(1);
    return Check(*context);
  }

  grpc::Status FollowOrders(Context* context, const v1::FollowOrdersRequest* request,
                            grpc::ServerWriter<v1::OrderEvent>* writer) override {
    v1::OrderEvent other;
    other.set_revision(request->after_revision());
    other.mutable_order()->set_name("studios/demo/orders/other");
    other.mutable_order()->set_state(v1::ORDER_STATE_FAILED);
    writer->Write(other);
    // One change for each stream: the watch has to come back for the next.
    const auto next = static_cast<std::size_t>(request->after_revision()) + 1;
    if (next <= states.size()) {
      v1::OrderEvent event;
      *event.mutable_order() = MakeOrder(next);
      event.set_revision(event.order().revision());
      writer->Write(event);
      return {grpc::StatusCode::UNAVAILABLE, "going down"};
    }
    while (!context->IsCancelled()) base::WaitFor({}, std::chrono::milliseconds(10));
    return grpc::Status::CANCELLED;
  }
};

struct Shop {
  FakeStorefront store;
  FakeDaemon host{store, true};
  TempDir folder;

  std::string session() const { return folder / "config" / "session.json"; }
  Ran Run(std::vector<std::string> arguments, const std::string& in = "") const {
    arguments.insert(arguments.begin(), {"customer", "--session", session()});
    return RunCli(arguments, in);
  }
  Ran SignIn() const {
    return Run({"sign-in", "ABCD-EFGH", "--host", host.address(), "--insecure"});
  }
};

TEST_CASE("signing in keeps the session for its owner alone and signing out drops it") {
  const Shop shop;
  const Ran refused =
      shop.Run({"sign-in", "wrong", "--host", shop.host.address(), "--insecure", "--json"});
  CHECK(refused.exit_code == 1);
  CHECK(refused.err.find("SIGN_IN_FAILED") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(shop.session()));

  const Ran ran = shop.Run({"sign-in", "-", "--host", shop.host.address(), "--insecure", "--json"},
                           "ABCD-EFGH\n");
  INFO(ran.err);
  REQUIRE(ran.exit_code == 0);
  CHECK(ran.out.find("TOKEN") == std::string::npos);
  CHECK(std::filesystem::status(shop.session()).permissions() == std::filesystem::perms(0600));
  CHECK(shop.Run({"galleries"}).out.find("Summer Party") != std::string::npos);
  CHECK(shop.Run({"sign-out"}).exit_code == 0);
  CHECK(shop.Run({"galleries"}).exit_code == 1);
}

TEST_CASE("renditions are fetched into files, checked, and not fetched twice") {
  Shop shop;
  REQUIRE(shop.SignIn().exit_code == 0);
  const std::filesystem::path into = shop.folder / "proofs";
  const Ran ran = shop.Run({"fetch", "g1/p1", "--into", into});
  INFO(ran.err);
  REQUIRE(ran.exit_code == 0);
  CHECK(base::ReadFile(into / "p1-proof.jpg", 100).value() == "JPEG");
  CHECK(shop.store.streamed == 1);
  CHECK(shop.Run({"fetch", "g1/p1", "--into", into}).exit_code == 0);
  CHECK(shop.store.streamed == 1);

  const Ran gallery = shop.Run({"fetch", "Summer Party", "--into", into});
  CHECK(gallery.exit_code == 4);
  CHECK(gallery.err.find("1 of 2 photos have no proof") != std::string::npos);

  shop.store.damaged = true;
  const std::filesystem::path fresh = shop.folder / "fresh";
  CHECK(shop.Run({"fetch", "g1/p1", "--into", fresh}).exit_code == 1);
  CHECK_FALSE(std::filesystem::exists(fresh / "p1-proof.jpg"));
  CHECK(shop.Run({"fetch", "g1", "--kind", "original"}).exit_code == 2);
}

TEST_CASE("a gallery is found by its title though that looks like an identifier, or has slashes") {
  Shop shop;
  REQUIRE(shop.SignIn().exit_code == 0);
  for (const char* title : {"summer", "School / 3b"}) {
    shop.store.title = title;
    INFO(title);
    CHECK(shop.Run({"photos", title}).exit_code == 0);
    const std::filesystem::path into = shop.folder / "proofs";
    CHECK(shop.Run({"fetch", title, "--into", into}).err.find("1 of 2 photos") !=
          std::string::npos);
    CHECK(shop.Run({"fetch", title + std::string("/p1"), "--into", into}).exit_code == 0);
  }
  CHECK(shop.Run({"photos", "g1"}).exit_code == 0);
  CHECK(shop.Run({"photos", "winter"}).exit_code == 4);
}

TEST_CASE("an order names photos and products briefly and is sent again with the same request id") {
  Shop shop;
  REQUIRE(shop.SignIn().exit_code == 0);
  shop.store.fail_first = 1;
  const Ran ran = shop.Run({"order", "--line", "p1,20x30,2,0:0:1:0.5", "--line", "g1/p2,a/10x15",
                            "--note", "soon please"});
  INFO(ran.err);
  REQUIRE(ran.exit_code == 0);
  CHECK(ran.out == "o1\n");
  CHECK(shop.store.create_calls == 2);
  const v1::CreateOrderRequest& request = shop.store.order_request;
  CHECK_FALSE(request.request_id().empty());
  REQUIRE(request.order().lines_size() == 2);
  CHECK(request.order().lines(0).photo() == "studios/demo/galleries/g1/photos/p1");
  CHECK(request.order().lines(0).product() == "studios/demo/labs/b/products/20x30");
  CHECK(request.order().lines(0).quantity() == 2);
  CHECK(request.order().lines(0).print_crop().height() == 0.5);
  CHECK_FALSE(request.order().lines(1).has_print_crop());
  CHECK(request.order().lines(1).product() == "studios/demo/labs/a/products/10x15");

  CHECK(shop.Run({"order", "--line", "p1,10x15"}).exit_code == 2);
  CHECK(shop.Run({"order", "--line", "p9,20x30"}).exit_code == 4);
  CHECK(shop.Run({"order", "--line", "p1,30x40"}).exit_code == 4);
  CHECK(shop.store.create_calls == 2);
}

TEST_CASE(
    "watching an order prints each state once, across breaks, until it is where it should be") {
  Shop shop;
  REQUIRE(shop.SignIn().exit_code == 0);
  shop.store.states = {v1::ORDER_STATE_RECEIVED, v1::ORDER_STATE_AT_LAB, v1::ORDER_STATE_PRINTED};
  const Ran printed = shop.Run({"watch", "o1", "--until", "printed", "--timeout", "20s"});
  INFO(printed.err);
  CHECK(printed.exit_code == 0);
  CHECK(printed.out == "  received\n  at-lab\n  printed\n");

  const Ran gave_up = shop.Run({"watch", "o1", "--timeout", "2s"});
  CHECK(gave_up.exit_code == 5);
  CHECK(gave_up.err.find("is printed") != std::string::npos);

  shop.store.states = {v1::ORDER_STATE_RECEIVED, v1::ORDER_STATE_FAILED};
  const Ran failed = shop.Run({"watch", "o1", "--timeout", "20s"});
  CHECK(failed.exit_code == 1);
  CHECK(failed.err.find("is failed") != std::string::npos);
  CHECK(shop.Run({"watch", "o9", "--timeout", "20s"}).exit_code == 4);
  CHECK(shop.Run({"watch", "o1", "--until", "christmas"}).exit_code == 2);
}

}  // namespace
}  // namespace proofline::test
