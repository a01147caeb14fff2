#include "lib/rpc/stream.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace proofline::rpc {

OpenStreams::OpenStreams(std::chrono::milliseconds longest_write)
    : longest_write_(longest_write), watch_([this](const std::stop_token& stop) { Watch(stop); }) {}

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
  added_.notify_all();
  if (end.has_value()) stream->Finish(*end);
}

void OpenStreams::FinishAll(const absl::Status& status) {
  std::vector<std::weak_ptr<Stream>> streams;
  {
    const std::lock_guard lock(mutex_);
    if (!end_.has_value()) end_ = status;
    streams = streams_;
  }
  for (const std::weak_ptr<Stream>& weak : streams) {
    if (const std::shared_ptr<Stream> stream = weak.lock()) stream->Finish(status);
  }
}

void OpenStreams::Watch(const std::stop_token& stop) {
  const auto pause =
      std::min<std::chrono::milliseconds>(longest_write_ / 4, std::chrono::seconds(10));
  while (!stop.stop_requested()) {
    std::vector<std::shared_ptr<Stream>> streams;
    {
      std::unique_lock lock(mutex_);
      added_.wait(lock, stop, [this] { return !streams_.empty(); });
      added_.wait_for(lock, stop, pause, [] { return false; });
      std::erase_if(streams_, [](const auto& one) { return one.expired(); });
      for (const std::weak_ptr<Stream>& weak : streams_) {
        if (std::shared_ptr<Stream> stream = weak.lock()) streams.push_back(std::move(stream));
      }
    }
    const auto now = std::chrono::steady_clock::now();
    for (const std::shared_ptr<Stream>& stream : streams) {
      if (stop.stop_requested()) return;
      if (stream->CancelIfStuck(now, longest_write_)) {
        spdlog::warn("a stream was cut because its client does not read");
      }
    }
  }
}

}  // namespace proofline::rpc
