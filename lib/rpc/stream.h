// Server sides of gRPC's streaming calls (callback API) that any thread may use without care for
// gRPC's rules: one write at a time, one Finish, nothing after it, alive until OnDone.
//
// A service method makes a stream and returns it:
//
//   grpc::ServerWriteReactor<pb::OrderEvent>* FollowOrders(…) {
//     auto stream = ServerStreamWriter<pb::OrderEvent>::Create({.on_done = …});
//     …                                  // keep the shared_ptr, or only a weak_ptr, for sending
//     return stream->reactor();
//   }
//
// A stream keeps itself alive until gRPC is done with it; the handlers are destroyed then, so they
// may own what belongs to the call; those that need the stream later take shared_from_this() of the
// reference they get. Handlers run on gRPC's threads and must not block. A handler that another
// thread's answer depends on posts to an Executor. Every stream must be returned to gRPC.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/check.h"
#include "lib/rpc/status.h"

namespace proofline::rpc {

// What may wait to be written. A message above max_bytes is taken when nothing else waits.
struct StreamLimits {
  std::size_t max_messages = 64;
  std::size_t max_bytes = std::size_t{8} << 20;
};

enum class SendResult {
  kTaken,  // will be written, unless the stream breaks
  kFull,   // no room; the message is untouched; on_room is called when there is room
  kOver,   // finished, cancelled or broken; nothing will be written any more
};

// What all streams have in common.
class Stream {
 public:
  virtual ~Stream() = default;
  // Ends the call. After OK everything taken is written first; an error drops what waits. The first
  // Finish counts, later ones do nothing, and so does a Finish of a stream that is over. From any
  // thread; never blocks.
  virtual void Finish(const absl::Status& status) = 0;
  // Finished, cancelled by the client or by the server's end, or broken.
  virtual bool over() const = 0;
  // Cancels the call if the client has not taken a message for `longest`: it answers the
  // connection's pings but does not read, and neither Finish nor what waits would reach it. True if
  // it did. Streams that were made without their context are left alone. Never blocks.
  virtual bool CancelIfStuck(std::chrono::steady_clock::time_point now,
                             std::chrono::steady_clock::duration longest) = 0;
};

// All open streams of a service, so that they end when the daemon does, and when their client no
// longer reads. Thread-safe.
class OpenStreams {
 public:
  // How long a client may leave a message untaken: long enough for the largest one over a bad line.
  static constexpr std::chrono::seconds kLongestWrite{120};

  explicit OpenStreams(std::chrono::milliseconds longest_write = kLongestWrite);
  OpenStreams(const OpenStreams&) = delete;
  OpenStreams& operator=(const OpenStreams&) = delete;

  // Remembers the stream until it goes. After FinishAll it is finished at once instead.
  void Add(const std::shared_ptr<Stream>& stream);
  // Finishes all streams, and every one that is added later, with `status`: mostly UNAVAILABLE
  // "the host is shutting down". The first status counts.
  void FinishAll(const absl::Status& status);

 private:
  // Looks for stuck streams now and then, while there are any streams.
  void Watch(const std::stop_token& stop);

  const std::chrono::milliseconds longest_write_;
  std::mutex mutex_;
  std::condition_variable_any added_;
  std::optional<absl::Status> end_;
  // Those that were finished but have not gone are here, too.
  std::vector<std::weak_ptr<Stream>> streams_;
  std::jthread watch_;
};

namespace internal {

// Bytes of a protobuf message or a grpc::ByteBuffer.
template <typename Message>
std::size_t MessageBytes(const Message& message) {
  if constexpr (requires { message.ByteSizeLong(); }) {
    return message.ByteSizeLong();
  } else {
    return message.Length();
  }
}

// The sending half, on top of either of gRPC's reactors. `Derived` is the stream's class.
//
// Only the thread that set write_in_flight_ (under the lock) starts a write, outside the lock;
// Finish is called by whoever finds no write in flight, no read being started and an end asked for.
// So operations never overlap Finish, and no lock of ours is held while gRPC runs.
template <typename Derived, typename Reactor, typename Response>
class SendingStream : public Reactor, public Stream, public std::enable_shared_from_this<Derived> {
 public:
  ~SendingStream() override = default;
  SendingStream(const SendingStream&) = delete;
  SendingStream& operator=(const SendingStream&) = delete;

  // What the service method returns to gRPC.
  Reactor* reactor() { return this; }

  // Never blocks; from any thread. `message` is moved from only when taken.
  SendResult TrySend(Response&& message) {
    const std::size_t bytes = MessageBytes(message);
    std::unique_lock lock(mutex_);
    if (end_.has_value()) return SendResult::kOver;
    if (!HasRoom(bytes)) {
      room_wanted_ = true;
      return SendResult::kFull;
    }
    Enqueue(std::move(message), bytes);
    Advance(std::move(lock));
    return SendResult::kTaken;
  }

  // Blocks while there is no room; false when the stream is over or `stop` is requested. Never from
  // a handler or another of gRPC's threads.
  bool Send(Response message, std::stop_token stop = {}) {
    const std::size_t bytes = MessageBytes(message);
    std::unique_lock lock(mutex_);
    room_.wait(lock, std::move(stop), [&] { return end_.has_value() || HasRoom(bytes); });
    if (end_.has_value() || !HasRoom(bytes)) return false;
    Enqueue(std::move(message), bytes);
    Advance(std::move(lock));
    return true;
  }

  void Finish(const absl::Status& status) final {
    std::unique_lock lock(mutex_);
    if (end_.has_value()) return;
    End(std::move(lock), status, /*drop_waiting=*/!status.ok());
  }

  bool over() const final {
    const std::lock_guard lock(mutex_);
    return end_.has_value();
  }

  bool CancelIfStuck(std::chrono::steady_clock::time_point now,
                     std::chrono::steady_clock::duration longest) final {
    std::unique_lock lock(mutex_);
    if (context_ == nullptr || !write_in_flight_ || finished_ || now - write_began_ < longest) {
      return false;
    }
    // Keeps Finish back, and with it OnDone, so that the context stays while it is used.
    ++starting_;
    lock.unlock();
    context_->TryCancel();
    lock.lock();
    --starting_;
    Advance(std::move(lock));
    return true;
  }

  // Messages taken and not yet written.
  std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size() + (write_in_flight_ ? 1 : 0);
  }

 protected:
  SendingStream(const StreamLimits& limits, grpc::CallbackServerContext* context)
      : limits_(limits), context_(context) {}

  virtual void HandleRoom() = 0;
  virtual void HandleDone() = 0;

  // Starts something under the protection that Finish comes only after it: `Begin` is asked under
  // the lock whether to, `start` runs outside.
  template <typename Begin, typename Start>
  void StartUnlessOver(const Begin& begin, const Start& start) {
    std::unique_lock lock(mutex_);
    if (end_.has_value() || !begin()) return;
    ++starting_;
    lock.unlock();
    start();
    lock.lock();
    --starting_;
    Advance(std::move(lock));
  }

  void KeepAlive(std::shared_ptr<Derived> self) { self_ = std::move(self); }

  mutable std::mutex mutex_;

 private:
  bool HasRoom(std::size_t bytes) const {
    if (waiting_.empty() && !write_in_flight_) return true;
    return waiting_.size() < limits_.max_messages && held_bytes_ + bytes <= limits_.max_bytes;
  }

  void Enqueue(Response&& message, std::size_t bytes) {
    waiting_.emplace_back(std::move(message), bytes);
    held_bytes_ += bytes;
  }

  void DropWaiting() {
    for (const auto& [message, bytes] : waiting_) held_bytes_ -= bytes;
    waiting_.clear();
  }

  // The end that was asked for first stays.
  void End(std::unique_lock<std::mutex> lock, const absl::Status& status, bool drop_waiting) {
    if (!end_.has_value()) end_ = status;
    if (drop_waiting) DropWaiting();
    Advance(std::move(lock));
    room_.notify_all();
  }

  // Starts the next write or the Finish, whichever is due. Touches nothing of this object after
  // the operation has been started: gRPC may be done with it by then.
  void Advance(std::unique_lock<std::mutex> lock) {
    if (write_in_flight_ || finished_) return;
    if (!waiting_.empty()) {
      write_in_flight_ = true;
      write_began_ = std::chrono::steady_clock::now();
      std::tie(current_, current_bytes_) = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      this->StartWrite(&current_);
      return;
    }
    if (!end_.has_value() || starting_ > 0) return;
    finished_ = true;
    const grpc::Status status = ToGrpc(*end_);
    lock.unlock();
    Reactor::Finish(status);
  }

  void OnWriteDone(bool ok) final {
    std::unique_lock lock(mutex_);
    write_in_flight_ = false;
    held_bytes_ -= current_bytes_;
    current_ = Response();
    if (!ok) {
      if (!end_.has_value()) end_ = absl::CancelledError("the stream broke");
      DropWaiting();
    }
    const bool call_handler = std::exchange(room_wanted_, false) && !end_.has_value();
    // gRPC holds OnDone back until this function has returned.
    Advance(std::move(lock));
    room_.notify_all();
    if (call_handler) HandleRoom();
  }

  void OnCancel() final {
    End(std::unique_lock(mutex_), absl::CancelledError("the call was cancelled"),
        /*drop_waiting=*/true);
  }

  void OnDone() final {
    // The handlers' destructors may drop the last other reference.
    const std::shared_ptr<Derived> self = std::move(self_);
    HandleDone();
  }

  const StreamLimits limits_;
  grpc::CallbackServerContext* const context_;  // may be null
  std::condition_variable_any room_;
  std::deque<std::pair<Response, std::size_t>> waiting_;
  Response current_;  // being written
  std::size_t current_bytes_ = 0;
  std::size_t held_bytes_ = 0;  // of waiting_ and current_
  bool write_in_flight_ = false;
  std::chrono::steady_clock::time_point write_began_;
  bool room_wanted_ = false;
  int starting_ = 0;
  std::optional<absl::Status> end_;  // asked for by us, or forced by gRPC
  bool finished_ = false;
  std::shared_ptr<Derived> self_;
};

}  // namespace internal

// The server's side of a server-streaming call.
template <typename Response>
class ServerStreamWriter final
    : public internal::SendingStream<ServerStreamWriter<Response>,
                                     grpc::ServerWriteReactor<Response>, Response> {
  using Base = internal::SendingStream<ServerStreamWriter<Response>,
                                       grpc::ServerWriteReactor<Response>, Response>;
  struct Key {
    explicit Key() = default;
  };

 public:
  struct Handlers {
    // There is room again after TrySend returned kFull.
    std::function<void(ServerStreamWriter&)> on_room;
    // The call is over for any reason; exactly once, the last of all.
    std::function<void(ServerStreamWriter&)> on_done;
  };

  // For Create alone.
  ServerStreamWriter(Key, Handlers handlers, const StreamLimits& limits,
                     grpc::CallbackServerContext* context)
      : Base(limits, context), handlers_(std::move(handlers)) {}

  // `context` is the call's own.
  static std::shared_ptr<ServerStreamWriter> Create(
      Handlers handlers, StreamLimits limits = {}, grpc::CallbackServerContext* context = nullptr) {
    auto stream = std::make_shared<ServerStreamWriter>(Key(), std::move(handlers), limits, context);
    stream->KeepAlive(stream);
    return stream;
  }

 private:
  void HandleRoom() final {
    if (handlers_.on_room) handlers_.on_room(*this);
  }
  void HandleDone() final {
    const Handlers handlers = std::move(handlers_);
    if (handlers.on_done) handlers.on_done(*this);
  }

  Handlers handlers_;
};

// The server's side of a bidirectional call. One request at a time: the next is read only after
// Continue(), so a client cannot send faster than the service commits.
template <typename Request, typename Response>
class BidiStream final
    : public internal::SendingStream<BidiStream<Request, Response>,
                                     grpc::ServerBidiReactor<Request, Response>, Response> {
  using Base = internal::SendingStream<BidiStream<Request, Response>,
                                       grpc::ServerBidiReactor<Request, Response>, Response>;
  struct Key {
    explicit Key() = default;
  };

 public:
  struct Handlers {
    // A request; required. Call Continue() when the next may come: here, or later from any thread.
    std::function<void(BidiStream&, Request)> on_message;
    // The client sends no more (or the connection broke: then sending fails). Mostly the place for
    // Finish(OK). Without this handler the stream finishes with OK.
    std::function<void(BidiStream&)> on_half_close;
    // There is room again after TrySend returned kFull. May run beside on_message.
    std::function<void(BidiStream&)> on_room;
    // The call is over for any reason; exactly once, the last of all.
    std::function<void(BidiStream&)> on_done;
  };

  // For Create alone.
  BidiStream(Key, Handlers handlers, const StreamLimits& limits,
             grpc::CallbackServerContext* context)
      : Base(limits, context), handlers_(std::move(handlers)) {}

  // Reads the first request at once. `context` is the call's own.
  static std::shared_ptr<BidiStream> Create(Handlers handlers, StreamLimits limits = {},
                                            grpc::CallbackServerContext* context = nullptr) {
    auto stream = CreateUnread(std::move(handlers), limits, context);
    stream->Continue();
    return stream;
  }

  // The same, but nothing is read before Continue(): for those who first want to know who calls.
  static std::shared_ptr<BidiStream> CreateUnread(Handlers handlers, StreamLimits limits = {},
                                                  grpc::CallbackServerContext* context = nullptr) {
    PROOFLINE_CHECK(handlers.on_message, "a bidirectional stream needs a handler for requests");
    auto stream = std::make_shared<BidiStream>(Key(), std::move(handlers), limits, context);
    stream->KeepAlive(stream);
    return stream;
  }

  // Lets the next request come: once for each request that was handled. While one is being waited
  // for, or the stream is over, it does nothing. From any thread; never blocks.
  void Continue() {
    this->StartUnlessOver([this] { return !closed_ && !std::exchange(reading_, true); },
                          [this] { this->StartRead(&request_); });
  }

 private:
  void OnReadDone(bool ok) final {
    Request request;
    {
      const std::lock_guard lock(this->mutex_);
      if (ok) {
        request = std::move(request_);
        request_ = Request();
      } else {
        closed_ = true;
      }
      reading_ = false;
    }
    if (this->over()) return;
    if (ok) {
      handlers_.on_message(*this, std::move(request));
    } else if (handlers_.on_half_close) {
      handlers_.on_half_close(*this);
    } else {
      this->Finish(absl::OkStatus());
    }
  }

  void HandleRoom() final {
    if (handlers_.on_room) handlers_.on_room(*this);
  }
  void HandleDone() final {
    const Handlers handlers = std::move(handlers_);
    if (handlers.on_done) handlers.on_done(*this);
  }

  Handlers handlers_;
  Request request_;       // being read into
  bool reading_ = false;  // under the lock, like closed_
  bool closed_ = false;
};

}  // namespace proofline::rpc
