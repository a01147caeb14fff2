// How the photographer looks into the daemon and tells it what to do.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/catalog.h"
#include "daemon/customer_book.h"
#include "daemon/folder_watcher.h"
#include "daemon/ingest.h"
#include "daemon/order_book.h"
#include "daemon/proof_publisher.h"
#include "daemon/rebuild.h"
#include "lib/base/clock.h"
#include "lib/imaging/worker_pool.h"
#include "lib/rpc/executor.h"
#include "lib/rpc/metrics.h"
#include "lib/rpc/stream.h"
#include "proofline/v1/studio_control_service.grpc.pb.h"

namespace proofline::studio {

// Serves StudioControlService; whoever can open the control socket may call everything. Handlers
// run on an executor of its own. One more thread serves those who watch the status; without
// watchers it sleeps. The parts must outlive it. What this version does not serve is answered with
// UNIMPLEMENTED and a sentence.
class ControlService final : public v1::StudioControlService::CallbackService {
 public:
  struct Parts {
    Catalog& catalog;
    OrderBook& orders;
    Ingest& ingest;
    FolderWatcher& watcher;
    ProofPublisher& publisher;
    // For contact sheets; without it there are none.
    imaging::WorkerPool* pool = nullptr;
    // Why the daemon rests although it is not paused, for people.
    std::function<std::string()> resting = {};
    // Without it the catalog cannot be built anew.
    Rebuild* rebuild = nullptr;
  };

  explicit ControlService(const Parts& parts);
  // As Stop().
  ~ControlService() override;
  ControlService(const ControlService&) = delete;
  ControlService& operator=(const ControlService&) = delete;

  // Ends the streams of those who watch; call it before the server drains.
  void Stop();

  grpc::ServerUnaryReactor* GetStudioStatus(grpc::CallbackServerContext* context,
                                            const v1::GetStudioStatusRequest* request,
                                            v1::GetStudioStatusResponse* response) override;
  grpc::ServerWriteReactor<v1::GetStudioStatusResponse>* WatchStudioStatus(
      grpc::CallbackServerContext* context, const v1::WatchStudioStatusRequest* request) override;
  grpc::ServerUnaryReactor* ListLocalGalleries(grpc::CallbackServerContext* context,
                                               const v1::ListLocalGalleriesRequest* request,
                                               v1::ListLocalGalleriesResponse* response) override;
  grpc::ServerUnaryReactor* ListLocalPhotos(grpc::CallbackServerContext* context,
                                            const v1::ListLocalPhotosRequest* request,
                                            v1::ListLocalPhotosResponse* response) override;
  grpc::ServerUnaryReactor* GetLocalPhoto(grpc::CallbackServerContext* context,
                                          const v1::GetLocalPhotoRequest* request,
                                          v1::LocalPhoto* response) override;
  grpc::ServerUnaryReactor* UpdateLocalPhoto(grpc::CallbackServerContext* context,
                                             const v1::UpdateLocalPhotoRequest* request,
                                             v1::LocalPhoto* response) override;
  grpc::ServerUnaryReactor* RetryPhotos(grpc::CallbackServerContext* context,
                                        const v1::RetryPhotosRequest* request,
                                        v1::RetryPhotosResponse* response) override;
  grpc::ServerUnaryReactor* ListLocalOrders(grpc::CallbackServerContext* context,
                                            const v1::ListLocalOrdersRequest* request,
                                            v1::ListLocalOrdersResponse* response) override;
  grpc::ServerUnaryReactor* PauseWork(grpc::CallbackServerContext* context,
                                      const v1::PauseWorkRequest* request,
                                      v1::PauseWorkResponse* response) override;
  grpc::ServerUnaryReactor* ResumeWork(grpc::CallbackServerContext* context,
                                       const v1::ResumeWorkRequest* request,
                                       v1::ResumeWorkResponse* response) override;
  grpc::ServerUnaryReactor* Rescan(grpc::CallbackServerContext* context,
                                   const v1::RescanRequest* request,
                                   v1::RescanResponse* response) override;

  // control_metadata.cpp
  grpc::ServerUnaryReactor* BatchUpdateLocalPhotos(
      grpc::CallbackServerContext* context, const v1::BatchUpdateLocalPhotosRequest* request,
      v1::BatchUpdateLocalPhotosResponse* response) override;
  grpc::ServerUnaryReactor* ImportRoster(grpc::CallbackServerContext* context,
                                         const v1::ImportRosterRequest* request,
                                         v1::ImportRosterResponse* response) override;

  // control_customers.cpp
  grpc::ServerUnaryReactor* ShareWithCustomer(grpc::CallbackServerContext* context,
                                              const v1::ShareWithCustomerRequest* request,
                                              v1::Customer* response) override;
  grpc::ServerUnaryReactor* ShareBySubject(grpc::CallbackServerContext* context,
                                           const v1::ShareBySubjectRequest* request,
                                           v1::ShareBySubjectResponse* response) override;
  grpc::ServerUnaryReactor* ListLocalCustomers(grpc::CallbackServerContext* context,
                                               const v1::ListLocalCustomersRequest* request,
                                               v1::ListLocalCustomersResponse* response) override;
  grpc::ServerUnaryReactor* UpdateLocalCustomer(grpc::CallbackServerContext* context,
                                                const v1::UpdateLocalCustomerRequest* request,
                                                v1::Customer* response) override;

  grpc::ServerUnaryReactor* ProcessGallery(grpc::CallbackServerContext* context,
                                           const v1::ProcessGalleryRequest*,
                                           v1::ProcessGalleryResponse*) override;
  grpc::ServerUnaryReactor* SelectPhotos(grpc::CallbackServerContext* context,
                                         const v1::SelectPhotosRequest*,
                                         v1::SelectPhotosResponse*) override;
  grpc::ServerUnaryReactor* ExplainSelection(grpc::CallbackServerContext* context,
                                             const v1::ExplainSelectionRequest*,
                                             v1::ExplainSelectionResponse*) override;
  grpc::ServerUnaryReactor* GetGalleryContactSheet(grpc::CallbackServerContext* context,
                                                   const v1::GetGalleryContactSheetRequest*,
                                                   v1::GetGalleryContactSheetResponse*) override;
  grpc::ServerUnaryReactor* RebuildCatalog(grpc::CallbackServerContext* context,
                                           const v1::RebuildCatalogRequest* request,
                                           v1::RebuildCatalogResponse* response) override;

 private:
  using StatusStream = rpc::ServerStreamWriter<v1::GetStudioStatusResponse>;
  struct Watcher {
    std::weak_ptr<StatusStream> stream;
    std::string last;  // what was sent, serialized
  };

  v1::GetStudioStatusResponse Status() const;
  // Orders whose originals lie on a volume of this folder that is not there, for people.
  std::string WaitingOrders(const FolderWatcher::RootState& root) const;
  absl::StatusOr<v1::ListLocalGalleriesResponse> ListGalleries(
      const v1::ListLocalGalleriesRequest& request) const;
  absl::StatusOr<v1::ListLocalPhotosResponse> ListPhotos(
      const v1::ListLocalPhotosRequest& request) const;
  absl::StatusOr<record::Photo> FindPhoto(const std::string& name) const;
  absl::StatusOr<v1::LocalPhoto> UpdatePhoto(const v1::UpdateLocalPhotoRequest& request);
  absl::StatusOr<v1::RetryPhotosResponse> Retry(const v1::RetryPhotosRequest& request);
  absl::StatusOr<v1::ListLocalOrdersResponse> ListOrders(
      const v1::ListLocalOrdersRequest& request) const;
  // control_selection.cpp
  absl::StatusOr<v1::ProcessGalleryResponse> Process(const v1::ProcessGalleryRequest& request);
  absl::StatusOr<v1::SelectPhotosResponse> SelectByHand(const v1::SelectPhotosRequest& request);
  absl::StatusOr<v1::ExplainSelectionResponse> Explain(
      const v1::ExplainSelectionRequest& request) const;
  absl::StatusOr<v1::GetGalleryContactSheetResponse> ContactSheet(
      const v1::GetGalleryContactSheetRequest& request) const;
  void RunWatchers(const std::stop_token& stop);

  // The id of a gallery by its name; NotFound if no photo has ever been in it.
  absl::StatusOr<std::string> FindGallery(const std::string& name) const;
  absl::StatusOr<std::vector<std::string>> FindGalleries(
      const google::protobuf::RepeatedPtrField<std::string>& names) const;
  absl::StatusOr<v1::BatchUpdateLocalPhotosResponse> UpdatePhotos(
      const v1::BatchUpdateLocalPhotosRequest& request);
  absl::StatusOr<v1::ImportRosterResponse> Import(const v1::ImportRosterRequest& request);
  absl::StatusOr<v1::ListLocalCustomersResponse> ListCustomers(
      const v1::ListLocalCustomersRequest& request) const;
  absl::StatusOr<std::vector<v1::SubjectName>> SubjectsOfPhotos(
      const v1::ShareBySubjectRequest& request) const;
  absl::StatusOr<v1::ShareBySubjectResponse> ShareSubjects(
      const v1::ShareBySubjectRequest& request);

  const Parts parts_;
  CustomerBook customers_;
  const base::WallTime start_time_;
  std::stop_source stopping_;
  rpc::OpenStreams streams_;
  std::mutex mutex_;
  std::condition_variable_any watchers_changed_;
  std::vector<Watcher> watchers_;
  rpc::Executor executor_;
  // Contact sheets wait for image workers, which may be busy for a while: the others need not.
  rpc::Executor sheet_executor_;
  // Those who wait for a rebuild.
  rpc::Executor rebuild_executor_;
  std::jthread thread_;
};

}  // namespace proofline::studio
