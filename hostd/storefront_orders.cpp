// Products and orders of the storefront.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <utility>

#include "hostd/customer_view.h"
#include "hostd/order_rules.h"
#include "hostd/record_text.h"
#include "hostd/storefront_service.h"
#include "lib/base/text.h"
#include "lib/rpc/page_token.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

constexpr int kMaxPage = 1'000;
// A photo may change between the check of a cart and its order at most this often.
constexpr int kOrderTries = 5;

// What the customer asked for, whatever else a request carries.
base::Digest DigestOf(const pb::Order& wanted) {
  pb::Order asked;
  asked.set_note(wanted.note());
  for (const pb::OrderLine& line : wanted.lines()) {
    pb::OrderLine& copy = *asked.add_lines();
    copy.set_photo(line.photo());
    copy.set_product(line.product());
    copy.set_quantity(line.quantity());
    if (line.has_print_crop()) *copy.mutable_print_crop() = line.print_crop();
  }
  return base::Sha256Of(ExactBytes(asked));
}

// The id of an order of the caller's studio.
absl::StatusOr<std::string> OrderId(const CustomerCaller& caller, const std::string& name) {
  const auto ids = rpc::ParseResourceName("studios/*/orders/*", name);
  if (!ids.has_value() || ids->at(0) != caller.studio) return NotThere("order", name);
  return ids->at(1);
}

}  // namespace

StorefrontService::Unary* StorefrontService::ListProducts(Context* context,
                                                          const pb::ListProductsRequest* request,
                                                          pb::ListProductsResponse* response) {
  return ForCustomer(context, response, [this, request](const CustomerCaller& caller) {
    return ProductsPage(caller, *request);
  });
}

absl::StatusOr<pb::ListProductsResponse> StorefrontService::ProductsPage(
    const CustomerCaller& caller, const pb::ListProductsRequest& request) const {
  if (absl::Status parent = CheckParent(caller, request.parent()); !parent.ok()) return parent;
  const auto size = rpc::PageSize(request.page_size(), 100, kMaxPage);
  if (!size.ok()) return size.status();
  const auto after = rpc::ReadPageToken(request, NameOf(caller));
  if (!after.ok()) return after.status();
  const auto labs = parts_.store.ListLabs(caller.studio);
  if (!labs.ok()) return labs.status();
  std::map<std::string, const pb::Product*> products;
  for (const pb::Lab& lab : *labs) {
    for (const pb::Product& product : lab.products()) products[product.name()] = &product;
  }
  pb::ListProductsResponse response;
  for (auto at = products.upper_bound(*after); at != products.end(); ++at) {
    if (response.products_size() == *size) {
      response.set_next_page_token(
          rpc::MakePageToken(request, response.products(*size - 1).name(), NameOf(caller)));
      break;
    }
    *response.add_products() = *at->second;
  }
  return response;
}

StorefrontService::Unary* StorefrontService::CreateOrder(Context* context,
                                                         const pb::CreateOrderRequest* request,
                                                         pb::Order* response) {
  return ForCustomer(context, response, [this, request](const CustomerCaller& caller) {
    return TakeOrder(caller, *request);
  });
}

absl::StatusOr<pb::Order> StorefrontService::CheckCart(const CustomerCaller& caller,
                                                       const pb::Order& wanted) const {
  const auto labs = parts_.store.ListLabs(caller.studio);
  if (!labs.ok()) return labs.status();
  std::map<std::string, const pb::Product*> products;
  for (const pb::Lab& lab : *labs) {
    for (const pb::Product& product : lab.products()) products[product.name()] = &product;
  }
  const CustomerView view(parts_.store, caller);
  std::vector<pb::OrderLine> lines;
  for (const pb::OrderLine& line : wanted.lines()) {
    LineFacts facts;
    auto photo = view.FindPhoto(line.photo());
    if (!photo.ok()) return photo.status();
    facts.photo = *std::move(photo);
    const auto product = products.find(line.product());
    if (product != products.end()) facts.product = *product->second;
    if (facts.photo.has_value()) {
      const auto device = parts_.store.FindDevice(caller.studio, LastPart(facts.photo->device()));
      if (!device.ok()) return device.status();
      facts.device_revoked = !device->has_value() || (*device)->device().revoked();
    }
    auto checked = CheckLine(line, static_cast<int>(lines.size()) + 1, facts);
    if (!checked.ok()) return checked.status();
    lines.push_back(*std::move(checked));
  }
  return AssembleOrder(NameOf(caller), std::move(lines), wanted.note(), parts_.access.Now());
}

absl::StatusOr<pb::Order> StorefrontService::TakeOrder(
    const CustomerCaller& caller, const pb::CreateOrderRequest& request) const {
  if (absl::Status parent = CheckParent(caller, request.parent()); !parent.ok()) return parent;
  if (absl::Status id = CheckRequestId(request.request_id()); !id.ok()) return id;
  NewOrder order;
  order.request_id = request.request_id();
  order.request_digest = DigestOf(request.order());
  // Before the checks: what was ordered once stays ordered, even when the photo has gone since.
  const auto before = parts_.store.FindOrderOfRequest(caller.studio, caller.customer,
                                                      order.request_id, order.request_digest);
  if (!before.ok()) return before.status();
  if (before->has_value()) return **before;
  if (absl::Status cart = CheckOrder(request.order()); !cart.ok()) return cart;

  absl::StatusOr<pb::Order> taken;
  for (int i = 0; i < kOrderTries; ++i) {
    absl::StatusOr<pb::Order> checked = CheckCart(caller, request.order());
    if (!checked.ok() || request.validate_only()) return checked;
    order.order = *std::move(checked);
    taken = parts_.store.CreateOrder(caller.studio, order);
    if (!absl::IsAborted(taken.status())) break;
  }
  if (!taken.ok()) return taken;
  parts_.metrics.orders.Increment();
  spdlog::info("order {} taken, {} lines", taken->name(), taken->lines_size());
  return taken;
}

StorefrontService::Unary* StorefrontService::GetOrder(Context* context,
                                                      const pb::GetOrderRequest* request,
                                                      pb::Order* response) {
  return ForCustomer(context, response, [this, request](const CustomerCaller& caller) {
    return OneOrder(caller, request->name());
  });
}

absl::StatusOr<pb::Order> StorefrontService::OneOrder(const CustomerCaller& caller,
                                                      const std::string& name) const {
  const absl::StatusOr<std::string> id = OrderId(caller, name);
  if (!id.ok()) return id.status();
  absl::StatusOr<pb::Order> order = parts_.store.GetOrder(caller.studio, *id);
  if (absl::IsNotFound(order.status())) return NotThere("order", name);
  if (order.ok() && order->customer() != NameOf(caller)) return NotThere("order", name);
  return order;
}

StorefrontService::Unary* StorefrontService::ListOrders(Context* context,
                                                        const pb::ListOrdersRequest* request,
                                                        pb::ListOrdersResponse* response) {
  return ForCustomer(context, response, [this, request](const CustomerCaller& caller) {
    return OrdersPage(caller, *request);
  });
}

absl::StatusOr<pb::ListOrdersResponse> StorefrontService::OrdersPage(
    const CustomerCaller& caller, const pb::ListOrdersRequest& request) const {
  if (absl::Status parent = CheckParent(caller, request.parent()); !parent.ok()) return parent;
  const auto size = rpc::PageSize(request.page_size(), 50, kMaxPage);
  if (!size.ok()) return size.status();
  const auto after = rpc::ReadPageToken(request, NameOf(caller));
  if (!after.ok()) return after.status();
  auto page = parts_.store.ListOrders(caller.studio, caller.customer, *after, *size);
  if (!page.ok()) return page.status();
  pb::ListOrdersResponse response;
  for (pb::Order& order : page->items) *response.add_orders() = std::move(order);
  if (!page->next.empty()) {
    response.set_next_page_token(rpc::MakePageToken(request, page->next, NameOf(caller)));
  }
  return response;
}

StorefrontService::Unary* StorefrontService::CancelOrder(Context* context,
                                                         const pb::CancelOrderRequest* request,
                                                         pb::Order* response) {
  return ForCustomer(context, response, [this, request](const CustomerCaller& caller) {
    return CancelOne(caller, *request);
  });
}

absl::StatusOr<pb::Order> StorefrontService::CancelOne(
    const CustomerCaller& caller, const pb::CancelOrderRequest& request) const {
  if (request.message().size() > kMaxNoteBytes) {
    return rpc::Error(absl::StatusCode::kInvalidArgument,
                      base::Concat("a message has at most ", kMaxNoteBytes, " bytes; shorten it"),
                      "MESSAGE_TOO_LONG");
  }
  // Says who may; an order never changes its customer.
  const absl::StatusOr<pb::Order> own = OneOrder(caller, request.name());
  if (!own.ok()) return own.status();
  const std::string message =
      request.message().empty() ? "cancelled by the customer" : request.message();
  absl::StatusOr<pb::Order> order = parts_.store.UpdateOrder(
      caller.studio, LastPart(own->name()),
      [&](pb::Order& at) { return Cancel(at, message, parts_.access.Now()); });
  if (order.ok()) spdlog::info("order {} cancelled by its customer", order->name());
  return order;
}

grpc::ServerWriteReactor<pb::OrderEvent>* StorefrontService::FollowOrders(
    Context* context, const pb::FollowOrdersRequest* request) {
  const absl::StatusOr<std::string> token = rpc::BearerToken(*context);
  return parts_.feed.Follow(
      context,
      [this, token,
       asked = *request](const std::shared_ptr<rpc::Stream>& stream) -> absl::StatusOr<Following> {
        if (!token.ok()) return token.status();
        const absl::StatusOr<CustomerCaller> caller = parts_.access.CheckSession(*token);
        if (!caller.ok()) return caller.status();
        if (absl::Status parent = CheckParent(*caller, asked.parent()); !parent.ok()) return parent;
        parts_.streams.Add(NameOf(*caller), stream, caller->session_key);
        Following following;
        following.studio = caller->studio;
        following.feed = {"customer", caller->customer};
        following.after_revision = asked.after_revision();
        following.view = [](pb::Order order) { return order; };
        // A session ends by itself, by signing out, and with its identifier.
        following.allowed = [this, token = *token] {
          return parts_.access.CheckSession(token).status();
        };
        return following;
      });
}

}  // namespace proofline::host
