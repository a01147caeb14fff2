#include "hostd/order_feed.h"

#include <algorithm>
#include <utility>

#include "lib/base/backoff.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

// Orders that wait for one follower. What is not taken stays in the store.
constexpr rpc::StreamLimits kLimits{.max_messages = 64, .max_bytes = std::size_t{1} << 20};

}  // namespace

// One open stream. At most one thread is in Pump() at a time; a ring in between makes it go round
// once more. Owned by the stream's handlers.
class OrderFeed::Follower : public std::enable_shared_from_this<Follower> {
 public:
  using Stream = rpc::ServerStreamWriter<pb::OrderEvent>;

  explicit Follower(OrderFeed& feed) : feed_(feed) { feed_.metrics_.followers.Increment(); }
  ~Follower() { feed_.metrics_.followers.Decrement(); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  void SetStream(const std::shared_ptr<Stream>& stream) { stream_ = stream; }

  // On the executor.
  absl::Status Start(Following following) {
    following_ = std::move(following);
    if (following_.after_revision < 0) {
      return rpc::Error(absl::StatusCode::kInvalidArgument, "a revision is 0 or more",
                        "REVISION_INVALID");
    }
    absl::StatusOr<rpc::FeedSignal*> signal = feed_.SignalOf(following_.studio);
    if (!signal.ok()) return signal.status();
    signal_ = *signal;
    const absl::StatusOr<bool> foreign =
        feed_.store_.IsForeignRevision(following_.studio, following_.after_revision);
    if (!foreign.ok()) return foreign.status();
    if (*foreign || static_cast<std::uint64_t>(following_.after_revision) > signal_->current()) {
      return rpc::Error(absl::StatusCode::kOutOfRange,
                        "the feed has not reached this revision: the host knows less than you do; "
                        "follow again from revision 0",
                        "REVISION_UNKNOWN", {{"oldest_revision", "0"}});
    }
    position_ = following_.after_revision;
    heard_ = std::chrono::steady_clock::now();
    {
      const std::lock_guard lock(mutex_);
      started_ = true;
    }
    {
      // Subscribed before the first read, so that nothing falls in between.
      const std::lock_guard lock(subscription_mutex_);
      subscription_ = signal_->Subscribe([weak = weak_from_this()](std::uint64_t) {
        if (const auto self = weak.lock()) self->Wake();
      });
    }
    Wake();
    return absl::OkStatus();
  }

  // There may be something to send. Never blocks.
  void Wake() {
    {
      const std::lock_guard lock(mutex_);
      if (!started_) return;
      again_ = true;
      if (pumping_) return;
      pumping_ = true;
    }
    const absl::Status taken = feed_.executor_.Run([self = shared_from_this()] { self->Pump(); });
    if (taken.ok()) return;
    // The executor is full: the next ring or tick tries again.
    const std::lock_guard lock(mutex_);
    pumping_ = false;
  }

  // Called now and then: speaks to a follower that has heard nothing, and makes up for a ring that
  // found no room.
  void Tick(base::SteadyTime now) {
    {
      const std::lock_guard lock(mutex_);
      if (!started_) return;
      if (now - heard_ >= feed_.idle_) {
        idle_due_ = true;
      } else if (!again_ || pumping_) {
        return;
      }
    }
    Wake();
  }

  void End() {
    {
      const std::lock_guard lock(subscription_mutex_);
      subscription_.Reset();
    }
    const std::lock_guard lock(mutex_);
    started_ = false;
  }

 private:
  void Pump() {
    while (true) {
      bool idle = false;
      {
        const std::lock_guard lock(mutex_);
        if (!again_) {
          pumping_ = false;
          return;
        }
        again_ = false;
        idle = std::exchange(idle_due_, false);
      }
      const std::shared_ptr<Stream> stream = stream_.lock();
      if (stream == nullptr || stream->over()) continue;
      absl::Status status = following_.allowed();
      if (status.ok()) status = Deliver(*stream, idle);
      if (!status.ok()) stream->Finish(status);
    }
  }

  absl::Status Deliver(Stream& stream, bool idle) {
    const auto reached = static_cast<std::int64_t>(signal_->current());
    bool is_full = false;
    if (position_ < reached) {
      const absl::Status read =
          feed_.store_.ReadFeed(following_.studio, following_.feed, position_,
                                [&](std::int64_t revision, pb::Order order) {
                                  pb::OrderEvent event;
                                  event.set_revision(revision);
                                  *event.mutable_order() = following_.view(std::move(order));
                                  if (stream.TrySend(std::move(event)) != rpc::SendResult::kTaken) {
                                    is_full = true;  // on_room rings again
                                    return false;
                                  }
                                  position_ = revision;
                                  Heard();
                                  idle = false;
                                  return true;
                                });
      if (!read.ok()) return read;
      // What else there is up to here is other followers' business.
      if (!is_full) position_ = std::max(position_, reached);
    }
    if (idle && !is_full) {
      pb::OrderEvent event;
      event.set_revision(position_);
      if (stream.TrySend(std::move(event)) == rpc::SendResult::kTaken) Heard();
    }
    return absl::OkStatus();
  }

  void Heard() {
    const std::lock_guard lock(mutex_);
    heard_ = std::chrono::steady_clock::now();
  }

  OrderFeed& feed_;
  std::weak_ptr<Stream> stream_;
  // Set in Start, then only read; position_ belongs to whoever pumps.
  Following following_;
  rpc::FeedSignal* signal_ = nullptr;
  std::int64_t position_ = 0;
  // Not taken by the callback: a subscription may wait for it.
  std::mutex subscription_mutex_;
  rpc::FeedSignal::Subscription subscription_;
  std::mutex mutex_;
  bool started_ = false;
  bool pumping_ = false;
  bool again_ = false;
  bool idle_due_ = false;
  base::SteadyTime heard_;
};

OrderFeed::OrderFeed(Store& store, rpc::Executor& executor, HostMetrics& metrics,
                     base::Duration idle)
    : store_(store),
      executor_(executor),
      metrics_(metrics),
      idle_(idle),
      ticker_([this](const std::stop_token& stop) { Tick(stop); }) {
  store_.SetOrderListener(
      [this](const std::string& studio, std::int64_t revision) { Ring(studio, revision); });
}

OrderFeed::~OrderFeed() { store_.SetOrderListener({}); }

absl::StatusOr<rpc::FeedSignal*> OrderFeed::SignalOf(const std::string& studio) {
  rpc::FeedSignal* signal = nullptr;
  {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<rpc::FeedSignal>& own = signals_[studio];
    if (own == nullptr) own = std::make_unique<rpc::FeedSignal>();
    signal = own.get();
  }
  // The signal is there to be rung before the store is read: no change falls in between.
  const absl::StatusOr<std::int64_t> revision = store_.OrderRevision(studio);
  if (!revision.ok()) return revision.status();
  signal->Publish(static_cast<std::uint64_t>(*revision));
  return signal;
}

void OrderFeed::Ring(const std::string& studio, std::int64_t revision) {
  rpc::FeedSignal* signal = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto at = signals_.find(studio);
    if (at == signals_.end()) return;  // nobody follows yet
    signal = at->second.get();
  }
  signal->Publish(static_cast<std::uint64_t>(revision));
}

grpc::ServerWriteReactor<pb::OrderEvent>* OrderFeed::Follow(
    grpc::CallbackServerContext* context,
    std::function<absl::StatusOr<Following>(const std::shared_ptr<rpc::Stream>&)> begin) {
  auto follower = std::make_shared<Follower>(*this);
  auto stream =
      Follower::Stream::Create({.on_room = [follower](Follower::Stream&) { follower->Wake(); },
                                .on_done = [follower](Follower::Stream&) { follower->End(); }},
                               kLimits, context);
  follower->SetStream(stream);
  {
    const std::lock_guard lock(mutex_);
    followers_.push_back(follower);
  }
  const absl::Status taken = executor_.Run([follower, stream, begin = std::move(begin)] {
    absl::StatusOr<Following> following = begin(stream);
    const absl::Status status =
        following.ok() ? follower->Start(*std::move(following)) : following.status();
    if (!status.ok()) stream->Finish(status);
  });
  if (!taken.ok()) stream->Finish(taken);
  return stream->reactor();
}

void OrderFeed::Tick(const std::stop_token& stop) {
  const base::Duration pause = std::min<base::Duration>(idle_ / 4, std::chrono::seconds(1));
  while (base::WaitFor(stop, pause)) {
    std::vector<std::shared_ptr<Follower>> live;
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(followers_, [](const auto& one) { return one.expired(); });
      for (const auto& one : followers_) {
        if (auto follower = one.lock()) live.push_back(std::move(follower));
      }
    }
    const base::SteadyTime now = std::chrono::steady_clock::now();
    for (const auto& follower : live) follower->Tick(now);
  }
}

}  // namespace proofline::host
