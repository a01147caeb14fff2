// Sends one ordered original to a lab.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "lib/base/digest.h"
#include "lib/base/rate_limit.h"
#include "lib/transfer/file_sender.h"
#include "proofline/v1/lab_intake_service.grpc.pb.h"

namespace proofline::studio {

struct OriginalUpload {
  std::string job;   // jobs/{job}
  std::string path;  // for sentences
  base::Digest digest;
  std::int64_t size_bytes = 0;
};

// Sends the file that `source` reads, from where the lab's last synced byte is, never more ahead
// than the lab's window. OK when the lab has it whole and verified. `sent_bytes` grows with what
// went over the wire, also when it fails. Blocks; ends soon after `stop`. Errors are the lab's, and
// FailedPrecondition if the file changes on the way. `limit`: what may go in a second, if there is
// one.
absl::Status UploadOriginal(v1::LabIntakeService::Stub& lab, const OriginalUpload& original,
                            transfer::FileSender::Source source, const std::stop_token& stop,
                            std::int64_t& sent_bytes, base::RateLimit* limit = nullptr);

}  // namespace proofline::studio
