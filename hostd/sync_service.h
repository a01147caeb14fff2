// What devices of a studio say to the host: the gRPC side.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "hostd/access.h"
#include "hostd/host_metrics.h"
#include "hostd/live_streams.h"
#include "hostd/order_feed.h"
#include "hostd/publish_stream.h"
#include "hostd/store.h"
#include "lib/rpc/bearer.h"
#include "lib/rpc/call.h"
#include "lib/rpc/executor.h"
#include "proofline/v1/sync_service.grpc.pb.h"

namespace proofline::host {

// Whose unary requests are parsed here, when the key is known: a publish stream needs room for
// large messages, and a message of small parts becomes many times as large when it is parsed.
using RawSyncService = proofline::v1::SyncService::WithRawCallbackMethod_ReportProgress<
    proofline::v1::SyncService::WithRawCallbackMethod_ReportLab<
        proofline::v1::SyncService::WithRawCallbackMethod_ListDevicePhotos<
            proofline::v1::SyncService::WithRawCallbackMethod_ListDeviceCustomers<
                proofline::v1::SyncService::CallbackService>>>>;

// Thread-safe. All parts must outlive it, and it the server.
class SyncService final : public RawSyncService {
 public:
  struct Parts {
    Store& store;
    Access& access;
    OrderFeed& feed;
    LiveStreams& streams;
    rpc::Executor& executor;
    HostMetrics& metrics;
    std::int64_t window_bytes = std::int64_t{8} << 20;
  };
  // A report of a lab with a thousand products fits in.
  static constexpr std::size_t kMaxUnaryBytes = std::size_t{1} << 20;

  explicit SyncService(const Parts& parts) : parts_(parts) {}

  grpc::ServerBidiReactor<proofline::v1::PublishRequest, proofline::v1::PublishResponse>* Publish(
      grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<proofline::v1::OrderEvent>* FollowDeviceOrders(
      grpc::CallbackServerContext* context,
      const proofline::v1::FollowDeviceOrdersRequest* request) override;
  grpc::ServerUnaryReactor* ReportProgress(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ReportLab(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;
  // sync_photos.cpp
  grpc::ServerUnaryReactor* ListDevicePhotos(grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListDeviceCustomers(grpc::CallbackServerContext* context,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) override;

 private:
  // Serves a unary method of a device: its key, then its request.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* AnswerDevice(
      grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
      grpc::ByteBuffer* response,
      std::function<absl::StatusOr<Response>(const DeviceCaller&, const Request&)> handler) {
    const absl::StatusOr<std::string> key = rpc::BearerToken(*context);
    if (!key.ok()) return rpc::Refuse(context, key.status());
    return rpc::AnswerRawOn<Response>(
        parts_.executor, context, response,
        [this, key = *key, bytes = *request,
         handler = std::move(handler)]() -> absl::StatusOr<Response> {
          const absl::StatusOr<DeviceCaller> caller = parts_.access.CheckDevice(key);
          if (!caller.ok()) return caller.status();
          const absl::StatusOr<Request> read = rpc::ReadRequest<Request>(bytes, kMaxUnaryBytes);
          if (!read.ok()) return read.status();
          return handler(*caller, *read);
        });
  }
  // The device of a stream that has just been opened: cut when it is revoked.
  absl::Status Admit(const DeviceCaller& caller, const std::shared_ptr<rpc::Stream>& stream);
  absl::Status AdmitPublisher(const DeviceCaller& caller,
                              const std::shared_ptr<PublishStream::Stream>& stream);
  absl::StatusOr<proofline::v1::ReportProgressResponse> TakeProgress(
      const DeviceCaller& caller, const proofline::v1::ReportProgressRequest& report);
  absl::StatusOr<proofline::v1::ReportLabResponse> TakeLab(
      const DeviceCaller& caller, const proofline::v1::ReportLabRequest& request);
  absl::StatusOr<proofline::v1::ListDevicePhotosResponse> ListPhotos(
      const DeviceCaller& caller, const proofline::v1::ListDevicePhotosRequest& request) const;
  absl::StatusOr<proofline::v1::ListDeviceCustomersResponse> ListCustomers(
      const DeviceCaller& caller, const proofline::v1::ListDeviceCustomersRequest& request) const;

  const Parts parts_;
  std::mutex mutex_;
  // The one publish stream of each device.
  std::map<std::string, std::weak_ptr<rpc::Stream>> publishers_;
};

// InvalidArgument for a lab that is not of this studio or has a product that cannot be made; sets
// the pixel sizes that the lab left out.
absl::Status CheckLab(proofline::v1::Lab& lab, std::string_view studio);

}  // namespace proofline::host
