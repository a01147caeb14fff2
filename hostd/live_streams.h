// The open streams of each caller, so that revoking one cuts what it has open.
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
  // `caller` is a resource name: studios/S/devices/D or studios/S/customers/C. Add first, check
  // the caller's right afterwards: then no revocation falls in between.
  void Add(const std::string& caller, const std::shared_ptr<rpc::Stream>& stream);
  // Finishes all streams of a caller.
  void Finish(const std::string& caller, const absl::Status& status);
  // Finishes every stream, and those that are added later.
  void FinishAll(const absl::Status& status) { all_.FinishAll(status); }

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<std::weak_ptr<rpc::Stream>>> streams_;
  std::size_t added_ = 0;
  rpc::OpenStreams all_;
};

}  // namespace proofline::host
