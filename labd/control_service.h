// How the operator looks after the lab: the service on the control socket.
#pragma once

#include <functional>
#include <string>

#include "labd/job_store.h"
#include "labd/lab_config.h"
#include "labd/print_queue.h"
#include "labd/spool.h"
#include "lib/base/clock.h"
#include "lib/rpc/executor.h"
#include "lib/rpc/stream.h"
#include "proofline/v1/lab_control_service.grpc.pb.h"

namespace proofline::lab {

// Serves LabControlService. Whoever can open the socket is the operator. What it is made of must
// outlive it; blocking work runs on the executor.
class ControlService : public pb::LabControlService::CallbackService {
 public:
  ControlService(const LabConfig& config, std::string version, const base::Clock& clock,
                 JobStore& store, Spool& spool, PrintQueue& queue, rpc::Executor& executor);

  // Ends the streams, so that the server can drain.
  void FinishStreams(const absl::Status& status) { streams_.FinishAll(status); }

  grpc::ServerUnaryReactor* GetLabStatus(grpc::CallbackServerContext* context,
                                         const pb::GetLabStatusRequest* request,
                                         pb::GetLabStatusResponse* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const pb::ListJobsRequest* request,
                                     pb::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* GetLabJob(grpc::CallbackServerContext* context,
                                      const pb::GetLabJobRequest* request,
                                      pb::Job* response) override;
  grpc::ServerWriteReactor<pb::WatchJobsResponse>* WatchJobs(
      grpc::CallbackServerContext* context, const pb::WatchJobsRequest* request) override;
  grpc::ServerUnaryReactor* HoldJob(grpc::CallbackServerContext* context,
                                    const pb::HoldJobRequest* request, pb::Job* response) override;
  grpc::ServerUnaryReactor* ReleaseJob(grpc::CallbackServerContext* context,
                                       const pb::ReleaseJobRequest* request,
                                       pb::Job* response) override;
  grpc::ServerUnaryReactor* ConfirmPrinted(grpc::CallbackServerContext* context,
                                           const pb::ConfirmPrintedRequest* request,
                                           pb::Job* response) override;
  grpc::ServerUnaryReactor* CancelLabJob(grpc::CallbackServerContext* context,
                                         const pb::CancelLabJobRequest* request,
                                         pb::Job* response) override;
  grpc::ServerUnaryReactor* Reprint(grpc::CallbackServerContext* context,
                                    const pb::ReprintRequest* request, pb::Job* response) override;
  grpc::ServerUnaryReactor* ListPrinters(grpc::CallbackServerContext* context,
                                         const pb::ListPrintersRequest* request,
                                         pb::ListPrintersResponse* response) override;
  grpc::ServerUnaryReactor* PausePrinter(grpc::CallbackServerContext* context,
                                         const pb::PausePrinterRequest* request,
                                         pb::Printer* response) override;
  grpc::ServerUnaryReactor* ResumePrinter(grpc::CallbackServerContext* context,
                                          const pb::ResumePrinterRequest* request,
                                          pb::Printer* response) override;
  grpc::ServerUnaryReactor* PrintTestPage(grpc::CallbackServerContext* context,
                                          const pb::PrintTestPageRequest* request,
                                          pb::PrintTestPageResponse* response) override;
  grpc::ServerUnaryReactor* GetJobContactSheet(grpc::CallbackServerContext* context,
                                               const pb::GetJobContactSheetRequest* request,
                                               pb::GetJobContactSheetResponse* response) override;
  grpc::ServerUnaryReactor* GetDayReport(grpc::CallbackServerContext* context,
                                         const pb::GetDayReportRequest* request,
                                         pb::GetDayReportResponse* response) override;

 private:
  using Action = std::function<absl::StatusOr<JobView>(const std::string& name)>;

  grpc::ServerUnaryReactor* Act(grpc::CallbackServerContext* context, const std::string& name,
                                pb::Job* response, Action action);
  grpc::ServerUnaryReactor* SetPaused(grpc::CallbackServerContext* context, const std::string& name,
                                      bool paused, pb::Printer* response);
  absl::StatusOr<pb::GetLabStatusResponse> Status() const;
  absl::StatusOr<pb::ListJobsResponse> List(const pb::ListJobsRequest& request) const;
  absl::StatusOr<pb::ListPrintersResponse> Printers(const pb::ListPrintersRequest& request) const;
  pb::Job Message(const JobView& view) const;

  const LabConfig& config_;
  const std::string version_;
  const base::WallTime start_;
  JobStore& store_;
  Spool& spool_;
  PrintQueue& queue_;
  rpc::Executor& executor_;
  rpc::OpenStreams streams_;
};

}  // namespace proofline::lab
