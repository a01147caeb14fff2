#include "daemon/proof_publisher.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <optional>
#include <unordered_set>
#include <utility>

#include "daemon/host_memory.h"
#include "lib/base/backoff.h"
#include "lib/base/digest.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/imaging/jpeg_header.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
#include "lib/transfer/send_window.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

// What a host asks for is kept within what one message can carry.
constexpr std::int64_t kSmallestPack = 64 << 10;
constexpr std::int64_t kLargestPack = 4 << 20;
// A studio has a few dozen distinct headers; beyond this something is odd, and files go whole.
constexpr std::size_t kMaxHeaders = 4096;
constexpr base::Duration kFirstWait = std::chrono::milliseconds(250);
constexpr base::Duration kLongestWait = std::chrono::seconds(30);
constexpr base::Duration kRefusedWait = std::chrono::minutes(1);
// Most time that one pack takes on the slowest line, unless something hangs.
constexpr base::Duration kLongest = std::chrono::minutes(30);

std::map<std::int64_t, Refusal> RefusalsOf(
    const google::protobuf::RepeatedPtrField<pb::PublishRefusal>& told) {
  std::map<std::int64_t, Refusal> refusals;
  for (const pb::PublishRefusal& refusal : told) {
    refusals[refusal.sequence()] = {refusal.reason(), refusal.message()};
  }
  return refusals;
}

}  // namespace

// One publish stream, from its opening to its end.
class ProofPublisher::Session {
 public:
  Session(ProofPublisher& publisher, const std::stop_token& stop)
      : publisher_(publisher),
        catalog_(publisher.catalog_),
        call_(stop),
        link_(stop, Link{[this] { over_.request_stop(); }}) {}

  // Blocks until the stream is over. `opened` tells whether the host had answered.
  absl::Status Run(bool& opened) {
    stream_ = publisher_.stub_->Publish(call_.context());
    pb::PublishRequest open;
    open.mutable_open()->set_catalog_id(catalog_.catalog_id());
    open.mutable_open()->set_heard_sequence(catalog_.host_sequence());
    stream_->Write(open);
    {
      const std::jthread reader([this] { Read(); });
      // Returns when the reader has ended, or when a write or `stop` makes it end: its status is
      // the host's own word, which a cancellation from here could hide.
      Send();
    }
    const absl::Status status = rpc::FromGrpc(stream_->Finish());
    opened = opened_;
    return failure_.ok() ? status : failure_;
  }

 private:
  void Read() {
    pb::PublishResponse response;
    while (stream_->Read(&response)) {
      const absl::Status status = response.has_opened() ? TakeOpened(response.opened())
                                  : response.has_acknowledgement()
                                      ? TakeAcknowledgement(response.acknowledgement())
                                      : absl::OkStatus();
      if (!status.ok()) {
        const std::lock_guard lock(mutex_);
        failure_ = status;
        call_.context()->TryCancel();
        break;
      }
    }
    over_.request_stop();
    changed_.notify_all();
  }

  absl::Status TakeOpened(const pb::PublishOpened& opened) {
    const absl::Status status = catalog_.HostOpened(
        opened.last_sequence(), RefusalsOf(opened.refusals()), opened.unsure_sequence());
    if (!status.ok()) return status;
    {
      const std::lock_guard lock(mutex_);
      after_ = opened.last_sequence();
      pack_bytes_ = static_cast<std::size_t>(
          std::clamp(opened.max_pack_bytes(), kSmallestPack, kLargestPack));
      window_.SetMaxBytes(
          static_cast<std::size_t>(std::max<std::int64_t>(opened.window_bytes(), 0)));
      opened_ = true;
    }
    changed_.notify_all();
    publisher_.SetState(true, "");
    return absl::OkStatus();
  }

  absl::Status TakeAcknowledgement(const pb::PublishAcknowledgement& acknowledgement) {
    const std::int64_t last = acknowledgement.last_sequence();
    {
      const std::lock_guard lock(mutex_);
      if (last > after_) {
        return absl::InternalError(
            "the host acknowledged what was never sent to it; look at the host's log");
      }
    }
    const absl::Status status = catalog_.Acknowledge(last, RefusalsOf(acknowledgement.refusals()));
    if (!status.ok()) return status;
    {
      const std::lock_guard lock(mutex_);
      if (last > 0) window_.AcknowledgeUpTo(static_cast<std::uint64_t>(last));
    }
    changed_.notify_all();
    return absl::OkStatus();
  }

  void Send() {
    const std::stop_token over = over_.get_token();
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, over, [this] { return opened_; });
      if (over.stop_requested()) return;
    }
    base::Backoff backoff(kFirstWait, kLongestWait);
    while (catalog_.WaitForPending(after_, over)) {
      absl::StatusOr<std::vector<PendingPublish>> pending =
          catalog_.NextPending(after_, PackBytes());
      if (!pending.ok()) {
        spdlog::error("cannot read what is to be sent: {}",
                      base::ToStd(pending.status().message()));
        base::WaitFor(over, backoff.Next());
        continue;
      }
      if (!pending->empty() && !SendPack(*std::move(pending), over)) return;
    }
  }

  // A pack goes at once: under a limit it holds no more than may go in a second, or one photo.
  std::size_t PackBytes() const {
    const std::uint64_t rate = publisher_.limit_ != nullptr ? publisher_.limit_->rate() : 0;
    return rate == 0 ? pack_bytes_ : std::min<std::size_t>(pack_bytes_, rate);
  }

  bool SendPack(std::vector<PendingPublish> pending, const std::stop_token& over) {
    pb::PublishRequest request;
    for (PendingPublish& item : pending) {
      AddEntry(std::move(item), *request.mutable_pack()->add_entries());
    }
    const std::int64_t last = request.pack().entries().rbegin()->sequence();
    const std::size_t bytes = request.ByteSizeLong();
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, over, [&] { return window_.Fits(bytes); });
      if (over.stop_requested()) return false;
      // Noted before it is written: the acknowledgement may be faster than this thread.
      window_.Sent(static_cast<std::uint64_t>(last), bytes);
      after_ = last;
    }
    if (publisher_.limit_ != nullptr && !publisher_.limit_->Take(bytes, over)) return false;
    {
      const base::WorkWatch::Busy busy =
          publisher_.watch_.Begin("the sending to the host", kLongest);
      if (!stream_->Write(request)) return false;
    }
    catalog_.CountSentBytes(static_cast<std::int64_t>(bytes));
    publisher_.sent_bytes_.Increment(static_cast<double>(bytes));
    base::KillPoint("studio.publish.sent");
    return true;
  }

  void AddEntry(PendingPublish item, pb::PublishEntry& entry) {
    entry.set_sequence(item.sequence);
    if (item.customer.has_value()) {
      *entry.mutable_customer() = *std::move(item.customer);
      return;
    }
    if (item.withdrawal) {
      entry.mutable_withdrawal()->set_photo(item.photo.name());
      return;
    }
    pb::PhotoChange& change = *entry.mutable_photo();
    *change.mutable_photo() = std::move(item.photo);
    change.set_gallery_title(std::move(item.gallery_title));
    for (PendingPublish::Content& content : item.contents) {
      pb::RenditionData& data = *change.add_renditions();
      data.set_kind(content.kind);
      const absl::StatusOr<imaging::SplitJpeg> split = imaging::SplitJpegHeader(content.jpeg);
      if (!split.ok() || headers_.size() >= kMaxHeaders) {
        data.set_body(std::move(content.jpeg));
        continue;
      }
      const base::Digest digest = base::Sha256Of(split->header);
      data.set_header_digest(std::string(digest.bytes()));
      if (headers_.insert(digest).second) data.set_header(std::string(split->header));
      data.set_body(std::string(split->body));
    }
  }

  ProofPublisher& publisher_;
  Catalog& catalog_;
  rpc::ClientCall call_;
  // Requested when the daemon stops or the stream ends, whichever comes first.
  std::stop_source over_;
  struct Link {
    std::function<void()> request;
    void operator()() const { request(); }
  };
  std::stop_callback<Link> link_;
  std::unique_ptr<grpc::ClientReaderWriter<pb::PublishRequest, pb::PublishResponse>> stream_;
  std::unordered_set<base::Digest> headers_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool opened_ = false;
  // The last sequence sent; written by the sending thread, and by the reader before opened_.
  std::int64_t after_ = 0;
  std::size_t pack_bytes_ = 0;
  transfer::SendWindow window_{0};
  absl::Status failure_;
};

ProofPublisher::ProofPublisher(std::shared_ptr<grpc::Channel> channel, std::string peer,
                               Catalog& catalog, rpc::Metrics& metrics, base::RateLimit* limit,
                               base::WorkWatch* watch)
    : channel_(std::move(channel)),
      stub_(pb::SyncService::NewStub(channel_)),
      peer_(std::move(peer)),
      catalog_(catalog),
      limit_(limit),
      watch_(watch != nullptr ? *watch : own_watch_),
      sent_bytes_(metrics.AddCounter("proofline_studio_sent_bytes_total",
                                     "Bytes of publish messages sent to the host.")),
      connected_(metrics.AddGauge("proofline_studio_host_connected",
                                  "1 while the publish stream to the host is open.")) {
  state_.message = base::Concat("connecting to ", peer_);
}

ProofPublisher::~ProofPublisher() { Stop(); }

void ProofPublisher::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void ProofPublisher::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

ProofPublisher::State ProofPublisher::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void ProofPublisher::SetState(bool connected, std::string message) {
  {
    const std::lock_guard lock(mutex_);
    if (state_.connected == connected && state_.message == message) return;
    if (connected) {
      spdlog::info("connected to {}", peer_);
    } else {
      spdlog::warn("{}", message);
    }
    state_ = {connected, std::move(message)};
  }
  connected_.Set(connected ? 1 : 0);
  changes_.Publish(changes_.current() + 1);
}

void ProofPublisher::Run(const std::stop_token& stop) {
  base::Backoff backoff(kFirstWait, kLongestWait);
  while (!stop.stop_requested()) {
    bool opened = false;
    absl::Status status;
    // Nothing goes to the host under an id of its own that the host may know under another.
    const record::CatalogPhase phase = catalog_.phase();
    if (phase != record::CATALOG_PHASE_WHOLE && phase != record::CATALOG_PHASE_SEARCHING) {
      status = FetchHostMemory(*stub_, catalog_, stop);
    }
    if (status.ok()) status = Session(*this, stop).Run(opened);
    if (stop.stop_requested()) break;
    const bool refused = absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
    SetState(false, status.ok() ? base::Concat(peer_, " has ended the connection; trying again")
                                : rpc::Describe(status, peer_));
    if (opened) backoff.Reset();
    base::WaitFor(stop, refused ? kRefusedWait : backoff.Next());
  }
  // Nothing is wrong with a host that is left: no word of it in the log.
  {
    const std::lock_guard lock(mutex_);
    state_ = {false, "stopping"};
  }
  connected_.Set(0);
  changes_.Publish(changes_.current() + 1);
}

}  // namespace proofline::studio
