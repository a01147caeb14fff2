// The open streams of each caller, so that revoking one cuts what it has open, and nobody has too
// many.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lib/rpc/stream.h"

namespace proofline::host {

// Thread-safe; never blocks. Streams that are over are forgotten by and by.
class LiveStreams {
 public:
  // Streams that one key or session has open at most; beyond it the oldest ends (ABORTED, reason
  // STREAM_REPLACED), which is the one that a client who lost its connection no longer reads.
  static constexpr std::size_t kMostOfOne = 32;

  // `caller` is a resource name: studios/S/devices/D or studios/S/customers/C. Add first, check
  // the caller's right afterwards: then no revocation falls in between. `credential` tells apart
  // those who share a name: the sessions of a customer's identifier.
  void Add(const std::string& caller, const std::shared_ptr<rpc::Stream>& stream,
           const std::string& credential = "");
  // Finishes all streams of a caller.
  void Finish(const std::string& caller, const absl::Status& status);
  // Finishes every stream, and those that are added later.
  void FinishAll(const absl::Status& status) { all_.FinishAll(status); }

 private:
  struct Open {
    std::string credential;
    std::weak_ptr<rpc::Stream> stream;
  };

  std::mutex mutex_;
  std::map<std::string, std::vector<Open>> streams_;  // oldest first
  std::size_t added_ = 0;
  rpc::OpenStreams all_;
};

}  // namespace proofline::host
