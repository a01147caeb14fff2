#include "labd/intake_service.h"

#include <spdlog/spdlog.h>

#include <set>
#include <utility>

#include "labd/job_follow.h"
#include "labd/job_message.h"
#include "labd/job_rules.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/rpc/call.h"
#include "lib/rpc/resource_name.h"

namespace proofline::lab {
namespace {

// The originals a job needs that are not in the spool, each once, with their bytes.
struct Missing {
  int count = 0;
  std::uint64_t bytes = 0;
};

Missing MissingOriginals(const std::string& studio, const std::vector<record::Item>& items,
                         const Spool& spool) {
  Missing missing;
  std::set<std::string> seen;
  for (const record::Item& item : items) {
    if (!seen.insert(item.original_digest()).second) continue;
    const absl::StatusOr<base::Digest> digest = base::Digest::FromBytes(item.original_digest());
    if (digest.ok() && spool.HasOriginal(studio, *digest, item.original_size_bytes())) continue;
    ++missing.count;
    missing.bytes += static_cast<std::uint64_t>(item.original_size_bytes());
  }
  return missing;
}

// Whether something of it was printed, or may have been.
bool TooLateToCancel(const record::Item& item) {
  return item.state() == pb::ITEM_STATE_PRINTING || item.state() == pb::ITEM_STATE_PRINTED ||
         item.copies_done() > 0 || item.has_submission();
}

}  // namespace

IntakeService::IntakeService(const LabConfig& config, const StudioAccess& access, JobStore& store,
                             Spool& spool, rpc::Executor& executor, rpc::Metrics& metrics)
    : config_(config),
      access_(access),
      store_(store),
      spool_(spool),
      executor_(executor),
      received_bytes_(
          metrics.AddCounter("proofline_lab_received_bytes_total", "Bytes of originals received.")),
      received_jobs_(
          metrics.AddCounter("proofline_lab_jobs_received_total", "Jobs closed by studios.")) {}

pb::Job IntakeService::Message(const JobView& view) const {
  return ToMessage(view, config_.lab_id, spool_);
}

absl::StatusOr<JobView> IntakeService::JobOf(const std::string& name,
                                             const std::string& studio) const {
  const auto ids = rpc::ParseResourceName("jobs/*", name);
  absl::StatusOr<JobView> view = absl::NotFoundError("");
  if (ids.has_value()) view = store_.Get(ids->front());
  if (!view.ok() && !absl::IsNotFound(view.status())) return view;
  if (view.ok() && view->job.studio() == studio && view->job.reprint_of().empty()) return view;
  return rpc::Error(absl::StatusCode::kNotFound, base::Concat("there is no job ", name),
                    "JOB_NOT_FOUND");
}

absl::StatusOr<JobView> IntakeService::RemovedJobOf(const std::string& name,
                                                    const std::string& studio,
                                                    const absl::Status& otherwise) const {
  const auto ids = rpc::ParseResourceName("jobs/*", name);
  if (!ids.has_value()) return otherwise;
  absl::StatusOr<JobView> view = store_.GetRemoved(ids->front());
  if (!view.ok() && !absl::IsNotFound(view.status())) return view;
  if (view.ok() && view->job.studio() == studio) return view;
  return otherwise;
}

grpc::ServerUnaryReactor* IntakeService::GetLab(grpc::CallbackServerContext* context,
                                                const pb::GetLabRequest* /*request*/,
                                                pb::Lab* response) {
  const absl::StatusOr<std::string> studio = access_.Authenticate(*context);
  if (!studio.ok()) return rpc::Refuse(context, studio.status());
  return rpc::Answer<pb::Lab>(context, response,
                              ToMessage(config_.lab_id, config_.lab_name, config_.products));
}

grpc::ServerUnaryReactor* IntakeService::CreateJob(grpc::CallbackServerContext* context,
                                                   const pb::CreateJobRequest* request,
                                                   pb::Job* response) {
  absl::StatusOr<std::string> studio = access_.Authenticate(*context);
  if (!studio.ok()) return rpc::Refuse(context, studio.status());
  return rpc::AnswerOn(executor_, context, response, [this, request, studio = *std::move(studio)] {
    return Create(*request, studio);
  });
}

absl::StatusOr<pb::Job> IntakeService::Create(const pb::CreateJobRequest& request,
                                              const std::string& studio) {
  absl::StatusOr<JobStore::NewJob> job = NewJobFromMessage(request.job(), studio, config_.lab_id,
                                                           config_.products, config_.max_original);
  if (!job.ok()) return job.status();
  const Missing missing = MissingOriginals(studio, job->items, spool_);
  if (absl::Status room = spool_.CheckRoom(missing.bytes); !room.ok()) {
    // A job that the lab has already, or has finished, needs no room to be told of.
    const absl::StatusOr<JobView> known = store_.Find(*job);
    if (absl::IsNotFound(known.status())) return room;
    if (!known.ok()) return known.status();
    return Message(*known);
  }
  const absl::StatusOr<JobView> view = store_.Create(*job);
  if (!view.ok()) return view.status();
  base::KillPoint("lab.intake.created");
  return Message(*view);
}

grpc::ServerUnaryReactor* IntakeService::GetJob(grpc::CallbackServerContext* context,
                                                const pb::GetJobRequest* request,
                                                pb::Job* response) {
  absl::StatusOr<std::string> studio = access_.Authenticate(*context);
  if (!studio.ok()) return rpc::Refuse(context, studio.status());
  return rpc::AnswerOn(executor_, context, response,
                       [this, request, studio = *std::move(studio)]() -> absl::StatusOr<pb::Job> {
                         absl::StatusOr<JobView> view = JobOf(request->name(), studio);
                         if (absl::IsNotFound(view.status())) {
                           view = RemovedJobOf(request->name(), studio, view.status());
                         }
                         if (!view.ok()) return view.status();
                         return Message(*view);
                       });
}

grpc::ServerBidiReactor<pb::UploadOriginalRequest, pb::UploadOriginalResponse>*
IntakeService::UploadOriginal(grpc::CallbackServerContext* context) {
  absl::StatusOr<std::string> studio = access_.Authenticate(*context);
  if (studio.ok()) {
    return Upload::Start(context, {store_, spool_, executor_, streams_, received_bytes_},
                         *std::move(studio));
  }
  Upload::Stream::Handlers ignore;
  ignore.on_message = [](Upload::Stream&, const pb::UploadOriginalRequest&) {};
  const auto refused = Upload::Stream::Create(std::move(ignore));
  refused->Finish(studio.status());
  return refused.get();
}

grpc::ServerUnaryReactor* IntakeService::CloseJob(grpc::CallbackServerContext* context,
                                                  const pb::CloseJobRequest* request,
                                                  pb::Job* response) {
  absl::StatusOr<std::string> studio = access_.Authenticate(*context);
  if (!studio.ok()) return rpc::Refuse(context, studio.status());
  return rpc::AnswerOn(executor_, context, response, [this, request, studio = *std::move(studio)] {
    return Close(request->name(), studio);
  });
}

absl::StatusOr<pb::Job> IntakeService::Close(const std::string& name, const std::string& studio) {
  const absl::StatusOr<JobView> found = JobOf(name, studio);
  if (!found.ok()) return found.status();
  bool closed_now = false;
  const absl::StatusOr<JobView> view =
      store_.Change(found->job.id(), [&](JobView& job) -> absl::Status {
        if (job.job.closed() || IsFinal(job.job.state())) return absl::OkStatus();
        const Missing missing = MissingOriginals(studio, job.items, spool_);
        if (missing.count > 0) {
          return rpc::Error(absl::StatusCode::kFailedPrecondition,
                            base::Concat(name, " lacks ", missing.count,
                                         " of its originals; upload them, then close it"),
                            "ORIGINALS_MISSING", {{"missing", std::to_string(missing.count)}});
        }
        closed_now = true;
        job.job.set_closed(true);
        for (record::Item& item : job.items) {
          if (item.state() == pb::ITEM_STATE_WAITING) item.set_state(pb::ITEM_STATE_READY);
        }
        return absl::OkStatus();
      });
  if (!view.ok()) return view.status();
  base::KillPoint("lab.intake.closed");
  if (closed_now) {
    received_jobs_.Increment();
    spdlog::info("{} of studio {} is complete: {} items", name, studio, view->items.size());
  }
  return Message(*view);
}

grpc::ServerUnaryReactor* IntakeService::CancelJob(grpc::CallbackServerContext* context,
                                                   const pb::CancelJobRequest* request,
                                                   pb::Job* response) {
  absl::StatusOr<std::string> studio = access_.Authenticate(*context);
  if (!studio.ok()) return rpc::Refuse(context, studio.status());
  return rpc::AnswerOn(executor_, context, response, [this, request, studio = *std::move(studio)] {
    return Cancel(request->name(), studio);
  });
}

absl::StatusOr<pb::Job> IntakeService::Cancel(const std::string& name, const std::string& studio) {
  const absl::StatusOr<JobView> found = JobOf(name, studio);
  if (!found.ok()) return found.status();
  const absl::StatusOr<JobView> view =
      store_.Change(found->job.id(), [&](JobView& job) -> absl::Status {
        for (record::Item& item : job.items) {
          if (TooLateToCancel(item)) {
            return rpc::Error(
                absl::StatusCode::kFailedPrecondition,
                base::Concat(name, " can no longer be cancelled: line ", item.line_number(), " is ",
                             InWords(item.state()), "; call the lab"),
                "TOO_LATE", {{"line", std::to_string(item.line_number())}});
          }
          item.set_state(pb::ITEM_STATE_CANCELLED);
          item.set_state_message("cancelled by the studio");
          item.clear_printer();
        }
        return absl::OkStatus();
      });
  if (!view.ok()) return view.status();
  base::KillPoint("lab.intake.cancelled");
  return Message(*view);
}

absl::Status IntakeService::NoteFollowed(const std::string& studio, const std::string& device,
                                         std::int64_t revision) {
  if (!rpc::ParseResourceName("studios/*/devices/*", device).has_value()) {
    return rpc::Error(absl::StatusCode::kInvalidArgument,
                      "a follower names its device as studios/STUDIO/devices/DEVICE",
                      "DEVICE_INVALID");
  }
  return executor_.Run([this, studio, device, revision] {
    const absl::Status noted = store_.NoteFollowed(studio, device, revision);
    // Finished jobs stay longer, that is all.
    if (!noted.ok()) spdlog::warn("cannot note what {} has heard: {}", device, noted.ToString());
  });
}

grpc::ServerWriteReactor<pb::FollowJobsResponse>* IntakeService::FollowJobs(
    grpc::CallbackServerContext* context, const pb::FollowJobsRequest* request) {
  const absl::StatusOr<std::string> studio = access_.Authenticate(*context);
  absl::Status status = studio.status();
  if (status.ok()) status = store_.CheckAfterRevision(request->after_revision());
  if (status.ok() && !request->device().empty()) {
    status = NoteFollowed(*studio, request->device(), request->after_revision());
  }
  if (!status.ok()) {
    const auto refused = rpc::ServerStreamWriter<pb::FollowJobsResponse>::Create({});
    refused->Finish(status);
    return refused.get();
  }
  FollowRules rules;
  rules.sees = [studio = *studio](const record::FeedEntry& entry) {
    return entry.studio() == studio && !entry.hidden();
  };
  rules.to_message = [this](const JobView& view) { return Message(view); };
  return JobFollower<pb::FollowJobsResponse>::Start(context, executor_, store_, streams_,
                                                    request->after_revision(), std::move(rules));
}

}  // namespace proofline::lab
