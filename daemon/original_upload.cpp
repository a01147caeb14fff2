#include "daemon/original_upload.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
#include "lib/transfer/file_sender.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

// One upload stream. The calling thread writes, a second one reads.
class Upload {
 public:
  Upload(pb::LabIntakeService::Stub& lab, transfer::FileSender sender, const std::stop_token& stop,
         base::RateLimit* limit)
      : call_(stop),
        stop_(stop),
        limit_(limit),
        sender_(std::move(sender)),
        stream_(lab.UploadOriginal(call_.context())) {}

  absl::Status Run(const OriginalUpload& original, std::int64_t& sent_bytes) {
    pb::UploadOriginalRequest start;
    start.mutable_start()->set_job(original.job);
    start.mutable_start()->set_digest(std::string(original.digest.bytes()));
    start.mutable_start()->set_size_bytes(original.size_bytes);
    stream_->Write(start);
    {
      const std::jthread reader([this] { Read(); });
      Write(sent_bytes);
    }
    const absl::Status status = rpc::FromGrpc(stream_->Finish());
    if (!failure_.ok()) return failure_;
    if (!status.ok()) return status;
    if (!complete_) {
      return absl::UnavailableError("the lab ended the upload before it had the original");
    }
    return absl::OkStatus();
  }

 private:
  void Read() {
    pb::UploadOriginalResponse response;
    while (stream_->Read(&response)) {
      const std::lock_guard lock(mutex_);
      sender_.SetWindow(std::max<std::int64_t>(response.window_bytes(), 1));
      // The first answer says where to begin.
      const absl::Status status = std::exchange(begun_, true)
                                      ? sender_.Acknowledge(response.committed_bytes())
                                      : sender_.Rewind(response.committed_bytes());
      if (!status.ok()) Fail(status);
      complete_ = complete_ || response.complete();
      changed_.notify_all();
    }
    const std::lock_guard lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }

  // Under the lock.
  void Fail(const absl::Status& status) {
    failure_.Update(status);
    over_ = true;
    call_.context()->TryCancel();
  }

  // The next message; nothing when there is none to send any more.
  std::optional<pb::UploadOriginalRequest> Next() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return over_ || complete_ || begun_; });
      if (over_ || complete_ || sender_.all_sent()) return std::nullopt;
      absl::StatusOr<std::optional<transfer::Chunk>> chunk = sender_.Next(kChunkBytes);
      if (!chunk.ok()) {
        Fail(chunk.status());
        return std::nullopt;
      }
      if (chunk->has_value()) {
        pb::UploadOriginalRequest request;
        request.mutable_chunk()->set_offset((*chunk)->offset);
        request.mutable_chunk()->set_data(std::move((*chunk)->bytes));
        return request;
      }
      // The window is full until the lab acknowledges.
      const std::int64_t acknowledged = sender_.acknowledged_bytes();
      changed_.wait(
          lock, [&] { return over_ || complete_ || sender_.acknowledged_bytes() != acknowledged; });
    }
  }

  void Write(std::int64_t& sent_bytes) {
    while (std::optional<pb::UploadOriginalRequest> request = Next()) {
      if (limit_ != nullptr && !limit_->Take(request->chunk().data().size(), stop_)) return;
      if (!stream_->Write(*request)) return;
      sent_bytes += static_cast<std::int64_t>(request->chunk().data().size());
    }
    stream_->WritesDone();
  }

  rpc::ClientCall call_;
  const std::stop_token stop_;
  base::RateLimit* const limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  transfer::FileSender sender_;
  bool begun_ = false;
  bool complete_ = false;
  bool over_ = false;
  absl::Status failure_;
  std::unique_ptr<grpc::ClientReaderWriter<pb::UploadOriginalRequest, pb::UploadOriginalResponse>>
      stream_;
};

}  // namespace

absl::Status UploadOriginal(pb::LabIntakeService::Stub& lab, const OriginalUpload& original,
                            transfer::FileSender::Source source, const std::stop_token& stop,
                            std::int64_t& sent_bytes, base::RateLimit* limit) {
  absl::StatusOr<transfer::FileSender> sender = transfer::FileSender::Open(
      std::move(source), original.path, original.size_bytes, kChunkBytes);
  if (!sender.ok()) return sender.status();
  return Upload(lab, *std::move(sender), stop, limit).Run(original, sent_bytes);
}

}  // namespace proofline::studio
