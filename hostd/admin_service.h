// How the people who run the host look after it: the gRPC side, on a socket that only they may
// open.
#pragma once

#include <string>

#include "hostd/access.h"
#include "hostd/live_streams.h"
#include "hostd/store.h"
#include "lib/rpc/call.h"
#include "lib/rpc/executor.h"
#include "proofline/v1/admin_service.grpc.pb.h"

namespace proofline::host {

// Thread-safe. All parts must outlive it, and it the server.
class AdminService final : public proofline::v1::AdminService::CallbackService {
 public:
  struct Parts {
    Store& store;
    Access& access;
    LiveStreams& streams;
    rpc::Executor& executor;
  };
  explicit AdminService(const Parts& parts) : parts_(parts) {}

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* CreateStudio(Context* context, const proofline::v1::CreateStudioRequest* request,
                      proofline::v1::Studio* response) override;
  Unary* GetStudio(Context* context, const proofline::v1::GetStudioRequest* request,
                   proofline::v1::Studio* response) override;
  Unary* ListStudios(Context* context, const proofline::v1::ListStudiosRequest* request,
                     proofline::v1::ListStudiosResponse* response) override;
  Unary* UpdateStudio(Context* context, const proofline::v1::UpdateStudioRequest* request,
                      proofline::v1::Studio* response) override;
  Unary* GetUsage(Context* context, const proofline::v1::GetUsageRequest* request,
                  proofline::v1::Usage* response) override;
  Unary* CreateDevice(Context* context, const proofline::v1::CreateDeviceRequest* request,
                      proofline::v1::CreateDeviceResponse* response) override;
  Unary* GetDevice(Context* context, const proofline::v1::GetDeviceRequest* request,
                   proofline::v1::Device* response) override;
  Unary* ListDevices(Context* context, const proofline::v1::ListDevicesRequest* request,
                     proofline::v1::ListDevicesResponse* response) override;
  Unary* RevokeDevice(Context* context, const proofline::v1::RevokeDeviceRequest* request,
                      proofline::v1::Device* response) override;
  Unary* ListStudioGalleries(Context* context,
                             const proofline::v1::ListStudioGalleriesRequest* request,
                             proofline::v1::ListStudioGalleriesResponse* response) override;
  Unary* CreateCustomer(Context* context, const proofline::v1::CreateCustomerRequest* request,
                        proofline::v1::Customer* response) override;
  Unary* GetCustomer(Context* context, const proofline::v1::GetCustomerRequest* request,
                     proofline::v1::Customer* response) override;
  Unary* ListCustomers(Context* context, const proofline::v1::ListCustomersRequest* request,
                       proofline::v1::ListCustomersResponse* response) override;
  Unary* UpdateCustomer(Context* context, const proofline::v1::UpdateCustomerRequest* request,
                        proofline::v1::Customer* response) override;
  Unary* RevokeCustomer(Context* context, const proofline::v1::RevokeCustomerRequest* request,
                        proofline::v1::Customer* response) override;
  Unary* ListLabs(Context* context, const proofline::v1::ListLabsRequest* request,
                  proofline::v1::ListLabsResponse* response) override;
  Unary* GetStudioOrder(Context* context, const proofline::v1::GetStudioOrderRequest* request,
                        proofline::v1::Order* response) override;
  Unary* ListStudioOrders(Context* context, const proofline::v1::ListStudioOrdersRequest* request,
                          proofline::v1::ListStudioOrdersResponse* response) override;
  Unary* CancelStudioOrder(Context* context, const proofline::v1::CancelStudioOrderRequest* request,
                           proofline::v1::Order* response) override;

  // Refused by name.
  Unary* DeleteStudio(Context* context, const proofline::v1::DeleteStudioRequest* request,
                      proofline::v1::DeleteStudioResponse* response) override;
  Unary* ReleaseOrder(Context* context, const proofline::v1::ReleaseOrderRequest* request,
                      proofline::v1::Order* response) override;
  Unary* CreateIntegratorKey(Context* context,
                             const proofline::v1::CreateIntegratorKeyRequest* request,
                             proofline::v1::CreateIntegratorKeyResponse* response) override;
  Unary* ListIntegratorKeys(Context* context,
                            const proofline::v1::ListIntegratorKeysRequest* request,
                            proofline::v1::ListIntegratorKeysResponse* response) override;
  Unary* RevokeIntegratorKey(Context* context,
                             const proofline::v1::RevokeIntegratorKeyRequest* request,
                             proofline::v1::IntegratorKey* response) override;
  Unary* CreateEnrolmentToken(Context* context,
                              const proofline::v1::CreateEnrolmentTokenRequest* request,
                              proofline::v1::CreateEnrolmentTokenResponse* response) override;
  Unary* BackUp(Context* context, const proofline::v1::BackUpRequest* request,
                proofline::v1::BackUpResponse* response) override;
  grpc::ServerWriteReactor<proofline::v1::VerifyResponse>* Verify(
      Context* context, const proofline::v1::VerifyRequest* request) override;

 private:
  template <typename T>
  using Answer = absl::StatusOr<T>;

  Answer<proofline::v1::Studio> AddStudio(const proofline::v1::CreateStudioRequest& request);
  Answer<proofline::v1::Studio> ChangeStudio(const proofline::v1::UpdateStudioRequest& request);
  Answer<proofline::v1::CreateDeviceResponse> AddDevice(
      const proofline::v1::CreateDeviceRequest& request);
  Answer<proofline::v1::Device> EndDevice(const std::string& name);
  Answer<proofline::v1::Customer> AddCustomer(const proofline::v1::CreateCustomerRequest& request);
  Answer<proofline::v1::Customer> ChangeCustomer(
      const proofline::v1::UpdateCustomerRequest& request);
  Answer<proofline::v1::Customer> EndCustomer(const std::string& name);
  Answer<proofline::v1::Order> CancelOne(const proofline::v1::CancelStudioOrderRequest& request);

  const Parts parts_;
};

}  // namespace proofline::host
