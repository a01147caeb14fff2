// Studios and devices, and what all of the service's parts share; admin_customers.cpp has
// customers, labs and orders.
#include "hostd/admin_service.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "hostd/admin_request.h"
#include "hostd/not_served.h"
#include "hostd/record_text.h"
#include "lib/base/text.h"
#include "lib/rpc/page_token.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"
#include "lib/rpc/stream.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

constexpr int kDefaultPage = 100;

// What no part of this version heeds yet must not look as if it did.
absl::Status CheckNoPolicies(const pb::Studio& studio) {
  if (!studio.has_quota() && !studio.has_hold_policy()) return absl::OkStatus();
  return rpc::Error(
      absl::StatusCode::kInvalidArgument,
      "this version of the host has no quotas and no hold policies; leave `quota` and "
      "`hold_policy` out",
      "NOT_SERVED");
}

}  // namespace

AdminService::Unary* AdminService::CreateStudio(Context* context,
                                                const pb::CreateStudioRequest* request,
                                                pb::Studio* response) {
  return rpc::AnswerOn(parts_.executor, context, response,
                       [this, request] { return AddStudio(*request); });
}

absl::StatusOr<pb::Studio> AdminService::AddStudio(const pb::CreateStudioRequest& request) {
  if (absl::Status id = CheckId("studio", request.studio_id()); !id.ok()) return id;
  absl::Status status = CheckDisplayName(request.studio().display_name());
  if (status.ok()) status = CheckNoPolicies(request.studio());
  if (!status.ok()) return status;
  pb::Studio studio;
  studio.set_name(rpc::MakeResourceName("studios/*", {request.studio_id()}));
  studio.set_display_name(request.studio().display_name());
  absl::StatusOr<pb::Studio> made = parts_.store.CreateStudio(std::move(studio));
  if (made.ok()) spdlog::info("{} created", made->name());
  return made;
}

AdminService::Unary* AdminService::GetStudio(Context* context, const pb::GetStudioRequest* request,
                                             pb::Studio* response) {
  return rpc::AnswerOn(parts_.executor, context, response, [this, request]() -> Answer<pb::Studio> {
    const auto ids = ReadName("studios/*", request->name());
    if (!ids.ok()) return ids.status();
    return parts_.store.GetStudio(ids->at(0));
  });
}

AdminService::Unary* AdminService::ListStudios(Context* context,
                                               const pb::ListStudiosRequest* request,
                                               pb::ListStudiosResponse* response) {
  return rpc::AnswerOn(parts_.executor, context, response,
                       [this, request]() -> Answer<pb::ListStudiosResponse> {
                         const auto range = ReadRange(*request, kDefaultPage);
                         if (!range.ok()) return range.status();
                         auto page = parts_.store.ListStudios(range->after, range->limit);
                         if (!page.ok()) return page.status();
                         pb::ListStudiosResponse answer;
                         for (pb::Studio& studio : page->items)
                           *answer.add_studios() = std::move(studio);
                         answer.set_next_page_token(NextToken(*request, page->next));
                         return answer;
                       });
}

AdminService::Unary* AdminService::UpdateStudio(Context* context,
                                                const pb::UpdateStudioRequest* request,
                                                pb::Studio* response) {
  return rpc::AnswerOn(parts_.executor, context, response,
                       [this, request] { return ChangeStudio(*request); });
}

absl::StatusOr<pb::Studio> AdminService::ChangeStudio(const pb::UpdateStudioRequest& request) {
  const auto ids = ReadName("studios/*", request.studio().name());
  if (!ids.ok()) return ids.status();
  const auto paths = ReadMask(request.update_mask(), {"display_name", "quota", "hold_policy"});
  if (!paths.ok()) return paths.status();
  absl::Status status = CheckNoPolicies(request.studio());
  const bool names_policies = !request.update_mask().paths().empty() &&
                              (paths->contains("quota") || paths->contains("hold_policy"));
  if (status.ok() && names_policies) {
    pb::Studio with_policy;
    with_policy.mutable_quota();
    status = CheckNoPolicies(with_policy);
  }
  if (status.ok()) status = CheckDisplayName(request.studio().display_name());
  if (!status.ok()) return status;
  return parts_.store.RenameStudio(ids->at(0), request.studio().display_name());
}

AdminService::Unary* AdminService::GetUsage(Context* context, const pb::GetUsageRequest* request,
                                            pb::Usage* response) {
  return rpc::AnswerOn(parts_.executor, context, response, [this, request]() -> Answer<pb::Usage> {
    const auto ids = ReadName("studios/*/usage", request->name());
    if (!ids.ok()) return ids.status();
    return parts_.store.GetUsage(ids->at(0));
  });
}

AdminService::Unary* AdminService::CreateDevice(Context* context,
                                                const pb::CreateDeviceRequest* request,
                                                pb::CreateDeviceResponse* response) {
  return rpc::AnswerOn(parts_.executor, context, response,
                       [this, request] { return AddDevice(*request); });
}

absl::StatusOr<pb::CreateDeviceResponse> AdminService::AddDevice(
    const pb::CreateDeviceRequest& request) {
  const auto parent = ReadName("studios/*", request.parent());
  if (!parent.ok()) return parent.status();
  if (absl::Status id = CheckId("device", request.device_id()); !id.ok()) return id;
  absl::Status status = CheckDisplayName(request.device().display_name());
  if (!status.ok()) return status;
  pb::CreateDeviceResponse response;
  pb::Device& device = *response.mutable_device();
  device.set_name(
      rpc::MakeResourceName("studios/*/devices/*", {parent->at(0), request.device_id()}));
  device.set_display_name(request.device().display_name());
  absl::StatusOr<std::string> key = parts_.access.CreateDevice(device);
  if (!key.ok()) return key.status();
  response.set_device_key(*std::move(key));
  spdlog::info("{} created", device.name());
  return response;
}

AdminService::Unary* AdminService::GetDevice(Context* context, const pb::GetDeviceRequest* request,
                                             pb::Device* response) {
  return rpc::AnswerOn(parts_.executor, context, response, [this, request]() -> Answer<pb::Device> {
    const auto ids = ReadName("studios/*/devices/*", request->name());
    if (!ids.ok()) return ids.status();
    return parts_.store.GetDevice(ids->at(0), ids->at(1));
  });
}

AdminService::Unary* AdminService::ListDevices(Context* context,
                                               const pb::ListDevicesRequest* request,
                                               pb::ListDevicesResponse* response) {
  return rpc::AnswerOn(
      parts_.executor, context, response, [this, request]() -> Answer<pb::ListDevicesResponse> {
        const auto parent = ReadName("studios/*", request->parent());
        if (!parent.ok()) return parent.status();
        const auto range = ReadRange(*request, kDefaultPage);
        if (!range.ok()) return range.status();
        auto page = parts_.store.ListDevices(parent->at(0), range->after, range->limit);
        if (!page.ok()) return page.status();
        pb::ListDevicesResponse answer;
        for (pb::Device& device : page->items) *answer.add_devices() = std::move(device);
        answer.set_next_page_token(NextToken(*request, page->next));
        return answer;
      });
}

AdminService::Unary* AdminService::RevokeDevice(Context* context,
                                                const pb::RevokeDeviceRequest* request,
                                                pb::Device* response) {
  return rpc::AnswerOn(parts_.executor, context, response,
                       [this, request] { return EndDevice(request->name()); });
}

absl::StatusOr<pb::Device> AdminService::EndDevice(const std::string& name) {
  const auto ids = ReadName("studios/*/devices/*", name);
  if (!ids.ok()) return ids.status();
  absl::StatusOr<pb::Device> device = parts_.store.RevokeDevice(ids->at(0), ids->at(1));
  if (!device.ok()) return device;
  parts_.streams.Finish(name, rpc::Error(absl::StatusCode::kPermissionDenied,
                                         base::Concat("the device ", ids->at(1),
                                                      " was revoked; ask who runs the host for a "
                                                      "new one"),
                                         "DEVICE_REVOKED", {{"device", ids->at(1)}}));
  spdlog::info("{} revoked", name);
  return device;
}

AdminService::Unary* AdminService::DeleteStudio(Context* context, const pb::DeleteStudioRequest*,
                                                pb::DeleteStudioResponse*) {
  return rpc::Refuse(context, NotServed("DeleteStudio"));
}

AdminService::Unary* AdminService::ReleaseOrder(Context* context, const pb::ReleaseOrderRequest*,
                                                pb::Order*) {
  return rpc::Refuse(context, NotServed("ReleaseOrder"));
}

AdminService::Unary* AdminService::CreateIntegratorKey(Context* context,
                                                       const pb::CreateIntegratorKeyRequest*,
                                                       pb::CreateIntegratorKeyResponse*) {
  return rpc::Refuse(context, NotServed("CreateIntegratorKey"));
}

AdminService::Unary* AdminService::ListIntegratorKeys(Context* context,
                                                      const pb::ListIntegratorKeysRequest*,
                                                      pb::ListIntegratorKeysResponse*) {
  return rpc::Refuse(context, NotServed("ListIntegratorKeys"));
}

AdminService::Unary* AdminService::RevokeIntegratorKey(Context* context,
                                                       const pb::RevokeIntegratorKeyRequest*,
                                                       pb::IntegratorKey*) {
  return rpc::Refuse(context, NotServed("RevokeIntegratorKey"));
}

AdminService::Unary* AdminService::CreateEnrolmentToken(Context* context,
                                                        const pb::CreateEnrolmentTokenRequest*,
                                                        pb::CreateEnrolmentTokenResponse*) {
  return rpc::Refuse(context, NotServed("CreateEnrolmentToken"));
}

AdminService::Unary* AdminService::BackUp(Context* context, const pb::BackUpRequest*,
                                          pb::BackUpResponse*) {
  return rpc::Refuse(context, NotServed("BackUp"));
}

grpc::ServerWriteReactor<pb::VerifyResponse>* AdminService::Verify(Context*,
                                                                   const pb::VerifyRequest*) {
  auto stream = rpc::ServerStreamWriter<pb::VerifyResponse>::Create({});
  stream->Finish(NotServed("Verify"));
  return stream->reactor();
}

}  // namespace proofline::host
