#include "hostd/live_streams.h"

#include <utility>

namespace proofline::host {
namespace {

// Streams that are over are looked for each time this many have been added.
constexpr std::size_t kSweepAfter = 1024;

}  // namespace

void LiveStreams::Add(const std::string& caller, const std::shared_ptr<rpc::Stream>& stream) {
  all_.Add(stream);
  const std::lock_guard lock(mutex_);
  auto& own = streams_[caller];
  std::erase_if(own, [](const auto& one) { return one.expired(); });
  own.push_back(stream);
  if (++added_ % kSweepAfter != 0) return;
  for (auto& [name, list] : streams_) {
    std::erase_if(list, [](const auto& one) { return one.expired(); });
  }
  std::erase_if(streams_, [](const auto& entry) { return entry.second.empty(); });
}

void LiveStreams::Finish(const std::string& caller, const absl::Status& status) {
  std::vector<std::weak_ptr<rpc::Stream>> own;
  {
    const std::lock_guard lock(mutex_);
    const auto at = streams_.find(caller);
    if (at == streams_.end()) return;
    own = std::move(at->second);
    streams_.erase(at);
  }
  for (const auto& one : own) {
    if (const std::shared_ptr<rpc::Stream> stream = one.lock()) stream->Finish(status);
  }
}

}  // namespace proofline::host
