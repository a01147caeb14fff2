#include "labd/upload.h"

#include <algorithm>
#include <utility>

#include "labd/job_rules.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::lab {
namespace {

using absl::StatusCode;

absl::Status Invalid(std::string_view sentence, std::string_view reason) {
  return rpc::Error(StatusCode::kInvalidArgument, sentence, reason);
}

// Gives a failure of the receiver its reason.
absl::Status WithReason(const absl::Status& status, const transfer::FileReceiver* receiver) {
  const std::string_view words = base::ToStd(status.message());
  switch (status.code()) {
    case StatusCode::kAborted:
      return rpc::Error(StatusCode::kAborted,
                        "this original is being uploaded on another stream; wait for that one",
                        "UPLOAD_BUSY");
    case StatusCode::kResourceExhausted:
      return rpc::Error(
          StatusCode::kResourceExhausted,
          base::Concat("the lab's disk is full; try again in some minutes (", words, ")"),
          "DISK_FULL");
    case StatusCode::kDataLoss:
      if (receiver == nullptr || !receiver->wrong_digest()) {
        return rpc::Error(StatusCode::kUnavailable,
                          base::Concat("the lab's disk fails; call the lab (", words, ")"),
                          "DISK_FAILED");
      }
      return rpc::Error(StatusCode::kDataLoss,
                        "what came is not the original of that digest; send it again from the "
                        "beginning",
                        "DIGEST_MISMATCH");
    case StatusCode::kOutOfRange: {
      const std::int64_t committed = receiver == nullptr ? 0 : receiver->committed_bytes();
      return rpc::Error(
          StatusCode::kOutOfRange,
          base::Concat("the lab has ", committed, " bytes of this original; go on there"),
          "WRONG_OFFSET", {{"committed_bytes", std::to_string(committed)}});
    }
    case StatusCode::kInvalidArgument:
      return Invalid(words, "UPLOAD_INVALID");
    default:
      return status;
  }
}

// The item of the job that needs this original.
absl::Status CheckNeeded(const JobView& view, const pb::UploadStart& start) {
  const auto needs = std::find_if(
      view.items.begin(), view.items.end(),
      [&](const record::Item& item) { return item.original_digest() == start.digest(); });
  if (needs == view.items.end()) {
    return rpc::Error(StatusCode::kNotFound,
                      base::Concat(start.job(), " does not need an original of that digest"),
                      "ORIGINAL_NOT_NEEDED");
  }
  if (needs->original_size_bytes() != start.size_bytes()) {
    return Invalid(base::Concat(start.job(), " needs this original with ",
                                needs->original_size_bytes(), " bytes, not ", start.size_bytes()),
                   "SIZE_INVALID");
  }
  if (IsFinal(view.job.state())) {
    return rpc::Error(StatusCode::kFailedPrecondition,
                      base::Concat(start.job(), " is ", InWords(view.job.state()),
                                   " and needs no originals any more"),
                      "JOB_OVER");
  }
  return absl::OkStatus();
}

}  // namespace

Upload::Stream* Upload::Start(grpc::CallbackServerContext* context, const UploadParts& parts,
                              std::string studio) {
  auto upload = std::shared_ptr<Upload>(new Upload(parts, std::move(studio)));
  // The end of an upload syncs what has come, which is not for gRPC's threads: the last reference
  // goes to the executor.
  auto held = std::make_shared<std::shared_ptr<Upload>>(std::move(upload));
  Stream::Handlers handlers;
  handlers.on_message = [held](Stream& stream, pb::UploadOriginalRequest request) {
    (*held)->Post(stream, std::move(request));
  };
  handlers.on_half_close = [held](Stream& stream) { (*held)->Post(stream, std::nullopt); };
  handlers.on_done = [held, &executor = parts.executor](Stream&) {
    executor.Run([last = std::move(*held)]() mutable { last.reset(); }).IgnoreError();
  };
  const std::shared_ptr<Stream> stream = Stream::Create(std::move(handlers), {}, context);
  parts.streams.Add(stream);
  return stream.get();
}

Upload::~Upload() { Drop(); }

void Upload::Drop() {
  if (receiver_.has_value() && !receiver_->complete()) receiver_->Sync().IgnoreError();
  if (was_wrong_) {
    // Nothing of it is there any more, not even what was when the call began.
    reservation_.Keep(0);
    parts_.spool.Forget(static_cast<std::uint64_t>(first_byte_));
  } else if (receiver_.has_value()) {
    reservation_.Keep(static_cast<std::uint64_t>(receiver_->written_bytes() - first_byte_));
  }
  was_wrong_ = false;
  receiver_.reset();
}

void Upload::Post(Stream& stream, std::optional<pb::UploadOriginalRequest> request) {
  // The stream lives as long as its handlers, the task may live longer.
  auto alive = stream.shared_from_this();
  auto shared = std::make_shared<std::optional<pb::UploadOriginalRequest>>(std::move(request));
  const absl::Status taken = parts_.executor.Run(
      [self = shared_from_this(), alive, shared] { self->Handle(*alive, *shared); });
  if (!taken.ok()) stream.Finish(taken);
}

void Upload::Handle(Stream& stream, const std::optional<pb::UploadOriginalRequest>& request) {
  if (done_) return;
  if (stream.over()) {
    Drop();
    return;
  }
  absl::Status status;
  if (!request.has_value()) {
    status = Invalid("the upload ended before the original was whole", "UPLOAD_INCOMPLETE");
  } else if (request->has_start() && !receiver_.has_value()) {
    status = Open(stream, request->start());
  } else if (request->has_chunk() && receiver_.has_value()) {
    status = Take(stream, request->chunk());
  } else {
    status =
        Invalid("an upload begins with `start`, once, and goes on with `chunk`", "UPLOAD_INVALID");
  }
  if (status.ok() && !done_) {
    stream.Continue();
    return;
  }
  done_ = true;
  Drop();
  stream.Finish(status);
}

absl::Status Upload::Open(Stream& stream, const pb::UploadStart& start) {
  const auto ids = rpc::ParseResourceName("jobs/*", start.job());
  const absl::StatusOr<base::Digest> digest = base::Digest::FromBytes(start.digest());
  if (!digest.ok()) return Invalid("an upload names its original by 32 bytes", "DIGEST_INVALID");
  const absl::StatusOr<JobView> view =
      ids.has_value() ? parts_.store.Get(ids->front()) : absl::NotFoundError("");
  if (!view.ok() && !absl::IsNotFound(view.status())) return view.status();
  if (!view.ok() || view->job.studio() != studio_ || !view->job.reprint_of().empty()) {
    return rpc::Error(StatusCode::kNotFound, base::Concat("there is no job ", start.job()),
                      "JOB_NOT_FOUND");
  }
  if (absl::Status needed = CheckNeeded(*view, start); !needed.ok()) return needed;
  const absl::StatusOr<std::filesystem::path> folder = parts_.spool.OriginalsOf(studio_);
  if (!folder.ok()) return WithReason(folder.status(), nullptr);
  absl::StatusOr<transfer::FileReceiver> receiver =
      transfer::FileReceiver::Open(*folder, *digest, start.size_bytes());
  if (!receiver.ok()) return WithReason(receiver.status(), nullptr);
  first_byte_ = receiver->committed_bytes();
  const auto rest = static_cast<std::uint64_t>(start.size_bytes() - first_byte_);
  absl::StatusOr<Spool::Reservation> room = parts_.spool.Reserve(receiver->complete() ? 0 : rest);
  if (!room.ok()) return room.status();
  reservation_ = *std::move(room);
  receiver_.emplace(*std::move(receiver));
  // All bytes may have come before a crash that left no time to look at them.
  if (receiver_->written_bytes() == receiver_->size_bytes()) return Complete(stream);
  return Acknowledge(stream, false);
}

absl::Status Upload::Take(Stream& stream, const pb::UploadChunk& chunk) {
  if (chunk.data().empty() || chunk.data().size() > kMaxChunk) {
    return Invalid("a piece of an original has 1 byte to 4 MiB", "CHUNK_INVALID");
  }
  const absl::Status written = receiver_->Write(chunk.offset(), chunk.data());
  if (!written.ok()) return WithReason(written, &*receiver_);
  parts_.received_bytes.Increment(static_cast<double>(chunk.data().size()));
  base::KillPoint("lab.upload.chunk");
  if (receiver_->written_bytes() == receiver_->size_bytes()) return Complete(stream);
  if (receiver_->committed_bytes() > told_) return Acknowledge(stream, false);
  return absl::OkStatus();
}

absl::Status Upload::Complete(Stream& stream) {
  const absl::Status finished = receiver_->Finish();
  was_wrong_ = receiver_->wrong_digest();
  if (!finished.ok()) return WithReason(finished, &*receiver_);
  base::KillPoint("lab.upload.complete");
  done_ = true;
  return Acknowledge(stream, true);
}

absl::Status Upload::Acknowledge(Stream& stream, bool complete) {
  pb::UploadOriginalResponse response;
  response.set_committed_bytes(receiver_->committed_bytes());
  response.set_window_bytes(kWindow);
  response.set_complete(complete);
  told_ = receiver_->committed_bytes();
  const rpc::SendResult sent = stream.TrySend(std::move(response));
  // An acknowledgement that finds no room is made up for by the next one; the last has none.
  if (sent == rpc::SendResult::kFull && complete) {
    return rpc::Error(StatusCode::kResourceExhausted,
                      "the device does not read the lab's answers; ask again", "SLOW_READER");
  }
  return absl::OkStatus();
}

}  // namespace proofline::lab
