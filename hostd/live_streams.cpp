#include "hostd/live_streams.h"

#include <algorithm>
#include <utility>

#include "lib/rpc/status.h"

namespace proofline::host {
namespace {

// Streams that are over are looked for each time this many have been added.
constexpr std::size_t kSweepAfter = 1024;

template <typename Open>
bool IsOver(const Open& one) {
  const std::shared_ptr<rpc::Stream> stream = one.stream.lock();
  return stream == nullptr || stream->over();
}

}  // namespace

void LiveStreams::Add(const std::string& caller, const std::shared_ptr<rpc::Stream>& stream,
                      const std::string& credential) {
  all_.Add(stream);
  std::shared_ptr<rpc::Stream> oldest;
  {
    const std::lock_guard lock(mutex_);
    auto& own = streams_[caller];
    std::erase_if(own, [](const Open& one) { return IsOver(one); });
    const auto is_same = [&](const Open& one) { return one.credential == credential; };
    const auto same = std::count_if(own.begin(), own.end(), is_same);
    if (static_cast<std::size_t>(same) >= kMostOfOne) {
      oldest = std::find_if(own.begin(), own.end(), is_same)->stream.lock();
    }
    own.push_back({credential, stream});
    if (++added_ % kSweepAfter == 0) {
      for (auto& [name, list] : streams_) {
        std::erase_if(list, [](const Open& one) { return IsOver(one); });
      }
      std::erase_if(streams_, [](const auto& entry) { return entry.second.empty(); });
    }
  }
  if (oldest == nullptr) return;
  oldest->Finish(rpc::Error(absl::StatusCode::kAborted,
                            "too many streams were opened at once; this one, the oldest, ends",
                            "STREAM_REPLACED"));
}

void LiveStreams::Finish(const std::string& caller, const absl::Status& status) {
  std::vector<Open> own;
  {
    const std::lock_guard lock(mutex_);
    const auto at = streams_.find(caller);
    if (at == streams_.end()) return;
    own = std::move(at->second);
    streams_.erase(at);
  }
  for (const Open& one : own) {
    if (const std::shared_ptr<rpc::Stream> stream = one.stream.lock()) stream->Finish(status);
  }
}

}  // namespace proofline::host
