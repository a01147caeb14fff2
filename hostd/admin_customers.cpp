// Galleries, customers, labs and orders for the administrator.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "hostd/admin_request.h"
#include "hostd/admin_service.h"
#include "hostd/order_rules.h"
#include "hostd/record_text.h"
#include "lib/base/id.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

constexpr int kDefaultPage = 100;
constexpr int kDefaultOrderPage = 50;

absl::Status CheckCustomer(const pb::Customer& customer, std::string_view studio) {
  if (absl::Status name = CheckDisplayName(customer.display_name()); !name.ok()) return name;
  return CheckShare(customer.share(), studio);
}

}  // namespace

AdminService::Unary* AdminService::ListStudioGalleries(
    Context* context, const pb::ListStudioGalleriesRequest* request,
    pb::ListStudioGalleriesResponse* response) {
  return rpc::AnswerOn(parts_.executor, context, response,
                       [this, request]() -> Answer<pb::ListStudioGalleriesResponse> {
                         const auto parent = ReadName("studios/*", request->parent());
                         if (!parent.ok()) return parent.status();
                         const auto range = ReadRange(*request, kDefaultPage);
                         if (!range.ok()) return range.status();
                         auto page =
                             parts_.store.ListGalleries(parent->at(0), range->after, range->limit);
                         if (!page.ok()) return page.status();
                         pb::ListStudioGalleriesResponse answer;
                         for (pb::Gallery& one : page->items) {
                           *answer.add_galleries() = std::move(one);
                         }
                         answer.set_next_page_token(NextToken(*request, page->next));
                         return answer;
                       });
}

AdminService::Unary* AdminService::CreateCustomer(Context* context,
                                                  const pb::CreateCustomerRequest* request,
                                                  pb::Customer* response) {
  return rpc::AnswerOn(parts_.executor, context, response,
                       [this, request] { return AddCustomer(*request); });
}

absl::StatusOr<pb::Customer> AdminService::AddCustomer(const pb::CreateCustomerRequest& request) {
  const auto parent = ReadName("studios/*", request.parent());
  if (!parent.ok()) return parent.status();
  const std::string id = request.customer_id().empty() ? base::NewId() : request.customer_id();
  if (absl::Status good = CheckId("customer", id); !good.ok()) return good;
  if (absl::Status good = CheckCustomer(request.customer(), parent->at(0)); !good.ok()) return good;
  pb::Customer customer;
  customer.set_name(rpc::MakeResourceName("studios/*/customers/*", {parent->at(0), id}));
  customer.set_display_name(request.customer().display_name());
  customer.set_identifier(request.customer().identifier());
  *customer.mutable_share() = request.customer().share();
  if (request.customer().has_expire_time()) {
    *customer.mutable_expire_time() = request.customer().expire_time();
  }
  absl::StatusOr<pb::Customer> made = parts_.access.CreateCustomer(std::move(customer));
  if (made.ok()) spdlog::info("{} created", made->name());
  return made;
}

AdminService::Unary* AdminService::GetCustomer(Context* context,
                                               const pb::GetCustomerRequest* request,
                                               pb::Customer* response) {
  return rpc::AnswerOn(parts_.executor, context, response,
                       [this, request]() -> Answer<pb::Customer> {
                         const auto ids = ReadName("studios/*/customers/*", request->name());
                         if (!ids.ok()) return ids.status();
                         return parts_.store.GetCustomer(ids->at(0), ids->at(1));
                       });
}

AdminService::Unary* AdminService::ListCustomers(Context* context,
                                                 const pb::ListCustomersRequest* request,
                                                 pb::ListCustomersResponse* response) {
  return rpc::AnswerOn(
      parts_.executor, context, response, [this, request]() -> Answer<pb::ListCustomersResponse> {
        const auto parent = ReadName("studios/*", request->parent());
        if (!parent.ok()) return parent.status();
        const auto range = ReadRange(*request, kDefaultPage);
        if (!range.ok()) return range.status();
        auto page = parts_.store.ListCustomers(parent->at(0), range->after, range->limit);
        if (!page.ok()) return page.status();
        pb::ListCustomersResponse answer;
        for (pb::Customer& customer : page->items) *answer.add_customers() = std::move(customer);
        answer.set_next_page_token(NextToken(*request, page->next));
        return answer;
      });
}

AdminService::Unary* AdminService::UpdateCustomer(Context* context,
                                                  const pb::UpdateCustomerRequest* request,
                                                  pb::Customer* response) {
  return rpc::AnswerOn(parts_.executor, context, response,
                       [this, request] { return ChangeCustomer(*request); });
}

absl::StatusOr<pb::Customer> AdminService::ChangeCustomer(
    const pb::UpdateCustomerRequest& request) {
  const pb::Customer& wanted = request.customer();
  const auto ids = ReadName("studios/*/customers/*", wanted.name());
  if (!ids.ok()) return ids.status();
  const auto paths = ReadMask(request.update_mask(), {"display_name", "share", "expire_time"});
  if (!paths.ok()) return paths.status();
  if (absl::Status good = CheckCustomer(wanted, ids->at(0)); !good.ok()) return good;
  absl::StatusOr<pb::Customer> changed =
      parts_.store.UpdateCustomer(ids->at(0), ids->at(1), [&](pb::Customer& customer) {
        if (paths->contains("display_name")) customer.set_display_name(wanted.display_name());
        if (paths->contains("share")) *customer.mutable_share() = wanted.share();
        if (paths->contains("expire_time")) {
          if (wanted.has_expire_time()) {
            *customer.mutable_expire_time() = wanted.expire_time();
          } else {
            customer.clear_expire_time();
          }
        }
        return absl::OkStatus();
      });
  if (changed.ok()) spdlog::info("{} changed", wanted.name());
  return changed;
}

AdminService::Unary* AdminService::RevokeCustomer(Context* context,
                                                  const pb::RevokeCustomerRequest* request,
                                                  pb::Customer* response) {
  return rpc::AnswerOn(parts_.executor, context, response,
                       [this, request] { return EndCustomer(request->name()); });
}

absl::StatusOr<pb::Customer> AdminService::EndCustomer(const std::string& name) {
  const auto ids = ReadName("studios/*/customers/*", name);
  if (!ids.ok()) return ids.status();
  absl::StatusOr<pb::Customer> customer =
      parts_.store.UpdateCustomer(ids->at(0), ids->at(1), [](pb::Customer& at) {
        at.set_revoked(true);
        return absl::OkStatus();
      });
  if (!customer.ok()) return customer;
  parts_.streams.Finish(name, SessionEnded());
  spdlog::info("{} revoked", name);
  return customer;
}

AdminService::Unary* AdminService::ListLabs(Context* context, const pb::ListLabsRequest* request,
                                            pb::ListLabsResponse* response) {
  return rpc::AnswerOn(parts_.executor, context, response,
                       [this, request]() -> Answer<pb::ListLabsResponse> {
                         const auto parent = ReadName("studios/*", request->parent());
                         if (!parent.ok()) return parent.status();
                         const auto range = ReadRange(*request, kDefaultPage);
                         if (!range.ok()) return range.status();
                         const auto known = parts_.store.GetStudio(parent->at(0));
                         if (!known.ok()) return known.status();
                         auto labs = parts_.store.ListLabs(parent->at(0));
                         if (!labs.ok()) return labs.status();
                         pb::ListLabsResponse answer;
                         for (pb::Lab& lab : *labs) {
                           if (lab.name() <= range->after) continue;
                           if (answer.labs_size() == range->limit) {
                             answer.set_next_page_token(
                                 NextToken(*request, answer.labs(answer.labs_size() - 1).name()));
                             break;
                           }
                           *answer.add_labs() = std::move(lab);
                         }
                         return answer;
                       });
}

AdminService::Unary* AdminService::GetStudioOrder(Context* context,
                                                  const pb::GetStudioOrderRequest* request,
                                                  pb::Order* response) {
  return rpc::AnswerOn(parts_.executor, context, response, [this, request]() -> Answer<pb::Order> {
    const auto ids = ReadName("studios/*/orders/*", request->name());
    if (!ids.ok()) return ids.status();
    return parts_.store.GetOrder(ids->at(0), ids->at(1));
  });
}

AdminService::Unary* AdminService::ListStudioOrders(Context* context,
                                                    const pb::ListStudioOrdersRequest* request,
                                                    pb::ListStudioOrdersResponse* response) {
  return rpc::AnswerOn(parts_.executor, context, response,
                       [this, request]() -> Answer<pb::ListStudioOrdersResponse> {
                         const auto parent = ReadName("studios/*", request->parent());
                         if (!parent.ok()) return parent.status();
                         const auto range = ReadRange(*request, kDefaultOrderPage);
                         if (!range.ok()) return range.status();
                         const auto known = parts_.store.GetStudio(parent->at(0));
                         if (!known.ok()) return known.status();
                         auto page =
                             parts_.store.ListOrders(parent->at(0), "", range->after, range->limit);
                         if (!page.ok()) return page.status();
                         pb::ListStudioOrdersResponse answer;
                         for (pb::Order& order : page->items) {
                           *answer.add_orders() = std::move(order);
                         }
                         answer.set_next_page_token(NextToken(*request, page->next));
                         return answer;
                       });
}

AdminService::Unary* AdminService::CancelStudioOrder(Context* context,
                                                     const pb::CancelStudioOrderRequest* request,
                                                     pb::Order* response) {
  return rpc::AnswerOn(parts_.executor, context, response,
                       [this, request] { return CancelOne(*request); });
}

absl::StatusOr<pb::Order> AdminService::CancelOne(const pb::CancelStudioOrderRequest& request) {
  const auto ids = ReadName("studios/*/orders/*", request.name());
  if (!ids.ok()) return ids.status();
  if (request.message().size() > kMaxNoteBytes) {
    return rpc::Error(absl::StatusCode::kInvalidArgument,
                      base::Concat("a message has at most ", kMaxNoteBytes, " bytes; shorten it"),
                      "MESSAGE_TOO_LONG");
  }
  const std::string message =
      request.message().empty() ? "cancelled by the studio" : request.message();
  absl::StatusOr<pb::Order> order = parts_.store.UpdateOrder(
      ids->at(0), ids->at(1),
      [&](pb::Order& at) { return Cancel(at, message, parts_.access.Now()); });
  if (order.ok()) spdlog::info("order {} cancelled by the studio", order->name());
  return order;
}

}  // namespace proofline::host
