// What customers see and do: the gRPC side.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "hostd/access.h"
#include "hostd/host_metrics.h"
#include "hostd/live_streams.h"
#include "hostd/order_feed.h"
#include "hostd/store.h"
#include "lib/rpc/bearer.h"
#include "lib/rpc/call.h"
#include "lib/rpc/executor.h"
#include "proofline/v1/storefront_service.grpc.pb.h"

namespace proofline::host {

// Thread-safe. All parts must outlive it, and it the server. What is not shared with the customer
// is answered exactly like what does not exist.
class StorefrontService final : public proofline::v1::StorefrontService::CallbackService {
 public:
  struct Parts {
    Store& store;
    Access& access;
    OrderFeed& feed;
    LiveStreams& streams;
    rpc::Executor& executor;
    HostMetrics& metrics;
  };
  explicit StorefrontService(const Parts& parts) : parts_(parts) {}

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* SignIn(Context* context, const proofline::v1::SignInRequest* request,
                proofline::v1::SignInResponse* response) override;
  Unary* SignOut(Context* context, const proofline::v1::SignOutRequest* request,
                 proofline::v1::SignOutResponse* response) override;
  Unary* ListGalleries(Context* context, const proofline::v1::ListGalleriesRequest* request,
                       proofline::v1::ListGalleriesResponse* response) override;
  Unary* GetGallery(Context* context, const proofline::v1::GetGalleryRequest* request,
                    proofline::v1::Gallery* response) override;
  Unary* ListPhotos(Context* context, const proofline::v1::ListPhotosRequest* request,
                    proofline::v1::ListPhotosResponse* response) override;
  Unary* GetPhoto(Context* context, const proofline::v1::GetPhotoRequest* request,
                  proofline::v1::Photo* response) override;
  Unary* GetRendition(Context* context, const proofline::v1::GetRenditionRequest* request,
                      proofline::v1::GetRenditionResponse* response) override;
  grpc::ServerWriteReactor<proofline::v1::StreamRenditionsResponse>* StreamRenditions(
      Context* context, const proofline::v1::StreamRenditionsRequest* request) override;
  Unary* ListProducts(Context* context, const proofline::v1::ListProductsRequest* request,
                      proofline::v1::ListProductsResponse* response) override;
  Unary* CreateOrder(Context* context, const proofline::v1::CreateOrderRequest* request,
                     proofline::v1::Order* response) override;
  Unary* GetOrder(Context* context, const proofline::v1::GetOrderRequest* request,
                  proofline::v1::Order* response) override;
  Unary* ListOrders(Context* context, const proofline::v1::ListOrdersRequest* request,
                    proofline::v1::ListOrdersResponse* response) override;
  Unary* CancelOrder(Context* context, const proofline::v1::CancelOrderRequest* request,
                     proofline::v1::Order* response) override;
  grpc::ServerWriteReactor<proofline::v1::OrderEvent>* FollowOrders(
      Context* context, const proofline::v1::FollowOrdersRequest* request) override;
  Unary* SetFavorite(Context* context, const proofline::v1::SetFavoriteRequest* request,
                     proofline::v1::SetFavoriteResponse* response) override;
  Unary* ListFavorites(Context* context, const proofline::v1::ListFavoritesRequest* request,
                       proofline::v1::ListFavoritesResponse* response) override;
  Unary* CreateComment(Context* context, const proofline::v1::CreateCommentRequest* request,
                       proofline::v1::Comment* response) override;
  Unary* ListComments(Context* context, const proofline::v1::ListCommentsRequest* request,
                      proofline::v1::ListCommentsResponse* response) override;

 private:
  template <typename T>
  using Answer = absl::StatusOr<T>;

  // Runs `handler(caller)` on the executor for a call with a live session.
  template <typename Response, typename Handler>
  Unary* ForCustomer(Context* context, Response* response, Handler handler) {
    absl::StatusOr<std::string> token = rpc::BearerToken(*context);
    if (!token.ok()) return rpc::Refuse(context, token.status());
    return rpc::AnswerOn(
        parts_.executor, context, response,
        [this, token = *std::move(token), handler = std::move(handler)]() -> Answer<Response> {
          const absl::StatusOr<CustomerCaller> caller = parts_.access.CheckSession(token);
          if (!caller.ok()) return caller.status();
          return handler(*caller);
        });
  }

  Answer<proofline::v1::ListGalleriesResponse> GalleriesPage(
      const CustomerCaller& caller, const proofline::v1::ListGalleriesRequest& request) const;
  Answer<proofline::v1::Gallery> OneGallery(const CustomerCaller& caller,
                                            const std::string& name) const;
  Answer<proofline::v1::ListPhotosResponse> PhotosPage(
      const CustomerCaller& caller, const proofline::v1::ListPhotosRequest& request) const;
  Answer<proofline::v1::Photo> OnePhoto(const CustomerCaller& caller,
                                        const std::string& name) const;
  Answer<proofline::v1::GetRenditionResponse> OneRendition(
      const CustomerCaller& caller, const proofline::v1::GetRenditionRequest& request) const;
  Answer<proofline::v1::ListProductsResponse> ProductsPage(
      const CustomerCaller& caller, const proofline::v1::ListProductsRequest& request) const;
  Answer<proofline::v1::Order> TakeOrder(const CustomerCaller& caller,
                                         const proofline::v1::CreateOrderRequest& request) const;
  // Checks the cart against the store as it is now.
  Answer<proofline::v1::Order> CheckCart(const CustomerCaller& caller,
                                         const proofline::v1::Order& wanted) const;
  Answer<proofline::v1::Order> OneOrder(const CustomerCaller& caller,
                                        const std::string& name) const;
  Answer<proofline::v1::ListOrdersResponse> OrdersPage(
      const CustomerCaller& caller, const proofline::v1::ListOrdersRequest& request) const;
  Answer<proofline::v1::Order> CancelOne(const CustomerCaller& caller,
                                         const proofline::v1::CancelOrderRequest& request) const;

  const Parts parts_;
};

// The one answer for a thing that is not there or not the customer's.
absl::Status NotThere(std::string_view what, std::string_view name);
// NotThere unless `parent` is empty or the caller's studio.
absl::Status CheckParent(const CustomerCaller& caller, const std::string& parent);
std::string NameOf(const CustomerCaller& caller);

}  // namespace proofline::host
