#include "lib/rpc/stream.h"

namespace proofline::rpc {

void OpenStreams::Add(const std::shared_ptr<Stream>& stream) {
  std::optional<absl::Status> end;
  {
    const std::lock_guard lock(mutex_);
    end = end_;
    if (!end.has_value()) {
      std::erase_if(streams_, [](const auto& other) { return other.expired(); });
      streams_.push_back(stream);
    }
  }
  if (end.has_value()) stream->Finish(*end);
}

void OpenStreams::FinishAll(const absl::Status& status) {
  std::vector<std::weak_ptr<Stream>> streams;
  {
    const std::lock_guard lock(mutex_);
    if (!end_.has_value()) end_ = status;
    streams.swap(streams_);
  }
  for (const std::weak_ptr<Stream>& weak : streams) {
    if (const std::shared_ptr<Stream> stream = weak.lock()) stream->Finish(status);
  }
}

}  // namespace proofline::rpc
