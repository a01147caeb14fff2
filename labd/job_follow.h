// The feed of jobs as a stream: everything after a revision, then each change as it happens.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "labd/job_store.h"
#include "lib/rpc/executor.h"
#include "lib/rpc/status.h"
#include "lib/rpc/stream.h"

namespace proofline::lab {

// What a follower may see: true for a feed entry, and the job as it is sent.
struct FollowRules {
  std::function<bool(const record::FeedEntry&)> sees;
  std::function<pb::Job(const JobView&)> to_message;
};

// One follower. Response has `revision` and `job`. Reading and sending happen on the executor, one
// task at a time; nothing is held in memory but the position.
template <typename Response>
class JobFollower : public std::enable_shared_from_this<JobFollower<Response>> {
 public:
  using Writer = rpc::ServerStreamWriter<Response>;

  // Starts a stream that `open` ends when the daemon does.
  static Writer* Start(grpc::CallbackServerContext* context, rpc::Executor& executor,
                       JobStore& store, rpc::OpenStreams& open, std::int64_t after,
                       FollowRules rules) {
    auto follower =
        std::shared_ptr<JobFollower>(new JobFollower(executor, store, after, std::move(rules)));
    typename Writer::Handlers handlers;
    // The stream keeps the follower alive, and it the stream only weakly.
    handlers.on_room = [follower](Writer&) { follower->Schedule(); };
    handlers.on_done = [follower](Writer&) { follower->subscription_.Reset(); };
    auto stream = Writer::Create(std::move(handlers), kLimits, context);
    follower->stream_ = stream;
    open.Add(stream);
    follower->subscription_ =
        store.feed().Subscribe([weak = std::weak_ptr<JobFollower>(follower)](std::uint64_t) {
          if (const auto self = weak.lock()) self->Schedule();
        });
    follower->Schedule();
    return stream.get();
  }

 private:
  static constexpr int kBatch = 64;
  // Jobs that wait for one follower. What is not taken stays in the store.
  static constexpr rpc::StreamLimits kLimits{.max_messages = 64, .max_bytes = std::size_t{1} << 20};

  JobFollower(rpc::Executor& executor, JobStore& store, std::int64_t after, FollowRules rules)
      : executor_(executor), store_(store), rules_(std::move(rules)), position_(after) {}

  void Schedule() {
    {
      const std::lock_guard lock(mutex_);
      again_ = true;
      if (std::exchange(running_, true)) return;
    }
    Post();
  }

  void Post() {
    const absl::Status taken = executor_.Run([self = this->shared_from_this()] { self->Run(); });
    if (taken.ok()) return;
    if (const auto stream = stream_.lock()) stream->Finish(taken);
  }

  // Sends what there is until the stream is full or the feed is at its end.
  void Run() {
    const auto stream = stream_.lock();
    if (stream == nullptr || stream->over()) return;
    {
      const std::lock_guard lock(mutex_);
      again_ = false;
    }
    const absl::StatusOr<bool> more = SendSome(*stream);
    if (!more.ok()) {
      stream->Finish(more.status());
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      if (!*more && !again_) {
        running_ = false;
        return;
      }
    }
    Post();
  }

  // True if there may be more to send now.
  absl::StatusOr<bool> SendSome(Writer& stream) {
    const auto end = static_cast<std::int64_t>(store_.feed().current());
    std::vector<std::pair<std::int64_t, record::FeedEntry>> entries;
    const absl::Status read = store_.ReadFeed(position_, [&](std::int64_t revision, const auto& e) {
      entries.emplace_back(revision, e);
      return std::ssize(entries) < kBatch;
    });
    if (!read.ok()) return read;
    for (const auto& [revision, entry] : entries) {
      Response response;
      if (rules_.sees(entry)) {
        const absl::StatusOr<JobView> view = store_.Get(entry.job());
        // Removed since the entry was read: nobody needs it any more.
        if (absl::IsNotFound(view.status())) {
          position_ = revision;
          continue;
        }
        if (!view.ok()) return view.status();
        *response.mutable_job() = rules_.to_message(*view);
        response.set_revision(revision);
        if (!Sent(stream, std::move(response))) return false;
      }
      position_ = revision;
    }
    if (std::ssize(entries) == kBatch) return true;
    // Nothing but others' changes lie behind, or there were none: say how far the feed is.
    if (end > told_ && end >= position_) {
      Response response;
      response.set_revision(end);
      if (!Sent(stream, std::move(response))) return false;
      position_ = std::max(position_, end);
    }
    return false;
  }

  // False: the stream is full (on_room comes) or over.
  bool Sent(Writer& stream, Response response) {
    const std::int64_t revision = response.revision();
    if (stream.TrySend(std::move(response)) != rpc::SendResult::kTaken) return false;
    told_ = revision;
    return true;
  }

  rpc::Executor& executor_;
  JobStore& store_;
  const FollowRules rules_;
  std::weak_ptr<Writer> stream_;
  rpc::FeedSignal::Subscription subscription_;
  std::int64_t position_;  // of the running task, like told_
  std::int64_t told_ = -1;
  std::mutex mutex_;
  bool running_ = false;
  bool again_ = false;
};

}  // namespace proofline::lab
