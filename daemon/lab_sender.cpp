#include "daemon/lab_sender.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "daemon/file_stamp.h"
#include "daemon/original_upload.h"
#include "daemon/volume.h"
#include "lib/base/backoff.h"
#include "lib/base/digest.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

constexpr std::chrono::milliseconds kCallTimeout = std::chrono::seconds(30);
// The feed is opened anew, and the lab's products asked for again, at least this often.
constexpr std::chrono::milliseconds kFeedLasts = std::chrono::hours(1);
// An original whose digest the lab finds wrong this often has changed.
constexpr int kMostMismatches = 2;

std::string PhotoId(const std::string& name) { return name.substr(name.rfind('/') + 1); }

// "the original of wedding/DSC_0001.JPG" is more use to people than an id, but only ids are sure.
std::string OriginalOf(const pb::OrderLine& line) {
  return base::Concat("the original of the photo ", PhotoId(line.photo()));
}

// Trying again later can help; everything else is the share's own fault.
bool MayPass(const absl::Status& status) {
  return rpc::IsRetryable(status) || absl::IsUnauthenticated(status) ||
         absl::IsPermissionDenied(status) || absl::IsInternal(status) || absl::IsUnknown(status) ||
         absl::IsDataLoss(status) || absl::IsCancelled(status) || absl::IsUnimplemented(status);
}

// A folder that does not answer is not the lab, of which such an error would otherwise speak.
absl::Status Waits(const absl::Status& status, const pb::OrderLine& line) {
  if (!absl::IsDeadlineExceeded(status)) return status;
  return absl::FailedPreconditionError(base::Concat(
      OriginalOf(line), " is on a disk or share that does not answer; it is sent when it does"));
}

transfer::FileSender::Source SourceOf(const FolderFile& file, const pb::OrderLine& line,
                                      const std::stop_token& stop) {
  transfer::FileSender::Source source;
  source.read = [file, line, stop](std::int64_t offset,
                                   std::size_t size) -> absl::StatusOr<std::string> {
    absl::StatusOr<std::string> bytes = file.Read(offset, size, stop);
    if (!bytes.ok()) return Waits(bytes.status(), line);
    return bytes;
  };
  source.facts = [ file, line, stop ]() -> absl::StatusOr<struct stat> {
    absl::StatusOr<struct stat> facts = file.Facts(stop);
    if (!facts.ok()) return Waits(facts.status(), line);
    return facts;
  };
  return source;
}

pb::Item ItemOf(const pb::OrderLine& line, const std::string& lab) {
  pb::Item item;
  item.set_line_number(line.line_number());
  const auto product = rpc::ParseResourceName("studios/*/labs/*/products/*", line.product());
  item.set_product(
      base::Concat("labs/", lab, "/products/", product.has_value() ? product->at(2) : ""));
  item.set_quantity(line.quantity());
  item.set_original_digest(line.original_digest());
  item.set_original_size_bytes(line.original_size_bytes());
  if (line.has_edit()) *item.mutable_edit() = line.edit();
  if (line.has_print_crop()) *item.mutable_print_crop() = line.print_crop();
  return item;
}

}  // namespace

LabSender::LabSender(std::string lab, std::shared_ptr<grpc::Channel> channel, std::string peer,
                     Catalog& catalog, OrderBook& book, rpc::Metrics& metrics,
                     base::RateLimit* limit, FolderHands* hands)
    : lab_(std::move(lab)),
      channel_(std::move(channel)),
      stub_(pb::LabIntakeService::NewStub(channel_)),
      peer_(std::move(peer)),
      catalog_(catalog),
      book_(book),
      limit_(limit),
      hands_(hands != nullptr ? *hands : own_hands_),
      sent_bytes_(metrics.AddCounter("proofline_studio_lab_sent_bytes_total",
                                     "Bytes of ordered originals sent to labs.", {{"lab", lab_}})) {
}

LabSender::~LabSender() { Stop(); }

void LabSender::Start() {
  shares_ = std::jthread([this](const std::stop_token& stop) { RunShares(stop); });
  feed_ = std::jthread([this](const std::stop_token& stop) { RunFeed(stop); });
}

void LabSender::Stop() {
  for (std::jthread* thread : {&shares_, &feed_}) {
    if (thread->joinable()) thread->request_stop();
  }
  for (std::jthread* thread : {&shares_, &feed_}) {
    if (thread->joinable()) thread->join();
  }
}

// ---- Shares

void LabSender::RunShares(const std::stop_token& stop) {
  base::Backoff backoff(std::chrono::milliseconds(250), std::chrono::seconds(30));
  while (catalog_.WaitWhilePaused(stop)) {
    const std::uint64_t seen = book_.changes().current();
    const absl::StatusOr<std::vector<record::Share>> shares = book_.SharesToSend(lab_);
    absl::Status trouble = shares.status();
    if (shares.ok() && shares->empty()) {
      book_.changes().WaitBeyond(seen, stop);
      continue;
    }
    for (const record::Share& share : shares.ok() ? *shares : std::vector<record::Share>()) {
      if (stop.stop_requested()) return;
      const absl::Status status = Work(share, stop);
      if (stop.stop_requested()) return;
      if (status.ok()) continue;
      trouble = status;
      const std::string why = rpc::Describe(status, peer_);
      spdlog::warn("{} waits: {}", share.order(), why);
      trouble.Update(book_.NoteWaiting(share, why));
    }
    if (trouble.ok()) {
      backoff.Reset();
    } else {
      base::WaitFor(stop, backoff.Next());
    }
  }
}

absl::Status LabSender::Work(const record::Share& share, const std::stop_token& stop) {
  if (share.phase() == record::SHARE_PHASE_ASKING) return Ask(share, stop);
  return share.phase() == record::SHARE_PHASE_CANCELLING ? Cancel(share, stop) : Send(share, stop);
}

absl::Status LabSender::Ask(const record::Share& share, const std::stop_token& stop) {
  pb::GetJobRequest request;
  request.set_name(share.job());
  pb::Job job;
  rpc::ClientCall call(stop, kCallTimeout);
  const absl::Status status = rpc::FromGrpc(stub_->GetJob(call.context(), request, &job));
  if (absl::IsNotFound(status)) return book_.ForgetJob(share);
  return status.ok() ? book_.RecordJob(lab_, job, 0) : status;
}

absl::Status LabSender::Fail(const record::Share& share, const Problems& problems) {
  const std::string& why = problems.begin()->second;
  spdlog::warn("{}: {}", share.order(), why);
  return book_.FailShare(share, why, problems);
}

absl::Status LabSender::Send(const record::Share& share, const std::stop_token& stop) {
  Problems problems;
  if (absl::Status status = CheckOriginals(share, stop, problems); !status.ok()) return status;
  if (!problems.empty()) return Fail(share, problems);

  pb::CreateJobRequest request;
  request.mutable_job()->set_order(share.order());
  request.mutable_job()->set_device(catalog_.device().ToString());
  for (const pb::OrderLine& line : share.lines()) {
    *request.mutable_job()->add_items() = ItemOf(line, lab_);
  }
  pb::Job job;
  absl::Status status;
  {
    rpc::ClientCall call(stop, kCallTimeout);
    status = rpc::FromGrpc(stub_->CreateJob(call.context(), request, &job));
  }
  if (!status.ok() && !MayPass(status)) {
    for (const pb::OrderLine& line : share.lines()) {
      problems[line.line_number()] = rpc::Describe(status, peer_);
    }
    return Fail(share, problems);
  }
  if (status.ok()) status = book_.RecordJob(lab_, job, 0);
  if (!status.ok() || job.state() != pb::JOB_STATE_OPEN) return status;
  base::KillPoint("studio.lab.job_opened");

  if (status = SendOriginals(share, job, stop); !status.ok()) return status;
  // The order may have been cancelled, or a line have failed, while its originals went out.
  const absl::StatusOr<std::vector<record::Share>> now = book_.SharesToSend(lab_);
  if (!now.ok()) return now.status();
  const bool still_open = std::any_of(now->begin(), now->end(), [&](const record::Share& other) {
    return other.order() == share.order() && other.phase() == record::SHARE_PHASE_OPEN;
  });
  if (!still_open) return absl::OkStatus();

  pb::CloseJobRequest close;
  close.set_name(job.name());
  rpc::ClientCall call(stop, kCallTimeout);
  status = rpc::FromGrpc(stub_->CloseJob(call.context(), close, &job));
  if (status.ok() && job.state() == pb::JOB_STATE_OPEN) {
    status = absl::UnavailableError("the lab did not close the job");
  }
  if (status.ok()) status = book_.RecordJob(lab_, job, 0);
  if (status.ok()) base::KillPoint("studio.lab.job_closed");
  return status;
}

absl::Status LabSender::SendOriginals(const record::Share& share, const pb::Job& job,
                                      const std::stop_token& stop) {
  std::set<std::string> missing(job.missing_originals().begin(), job.missing_originals().end());
  for (const pb::OrderLine& line : share.lines()) {
    // What the lab asks for beyond the ordered originals is not sent.
    if (missing.erase(line.original_digest()) == 0) continue;
    if (!catalog_.WaitWhilePaused(stop)) return absl::CancelledError("stopping");
    if (absl::Status status = SendOriginal(share, line, job.name(), stop); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status LabSender::SendOriginal(const record::Share& share, const pb::OrderLine& line,
                                     const std::string& job, const std::stop_token& stop) {
  Original original;
  absl::StatusOr<std::optional<std::string>> problem = OpenOriginal(line, stop, original);
  if (!problem.ok()) return problem.status();
  if (problem->has_value()) return Fail(share, {{line.line_number(), **problem}});

  const absl::StatusOr<base::Digest> digest = base::Digest::FromBytes(line.original_digest());
  if (!digest.ok()) return digest.status();
  std::int64_t sent = 0;
  absl::Status status =
      UploadOriginal(*stub_, {job, Readable(original.path), *digest, original.size_bytes},
                     SourceOf(*original.file, line, stop), stop, sent, limit_);
  sent_bytes_.Increment(static_cast<double>(sent));
  if (absl::Status counted = book_.CountLabSentBytes(sent); !counted.ok()) return counted;
  if (status.ok()) {
    base::KillPoint("studio.lab.original_sent");
    return status;
  }
  if (absl::IsDataLoss(status) && rpc::ReasonOf(status) == "DIGEST_MISMATCH") {
    const absl::StatusOr<int> times = book_.CountMismatch(share, digest->hex());
    if (!times.ok()) return times.status();
    if (*times >= kMostMismatches) {
      const std::string why =
          base::Concat(OriginalOf(line), " has changed since it was ordered; order it again");
      return Fail(share, {{line.line_number(), why}});
    }
  }
  return status;
}

absl::Status LabSender::CheckOriginals(const record::Share& share, const std::stop_token& stop,
                                       Problems& problems) {
  for (const pb::OrderLine& line : share.lines()) {
    Original original;
    absl::StatusOr<std::optional<std::string>> problem = OpenOriginal(line, stop, original);
    if (!problem.ok()) return problem.status();
    if (problem->has_value()) problems[line.line_number()] = **problem;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> LabSender::OpenOriginal(const pb::OrderLine& line,
                                                                   const std::stop_token& stop,
                                                                   Original& original) {
  const std::string changed =
      base::Concat(OriginalOf(line), " has changed since it was ordered; order it again");
  const std::string missing =
      base::Concat(OriginalOf(line), " is not where it was; put the file back and order it again");
  const absl::StatusOr<base::Digest> digest = base::Digest::FromBytes(line.original_digest());
  if (!digest.ok()) return changed;
  const absl::StatusOr<OriginalPlaces> places =
      catalog_.FindOriginal(PhotoId(line.photo()), *digest, line.original_size_bytes());
  const bool may_be_found = catalog_.phase() != record::CATALOG_PHASE_WHOLE;
  const absl::Status not_found_yet = absl::FailedPreconditionError(base::Concat(
      OriginalOf(line), " has not been found yet: the catalog of this device is being built anew"));
  if (absl::IsNotFound(places.status())) {
    if (may_be_found) return not_found_yet;
    return missing;
  }
  if (!places.ok()) return places.status();

  bool differs = places->changed;
  // A file that the catalog knows of may be away with its disk, or have been moved a moment ago.
  bool away = false;
  bool moved = false;
  for (const OriginalPlaces::File& place : places->files) {
    const absl::StatusOr<FolderFile> file = FolderFile::Open(hands_, place.root, place.path, stop);
    const absl::StatusOr<struct stat> facts =
        file.ok() ? file->Facts(stop) : absl::StatusOr<struct stat>(file.status());
    if (absl::IsCancelled(facts.status())) return facts.status();
    if (!facts.ok()) {
      const absl::StatusOr<bool> volume_away =
          absl::IsNotFound(facts.status()) ? IsAway(place, stop) : true;
      if (!volume_away.ok()) return volume_away.status();
      away = away || *volume_away;
      moved = true;
      continue;
    }
    const Reading reading = ReadingOf(*facts);
    const bool same_size = reading.is_file() && static_cast<std::int64_t>(reading.stamp.size) ==
                                                    line.original_size_bytes();
    bool same = place.sure && same_size && reading.stamp.SameContent(place.stamp);
    if (same_size && !same) {
      // Touched, or written again: only its content can tell.
      const absl::StatusOr<base::Digest> now = file->Sha256(stop);
      if (absl::IsCancelled(now.status())) return now.status();
      if (!now.ok()) return Waits(now.status(), line);
      same = *now == *digest;
    }
    if (same) {
      original = {place.path, *file, line.original_size_bytes()};
      return std::nullopt;
    }
    // A card of the same names may be at its place, whose photos are not in the catalog yet.
    const absl::StatusOr<bool> other_volume = IsAway(place, stop);
    if (!other_volume.ok()) return other_volume.status();
    away = away || *other_volume;
    differs = true;
  }
  for (const OriginalPlaces::File& place : places->displaced) {
    const absl::StatusOr<bool> volume_away = IsAway(place, stop);
    if (!volume_away.ok()) return volume_away.status();
    away = away || *volume_away;
  }
  if (may_be_found) return not_found_yet;
  if (away) {
    return absl::FailedPreconditionError(base::Concat(
        OriginalOf(line), " is on a disk or share that cannot be read; it is sent when it can"));
  }
  if (moved) {
    return absl::FailedPreconditionError(
        base::Concat(OriginalOf(line), " is not where it was; it is being looked for"));
  }
  return differs ? changed : missing;
}

absl::StatusOr<bool> LabSender::IsAway(const OriginalPlaces::File& file,
                                       const std::stop_token& stop) {
  absl::StatusOr<bool> away = hands_.Ask(
      file.root, file.path,
      [file] { return IsVolumeAway(file.root, file.path, file.stamp, file.on_submount); }, stop);
  // Who does not answer cannot be read either.
  if (absl::IsDeadlineExceeded(away.status())) return true;
  return away;
}

absl::Status LabSender::Cancel(const record::Share& share, const std::stop_token& stop) {
  if (!share.job().empty()) {
    pb::CancelJobRequest request;
    request.set_name(share.job());
    pb::Job job;
    rpc::ClientCall call(stop, kCallTimeout);
    const absl::Status status = rpc::FromGrpc(stub_->CancelJob(call.context(), request, &job));
    if (absl::IsFailedPrecondition(status)) {
      return book_.RefuseCancel(share, rpc::Describe(status, peer_));
    }
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  return book_.FinishCancelled(share);
}

// ---- Feed

absl::Status LabSender::TakeManifest(const std::stop_token& stop) {
  rpc::ClientCall call(stop, kCallTimeout);
  pb::Lab lab;
  const absl::Status status =
      rpc::FromGrpc(stub_->GetLab(call.context(), pb::GetLabRequest(), &lab));
  if (!status.ok()) return status;
  const std::string& studio = catalog_.device().studio;
  lab.set_name(rpc::MakeResourceName("studios/*/labs/*", {studio, lab_}));
  for (pb::Product& product : *lab.mutable_products()) {
    const std::string id = product.name().substr(product.name().rfind('/') + 1);
    product.set_name(rpc::MakeResourceName("studios/*/labs/*/products/*", {studio, lab_, id}));
  }
  return book_.RecordManifest(lab_, lab, /*report_anyway=*/true);
}

absl::Status LabSender::Follow(const std::stop_token& stop, bool& heard) {
  if (absl::Status status = TakeManifest(stop); !status.ok()) return status;
  heard = true;
  rpc::ClientCall call(stop, kFeedLasts);
  pb::FollowJobsRequest request;
  request.set_after_revision(book_.JobFeedRevision(lab_));
  request.set_device(catalog_.device().ToString());
  const auto stream = stub_->FollowJobs(call.context(), request);
  absl::Status failure;
  pb::FollowJobsResponse response;
  while (failure.ok() && stream->Read(&response)) {
    failure = response.has_job() ? book_.RecordJob(lab_, response.job(), response.revision())
                                 : book_.RecordJobFeed(lab_, response.revision());
    base::KillPoint("studio.lab.job_followed");
  }
  if (!failure.ok()) call.context()->TryCancel();
  const absl::Status status = rpc::FromGrpc(stream->Finish());
  if (!failure.ok()) return failure;
  if (rpc::ReasonOf(status) == "REVISION_UNKNOWN") {
    spdlog::warn("{} was restored from an older copy; its jobs are gone through again", peer_);
    return book_.RestartJobFeed(lab_);
  }
  return status;
}

void LabSender::RunFeed(const std::stop_token& stop) {
  base::Backoff backoff(std::chrono::milliseconds(250), std::chrono::seconds(30));
  absl::StatusCode last_failure = absl::StatusCode::kOk;
  while (!stop.stop_requested()) {
    bool heard = false;
    const absl::Status status = Follow(stop, heard);
    if (stop.stop_requested()) break;
    if (heard) {
      backoff.Reset();
      last_failure = absl::StatusCode::kOk;
    }
    const bool hour_is_over = heard && absl::IsDeadlineExceeded(status);
    if (status.code() != last_failure && !hour_is_over) {
      spdlog::warn("{}", rpc::Describe(status, peer_));
    }
    last_failure = status.code();
    const bool refused = absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
    base::WaitFor(stop, refused ? base::Duration(std::chrono::minutes(1)) : backoff.Next());
  }
}

}  // namespace proofline::studio
