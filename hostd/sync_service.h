// What devices of a studio say to the host: the gRPC side.
#pragma once

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
#include "lib/rpc/executor.h"
#include "proofline/v1/sync_service.grpc.pb.h"

namespace proofline::host {

// Thread-safe. All parts must outlive it, and it the server.
class SyncService final : public proofline::v1::SyncService::CallbackService {
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
  explicit SyncService(const Parts& parts) : parts_(parts) {}

  grpc::ServerBidiReactor<proofline::v1::PublishRequest, proofline::v1::PublishResponse>* Publish(
      grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<proofline::v1::OrderEvent>* FollowDeviceOrders(
      grpc::CallbackServerContext* context,
      const proofline::v1::FollowDeviceOrdersRequest* request) override;
  grpc::ServerUnaryReactor* ReportProgress(
      grpc::CallbackServerContext* context, const proofline::v1::ReportProgressRequest* request,
      proofline::v1::ReportProgressResponse* response) override;
  grpc::ServerUnaryReactor* ReportLab(grpc::CallbackServerContext* context,
                                      const proofline::v1::ReportLabRequest* request,
                                      proofline::v1::ReportLabResponse* response) override;
  // sync_photos.cpp
  grpc::ServerUnaryReactor* ListDevicePhotos(
      grpc::CallbackServerContext* context, const proofline::v1::ListDevicePhotosRequest* request,
      proofline::v1::ListDevicePhotosResponse* response) override;

 private:
  // The device of a stream that has just been opened: cut when it is revoked.
  absl::Status Admit(const DeviceCaller& caller, const std::shared_ptr<rpc::Stream>& stream);
  absl::Status AdmitPublisher(const DeviceCaller& caller,
                              const std::shared_ptr<PublishStream::Stream>& stream);
  absl::StatusOr<proofline::v1::ReportProgressResponse> TakeProgress(
      const std::string& key, const proofline::v1::ReportProgressRequest& report);
  absl::StatusOr<proofline::v1::ReportLabResponse> TakeLab(
      const std::string& key, const proofline::v1::ReportLabRequest& request);
  absl::StatusOr<proofline::v1::ListDevicePhotosResponse> ListPhotos(
      const std::string& key, const proofline::v1::ListDevicePhotosRequest& request) const;

  const Parts parts_;
  std::mutex mutex_;
  // The one publish stream of each device.
  std::map<std::string, std::weak_ptr<rpc::Stream>> publishers_;
};

// InvalidArgument for a lab that is not of this studio or has a product that cannot be made; sets
// the pixel sizes that the lab left out.
absl::Status CheckLab(proofline::v1::Lab& lab, std::string_view studio);

}  // namespace proofline::host
