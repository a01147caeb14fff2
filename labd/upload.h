// One original on its way from a studio into the spool.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "labd/job_store.h"
#include "labd/spool.h"
#include "lib/rpc/executor.h"
#include "lib/rpc/metrics.h"
#include "lib/rpc/stream.h"
#include "lib/transfer/file_receiver.h"
#include "proofline/v1/lab_intake_service.pb.h"

namespace proofline::lab {

// What uploads need; everything must outlive the streams.
struct UploadParts {
  JobStore& store;
  Spool& spool;
  rpc::Executor& executor;
  rpc::OpenStreams& streams;
  rpc::Counter& received_bytes;
};

// The state of one UploadOriginal call. Requests are handled one at a time on the executor; the
// next is read when the one before is on its way to the disk, so that memory does not grow with the
// file. Dropping it keeps what has been synced for the next call.
class Upload : public std::enable_shared_from_this<Upload> {
 public:
  using Stream = rpc::BidiStream<pb::UploadOriginalRequest, pb::UploadOriginalResponse>;

  // Most bytes a device may send beyond what is committed.
  static constexpr std::int64_t kWindow = std::int64_t{32} << 20;
  static constexpr std::size_t kMaxChunk = std::size_t{4} << 20;

  // `studio` is who calls.
  static Stream* Start(grpc::CallbackServerContext* context, const UploadParts& parts,
                       std::string studio);
  ~Upload();

 private:
  Upload(const UploadParts& parts, std::string studio)
      : parts_(parts), studio_(std::move(studio)) {}

  void Post(Stream& stream, std::optional<pb::UploadOriginalRequest> request);
  // Nothing: the client sends no more.
  void Handle(Stream& stream, const std::optional<pb::UploadOriginalRequest>& request);
  absl::Status Open(Stream& stream, const pb::UploadStart& start);
  absl::Status Take(Stream& stream, const pb::UploadChunk& chunk);
  absl::Status Complete(Stream& stream);
  absl::Status Acknowledge(Stream& stream, bool complete);
  void Drop();

  const UploadParts parts_;
  const std::string studio_;
  std::optional<transfer::FileReceiver> receiver_;
  Spool::Reservation reservation_;
  std::int64_t first_byte_ = 0;  // what was there when the call began
  std::int64_t told_ = -1;
  bool done_ = false;
  bool was_wrong_ = false;  // the receiver has thrown away all it had
};

}  // namespace proofline::lab
