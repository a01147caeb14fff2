// The streams against a call that is not gRPC's but checks gRPC's rules, so that ThreadSanitizer
// sees every lock: gRPC as Debian builds it hides its own from it.
#include <atomic>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "lib/rpc/executor.h"
#include "lib/rpc/stream.h"
#include "test/catch.h"
#include "test/rpc/test_service.h"

namespace proofline::rpc {
namespace {

// Answers each operation on a thread of its own choosing and counts every broken rule.
class CheckingCall
    : public grpc::ServerCallbackReaderWriter<pb::PublishRequest, pb::PublishResponse>,
      public std::enable_shared_from_this<CheckingCall> {
 public:
  CheckingCall(Executor& threads, int requests) : threads_(threads), requests_(requests) {}

  // Makes the reactor the call's, as gRPC does when the service method has returned.
  void Serve(grpc::ServerBidiReactor<pb::PublishRequest, pb::PublishResponse>* reactor) {
    reactor_ = reactor;
    BindReactor(reactor);
    bool cancelled = false;
    {
      const std::lock_guard lock(mutex_);
      served_ = true;
      cancelled = cancelled_;
      if (cancelled) ++holds_;
    }
    if (cancelled) Post([this] { reactor_->OnCancel(); });
    Release();
  }

  void Cancel() {
    {
      const std::lock_guard lock(mutex_);
      if (holds_ == 0 || cancelled_) return;
      cancelled_ = true;
      // gRPC keeps the news until the service method has returned.
      if (!served_) return;
      ++holds_;
    }
    Post([this] { reactor_->OnCancel(); });
  }

  void Finish(grpc::Status /*status*/) override {
    {
      const std::lock_guard lock(mutex_);
      if (finished_) Broken("finished twice");
      if (writing_) Broken("finished during a write");
      finished_ = true;
    }
    Post([] {});
  }
  void Read(pb::PublishRequest* request) override {
    bool ok = false;
    {
      const std::lock_guard lock(mutex_);
      if (finished_) Broken("read after the finish");
      if (reading_) Broken("two reads");
      reading_ = true;
      ++holds_;
      ok = !cancelled_ && requests_-- > 0;
    }
    Post([this, request, ok] {
      if (ok) request->mutable_pack()->add_entries()->set_sequence(1);
      {
        const std::lock_guard lock(mutex_);
        reading_ = false;
      }
      reactor_->OnReadDone(ok);
    });
  }
  void Write(const pb::PublishResponse* response, grpc::WriteOptions /*options*/) override {
    {
      const std::lock_guard lock(mutex_);
      if (finished_) Broken("write after the finish");
      if (writing_) Broken("two writes");
      writing_ = true;
      ++holds_;
    }
    Post([this, response] {
      bool ok = false;
      {
        const std::lock_guard lock(mutex_);
        written_ += response->acknowledgement().last_sequence() > 0 ? 1 : 0;
        writing_ = false;
        ok = !cancelled_;
      }
      reactor_->OnWriteDone(ok);
    });
  }
  void WriteAndFinish(const pb::PublishResponse*, grpc::WriteOptions, grpc::Status) override {
    Broken("unexpected");
  }
  void SendInitialMetadata() override { Broken("unexpected"); }

  std::set<std::string> broken() const {
    const std::lock_guard lock(broken_mutex_);
    return broken_;
  }
  int written() const {
    const std::lock_guard lock(mutex_);
    return written_;
  }

 private:
  void Broken(const std::string& rule) {
    const std::lock_guard lock(broken_mutex_);
    broken_.insert(rule);
  }

  // Runs the reaction elsewhere, holding OnDone back until it has returned.
  template <typename Reaction>
  void Post(Reaction reaction) {
    const absl::Status taken =
        threads_.Run([self = shared_from_this(), reaction = std::move(reaction)] {
          reaction();
          self->Release();
        });
    PROOFLINE_CHECK(taken.ok(), "the test's threads have room for every operation");
  }

  void Release() {
    {
      const std::lock_guard lock(mutex_);
      if (--holds_ > 0) return;
    }
    reactor_->OnDone();
  }

  grpc::internal::ServerReactor* reactor() override { return reactor_; }
  void CallOnDone() override {}

  Executor& threads_;
  grpc::ServerBidiReactor<pb::PublishRequest, pb::PublishResponse>* reactor_ = nullptr;
  mutable std::mutex mutex_;
  int requests_;
  int holds_ = 2;  // the service method and the finish
  int written_ = 0;
  bool served_ = false;
  bool finished_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool cancelled_ = false;
  mutable std::mutex broken_mutex_;
  std::set<std::string> broken_;
};

pb::PublishResponse Acknowledgement() {
  pb::PublishResponse response;
  response.mutable_acknowledgement()->set_last_sequence(1);
  return response;
}

}  // namespace

TEST_CASE("sending, reading, finishing and cancelling at once keep gRPC's rules") {
  Executor grpc_threads(3, 4096);
  Executor workers(2, 4096);
  std::minstd_rand random(7);
  for (int round = 0; round < 400; ++round) {
    auto call = std::make_shared<CheckingCall>(grpc_threads, static_cast<int>(random() % 30));
    Counted done;
    std::atomic<int> handled = 0;
    std::atomic<bool> handled_after_done = false;
    auto stream = PublishStream::Create(
        {.on_message =
             [&](PublishStream& self, const pb::PublishRequest&) {
               if (done.count() > 0) handled_after_done = true;
               ++handled;
               const absl::Status taken = workers.Run([stream = self.shared_from_this()] {
                 stream->TrySend(Acknowledgement());
                 stream->Continue();
               });
               PROOFLINE_CHECK(taken.ok(), "the workers have room for every request");
             },
         .on_half_close = {},
         .on_room =
             [&](PublishStream& self) {
               if (done.count() > 0) handled_after_done = true;
               self.TrySend(Acknowledgement());
             },
         .on_done = [&](PublishStream&) { done.Add(); }},
        {.max_messages = 2});
    {
      std::vector<std::jthread> users;
      users.emplace_back([&] {
        for (int i = 0; i < 20 && stream->Send(Acknowledgement()); ++i) continue;
      });
      users.emplace_back([&, turns = random() % 200, how = random() % 3] {
        for (unsigned i = 0; i < turns; ++i) std::this_thread::yield();
        if (how == 0) stream->Finish(absl::OkStatus());
        if (how == 1) stream->Finish(absl::AbortedError("replaced"));
      });
      users.emplace_back([&, turns = random() % 300, cancel = random() % 2 == 0] {
        for (unsigned i = 0; i < turns; ++i) std::this_thread::yield();
        if (cancel) call->Cancel();
      });
      call->Serve(stream->reactor());
    }
    REQUIRE(done.Reaches(1));
    CHECK(done.count() == 1);
    CHECK_FALSE(handled_after_done);
    CHECK(call->broken().empty());
    CHECK(stream->over());
    CHECK_FALSE(stream->Send(Acknowledgement()));
    stream->Continue();
    stream->Finish(absl::OkStatus());
    CHECK(call->broken().empty());
  }
}

TEST_CASE("a write that is pending when the call is cancelled ends the call once") {
  Executor grpc_threads(1, 64);
  for (int round = 0; round < 200; ++round) {
    auto call = std::make_shared<CheckingCall>(grpc_threads, 0);
    Counted done;
    auto stream =
        PublishStream::Create({.on_message = [](PublishStream&, const pb::PublishRequest&) {},
                               .on_half_close = [](PublishStream&) {},
                               .on_room = {},
                               .on_done = [&](PublishStream&) { done.Add(); }});
    call->Serve(stream->reactor());
    const std::jthread canceller([&] { call->Cancel(); });
    for (int i = 0; i < 10; ++i) stream->TrySend(Acknowledgement());
    REQUIRE(done.Reaches(1));
    CHECK(call->broken().empty());
    CHECK(call->written() <= 10);
  }
}

}  // namespace proofline::rpc
