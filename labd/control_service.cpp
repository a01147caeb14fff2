#include "labd/control_service.h"

#include <chrono>
#include <utility>

#include "google/protobuf/util/time_util.h"
#include "labd/job_follow.h"
#include "labd/job_message.h"
#include "labd/job_rules.h"
#include "labd/operator_actions.h"
#include "lib/base/text.h"
#include "lib/rpc/call.h"
#include "lib/rpc/page_token.h"
#include "lib/rpc/resource_name.h"

namespace proofline::lab {
namespace {

grpc::ServerUnaryReactor* NotServed(grpc::CallbackServerContext* context, std::string_view what) {
  return rpc::Refuse(context, rpc::Error(absl::StatusCode::kUnimplemented,
                                         base::Concat(what,
                                                      " is not served by this version of the "
                                                      "lab"),
                                         "NOT_SERVED"));
}

}  // namespace

ControlService::ControlService(const LabConfig& config, std::string version,
                               const base::Clock& clock, JobStore& store, Spool& spool,
                               PrintQueue& queue, rpc::Executor& executor)
    : config_(config),
      version_(std::move(version)),
      start_(clock.WallNow()),
      store_(store),
      spool_(spool),
      queue_(queue),
      executor_(executor) {}

pb::Job ControlService::Message(const JobView& view) const {
  return ToMessage(view, config_.lab_id, spool_);
}

grpc::ServerUnaryReactor* ControlService::GetLabStatus(grpc::CallbackServerContext* context,
                                                       const pb::GetLabStatusRequest* /*request*/,
                                                       pb::GetLabStatusResponse* response) {
  return rpc::AnswerOn(executor_, context, response, [this] { return Status(); });
}

absl::StatusOr<pb::GetLabStatusResponse> ControlService::Status() const {
  pb::GetLabStatusResponse status;
  *status.mutable_lab() = ToMessage(config_.lab_id, config_.lab_name, config_.products);
  status.set_version(version_);
  *status.mutable_start_time() = google::protobuf::util::TimeUtil::NanosecondsToTimestamp(
      std::chrono::nanoseconds(start_.time_since_epoch()).count());
  for (pb::Printer& printer : queue_.List()) *status.add_printers() = std::move(printer);
  int open = 0;
  int held = 0;
  int failed = 0;
  const absl::Status read = store_.ForEachOpen([&](const JobView& view) {
    ++open;
    for (const record::Item& item : view.items) {
      held += item.state() == pb::ITEM_STATE_HELD ? 1 : 0;
      failed += item.state() == pb::ITEM_STATE_FAILED ? 1 : 0;
    }
  });
  if (!read.ok()) return read;
  status.set_open_jobs(open);
  status.set_held_items(held);
  status.set_failed_items(failed);
  status.set_spool_bytes(static_cast<std::int64_t>(spool_.bytes()));
  return status;
}

grpc::ServerUnaryReactor* ControlService::ListJobs(grpc::CallbackServerContext* context,
                                                   const pb::ListJobsRequest* request,
                                                   pb::ListJobsResponse* response) {
  return rpc::AnswerOn(executor_, context, response, [this, request] { return List(*request); });
}

absl::StatusOr<pb::ListJobsResponse> ControlService::List(
    const pb::ListJobsRequest& request) const {
  const absl::StatusOr<int> size = rpc::PageSize(request.page_size(), 50, 1'000);
  if (!size.ok()) return size.status();
  const absl::StatusOr<std::string> before = rpc::ReadPageToken(request);
  if (!before.ok()) return before.status();
  // One more than asked for tells whether there is a next page.
  const auto views = store_.List(request.state(), *before, *size + 1);
  if (!views.ok()) return views.status();
  pb::ListJobsResponse response;
  for (const JobView& view : *views) {
    if (response.jobs_size() == *size) {
      const pb::Job& last = response.jobs(*size - 1);
      response.set_next_page_token(
          rpc::MakePageToken(request, std::string_view(last.name()).substr(5)));
      break;
    }
    *response.add_jobs() = Message(view);
  }
  return response;
}

grpc::ServerUnaryReactor* ControlService::GetLabJob(grpc::CallbackServerContext* context,
                                                    const pb::GetLabJobRequest* request,
                                                    pb::Job* response) {
  return Act(context, request->name(), response,
             [this](const std::string& name) -> absl::StatusOr<JobView> {
               const auto ids = rpc::ParseResourceName("jobs/*", name);
               if (ids.has_value()) return store_.Get(ids->front());
               return rpc::Error(absl::StatusCode::kNotFound,
                                 base::Concat("there is no job ", name), "JOB_NOT_FOUND");
             });
}

grpc::ServerWriteReactor<pb::WatchJobsResponse>* ControlService::WatchJobs(
    grpc::CallbackServerContext* context, const pb::WatchJobsRequest* request) {
  const absl::Status status = store_.CheckAfterRevision(request->after_revision());
  if (!status.ok()) {
    const auto refused = rpc::ServerStreamWriter<pb::WatchJobsResponse>::Create({});
    refused->Finish(status);
    return refused.get();
  }
  FollowRules rules;
  rules.sees = [](const record::FeedEntry&) { return true; };
  rules.to_message = [this](const JobView& view) { return Message(view); };
  return JobFollower<pb::WatchJobsResponse>::Start(context, executor_, store_, streams_,
                                                   request->after_revision(), std::move(rules));
}

grpc::ServerUnaryReactor* ControlService::Act(grpc::CallbackServerContext* context,
                                              const std::string& name, pb::Job* response,
                                              Action action) {
  return rpc::AnswerOn(executor_, context, response,
                       [this, name, action = std::move(action)]() -> absl::StatusOr<pb::Job> {
                         const absl::StatusOr<JobView> view = action(name);
                         if (!view.ok()) return view.status();
                         return Message(*view);
                       });
}

grpc::ServerUnaryReactor* ControlService::HoldJob(grpc::CallbackServerContext* context,
                                                  const pb::HoldJobRequest* request,
                                                  pb::Job* response) {
  return Act(context, request->name(), response,
             [this](const std::string& name) { return HoldItems(store_, name); });
}

grpc::ServerUnaryReactor* ControlService::ReleaseJob(grpc::CallbackServerContext* context,
                                                     const pb::ReleaseJobRequest* request,
                                                     pb::Job* response) {
  return Act(context, request->name(), response,
             [this](const std::string& name) { return ReleaseItems(store_, name); });
}

grpc::ServerUnaryReactor* ControlService::ConfirmPrinted(grpc::CallbackServerContext* context,
                                                         const pb::ConfirmPrintedRequest* request,
                                                         pb::Job* response) {
  return Act(context, request->name(), response,
             [this](const std::string& name) { return ConfirmItems(store_, name); });
}

grpc::ServerUnaryReactor* ControlService::CancelLabJob(grpc::CallbackServerContext* context,
                                                       const pb::CancelLabJobRequest* request,
                                                       pb::Job* response) {
  return Act(context, request->name(), response,
             [this](const std::string& name) { return CancelItems(store_, name); });
}

grpc::ServerUnaryReactor* ControlService::Reprint(grpc::CallbackServerContext* context,
                                                  const pb::ReprintRequest* request,
                                                  pb::Job* response) {
  return Act(context, request->name(), response,
             [this](const std::string& name) { return ReprintItems(store_, spool_, name); });
}

grpc::ServerUnaryReactor* ControlService::ListPrinters(grpc::CallbackServerContext* context,
                                                       const pb::ListPrintersRequest* request,
                                                       pb::ListPrintersResponse* response) {
  return rpc::Answer(context, response, Printers(*request));
}

absl::StatusOr<pb::ListPrintersResponse> ControlService::Printers(
    const pb::ListPrintersRequest& request) const {
  const absl::StatusOr<int> size = rpc::PageSize(request.page_size(), 100, 1'000);
  if (!size.ok()) return size.status();
  const absl::StatusOr<std::string> after = rpc::ReadPageToken(request);
  if (!after.ok()) return after.status();
  pb::ListPrintersResponse response;
  for (pb::Printer& printer : queue_.List()) {
    if (printer.name() <= *after) continue;
    if (response.printers_size() == *size) {
      response.set_next_page_token(
          rpc::MakePageToken(request, response.printers(*size - 1).name()));
      break;
    }
    *response.add_printers() = std::move(printer);
  }
  return response;
}

grpc::ServerUnaryReactor* ControlService::SetPaused(grpc::CallbackServerContext* context,
                                                    const std::string& name, bool paused,
                                                    pb::Printer* response) {
  return rpc::AnswerOn(executor_, context, response, [this, name, paused] {
    const auto ids = rpc::ParseResourceName("printers/*", name);
    return queue_.SetPaused(ids.has_value() ? ids->front() : name, paused);
  });
}

grpc::ServerUnaryReactor* ControlService::PausePrinter(grpc::CallbackServerContext* context,
                                                       const pb::PausePrinterRequest* request,
                                                       pb::Printer* response) {
  return SetPaused(context, request->name(), true, response);
}

grpc::ServerUnaryReactor* ControlService::ResumePrinter(grpc::CallbackServerContext* context,
                                                        const pb::ResumePrinterRequest* request,
                                                        pb::Printer* response) {
  return SetPaused(context, request->name(), false, response);
}

grpc::ServerUnaryReactor* ControlService::PrintTestPage(grpc::CallbackServerContext* context,
                                                        const pb::PrintTestPageRequest* /*request*/,
                                                        pb::PrintTestPageResponse* /*response*/) {
  return NotServed(context, "a test page");
}

grpc::ServerUnaryReactor* ControlService::GetJobContactSheet(
    grpc::CallbackServerContext* context, const pb::GetJobContactSheetRequest* /*request*/,
    pb::GetJobContactSheetResponse* /*response*/) {
  return NotServed(context, "a contact sheet");
}

grpc::ServerUnaryReactor* ControlService::GetDayReport(grpc::CallbackServerContext* context,
                                                       const pb::GetDayReportRequest* /*request*/,
                                                       pb::GetDayReportResponse* /*response*/) {
  return NotServed(context, "a report of the day");
}

}  // namespace proofline::lab
