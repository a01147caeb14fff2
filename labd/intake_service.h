// Where studios bring jobs and originals.
#pragma once

#include <string>

#include "labd/job_store.h"
#include "labd/lab_config.h"
#include "labd/spool.h"
#include "labd/studio_access.h"
#include "labd/upload.h"
#include "lib/rpc/executor.h"
#include "lib/rpc/metrics.h"
#include "lib/rpc/stream.h"
#include "proofline/v1/lab_intake_service.grpc.pb.h"

namespace proofline::lab {

// Serves LabIntakeService. Every call is authenticated, and sees its own studio's jobs only. What
// it is made of must outlive it; blocking work runs on the executor.
class IntakeService : public pb::LabIntakeService::CallbackService {
 public:
  IntakeService(const LabConfig& config, const StudioAccess& access, JobStore& store, Spool& spool,
                rpc::Executor& executor, rpc::Metrics& metrics);

  // Ends the streams, so that the server can drain.
  void FinishStreams(const absl::Status& status) { streams_.FinishAll(status); }

  grpc::ServerUnaryReactor* GetLab(grpc::CallbackServerContext* context,
                                   const pb::GetLabRequest* request, pb::Lab* response) override;
  grpc::ServerUnaryReactor* CreateJob(grpc::CallbackServerContext* context,
                                      const pb::CreateJobRequest* request,
                                      pb::Job* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const pb::GetJobRequest* request, pb::Job* response) override;
  grpc::ServerBidiReactor<pb::UploadOriginalRequest, pb::UploadOriginalResponse>* UploadOriginal(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* CloseJob(grpc::CallbackServerContext* context,
                                     const pb::CloseJobRequest* request,
                                     pb::Job* response) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const pb::CancelJobRequest* request,
                                      pb::Job* response) override;
  grpc::ServerWriteReactor<pb::FollowJobsResponse>* FollowJobs(
      grpc::CallbackServerContext* context, const pb::FollowJobsRequest* request) override;

 private:
  absl::StatusOr<pb::Job> Create(const pb::CreateJobRequest& request, const std::string& studio);
  absl::StatusOr<pb::Job> Close(const std::string& name, const std::string& studio);
  absl::StatusOr<pb::Job> Cancel(const std::string& name, const std::string& studio);
  // The job if it is the studio's; NotFound otherwise.
  absl::StatusOr<JobView> JobOf(const std::string& name, const std::string& studio) const;
  // The same for one that was removed; `otherwise` if it is none of the studio's either.
  absl::StatusOr<JobView> RemovedJobOf(const std::string& name, const std::string& studio,
                                       const absl::Status& otherwise) const;
  absl::Status NoteFollowed(const std::string& studio, const std::string& device,
                            std::int64_t revision);
  pb::Job Message(const JobView& view) const;

  const LabConfig& config_;
  const StudioAccess& access_;
  JobStore& store_;
  Spool& spool_;
  rpc::Executor& executor_;
  rpc::OpenStreams streams_;
  rpc::Counter& received_bytes_;
  rpc::Counter& received_jobs_;
};

}  // namespace proofline::lab
