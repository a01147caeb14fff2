#include "lib/rpc/stream.h"

#include <atomic>
#include <future>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "test/catch.h"
#include "test/rpc/test_service.h"

namespace proofline::rpc {
namespace {

using std::chrono::seconds;

pb::OrderEvent Event(std::int64_t revision, std::size_t bytes = 0) {
  pb::OrderEvent event;
  event.set_revision(revision);
  if (bytes > 0) event.mutable_order()->set_name(std::string(bytes, 'x'));
  return event;
}

pb::PublishRequest Pack(std::int64_t sequence) {
  pb::PublishRequest request;
  request.mutable_pack()->add_entries()->set_sequence(sequence);
  return request;
}

pb::PublishResponse Acknowledgement(std::int64_t sequence) {
  pb::PublishResponse response;
  response.mutable_acknowledgement()->set_last_sequence(sequence);
  return response;
}

// Hands the stream that the service made to the test.
template <typename StreamType>
class Made {
 public:
  std::shared_ptr<StreamType> Put(std::shared_ptr<StreamType> stream) {
    {
      const std::lock_guard lock(mutex_);
      streams_.push_back(stream);
    }
    count_.Add();
    return stream;
  }
  std::shared_ptr<StreamType> Get(int number = 0) {
    REQUIRE(count_.Reaches(number + 1));
    const std::lock_guard lock(mutex_);
    return streams_[static_cast<std::size_t>(number)];
  }

 private:
  std::mutex mutex_;
  Counted count_;
  std::vector<std::shared_ptr<StreamType>> streams_;
};

}  // namespace

TEST_CASE("what is sent arrives in order and then the end") {
  TestService service;
  Made<OrderWriter> made;
  Counted done;
  service.on_follow = [&] {
    return made.Put(OrderWriter::Create({.on_room = {}, .on_done = [&](auto&) { done.Add(); }}));
  };
  Line line(service);
  grpc::ClientContext context;
  const auto reader = line.stub->FollowDeviceOrders(&context, {});
  const auto stream = made.Get();
  std::jthread sender([&] {
    for (int i = 1; i <= 1000; ++i) stream->Send(Event(i));
    stream->Finish(Error(absl::StatusCode::kOutOfRange, "compacted", "COMPACTED"));
  });
  pb::OrderEvent event;
  // An error may overtake what waits, but order and beginning are right.
  std::int64_t last = 0;
  while (reader->Read(&event)) {
    CHECK(event.revision() == last + 1);
    last = event.revision();
  }
  sender.join();
  CHECK(ReasonOf(FromGrpc(reader->Finish())) == "COMPACTED");
  CHECK(done.Reaches(1));
  CHECK(stream->over());
  CHECK_FALSE(stream->Send(Event(1)));
  pb::OrderEvent late = Event(1);
  CHECK(stream->TrySend(std::move(late)) == SendResult::kOver);
}

TEST_CASE("everything taken before a finish with OK is written") {
  TestService service;
  std::atomic<int> taken = 0;
  service.on_follow = [&] {
    auto stream = OrderWriter::Create({}, {.max_messages = 1000});
    // Before gRPC has the stream at all.
    for (int i = 1; i <= 500; ++i) taken += stream->TrySend(Event(i, 500)) == SendResult::kTaken;
    stream->Finish(absl::OkStatus());
    stream->Finish(absl::InternalError("the first one counts"));
    return stream;
  };
  Line line(service);
  grpc::ClientContext context;
  const auto reader = line.stub->FollowDeviceOrders(&context, {});
  pb::OrderEvent event;
  int count = 0;
  while (reader->Read(&event)) CHECK(event.revision() == ++count);
  CHECK(taken == 500);
  CHECK(count == 500);
  CHECK(reader->Finish().ok());
}

TEST_CASE("a client that does not read fills the queue, and room is told") {
  TestService service;
  Made<OrderWriter> made;
  Counted room;
  service.on_follow = [&] {
    return made.Put(OrderWriter::Create({.on_room = [&](auto&) { room.Add(); }, .on_done = {}},
                                        {.max_messages = 4, .max_bytes = 1 << 20}));
  };
  Line line(service);
  grpc::ClientContext context;
  const auto reader = line.stub->FollowDeviceOrders(&context, {});
  const auto stream = made.Get();
  // gRPC's own buffers take some; then the client's flow control holds the stream back for good.
  int sent = 0;
  int full = 0;
  while (full < 1000) {
    pb::OrderEvent event = Event(sent + 1, 200'000);
    const SendResult result = stream->TrySend(std::move(event));
    if (result == SendResult::kFull) {
      CHECK(event.order().name().size() == 200'000);
      ++full;
      std::this_thread::yield();
      continue;
    }
    REQUIRE(result == SendResult::kTaken);
    full = 0;
    ++sent;
    REQUIRE(sent < 10'000);
  }
  CHECK(stream->waiting() <= 5);
  const int before = room.count();
  pb::OrderEvent event;
  for (int i = 0; i < sent; ++i) REQUIRE(reader->Read(&event));
  CHECK(room.Reaches(before + 1));
  stream->Finish(absl::OkStatus());
  CHECK_FALSE(reader->Read(&event));
  CHECK(reader->Finish().ok());
}

TEST_CASE("a blocking send ends with a stop, and with the client's cancellation") {
  TestService service;
  Made<OrderWriter> made;
  service.on_follow = [&] { return made.Put(OrderWriter::Create({}, {.max_messages = 1})); };
  Line line(service);
  grpc::ClientContext context;
  const auto reader = line.stub->FollowDeviceOrders(&context, {});
  const auto stream = made.Get();
  std::stop_source stop;
  Counted sends;
  std::promise<void> sends_end;
  std::atomic<bool> over_after_stop = true;
  std::jthread sender([&] {
    while (stream->Send(Event(1, 500'000), stop.get_token())) sends.Add();
    over_after_stop = stream->over();
    sends_end.set_value();
    // Only stopped until now; this waits for the cancellation.
    while (stream->Send(Event(1, 500'000))) continue;
  });
  REQUIRE(sends.Reaches(1));
  stop.request_stop();
  sends_end.get_future().wait();
  CHECK_FALSE(over_after_stop);
  context.TryCancel();
  sender.join();
  CHECK(stream->over());
  CHECK(reader->Finish().error_code() == grpc::StatusCode::CANCELLED);
}

TEST_CASE("requests come one at a time and only after Continue") {
  TestService service;
  Made<PublishStream> made;
  Counted requests;
  Counted done;
  std::atomic<std::int64_t> last = 0;
  service.on_publish = [&] {
    return made.Put(
        PublishStream::Create({.on_message =
                                   [&](PublishStream&, const pb::PublishRequest& request) {
                                     last = request.pack().entries(0).sequence();
                                     requests.Add();
                                   },
                               .on_half_close = {},
                               .on_room = {},
                               .on_done = [&](auto&) { done.Add(); }}));
  };
  Line line(service);
  grpc::ClientContext context;
  const auto client = line.stub->Publish(&context);
  for (int i = 1; i <= 20; ++i) REQUIRE(client->Write(Pack(i)));
  const auto stream = made.Get();
  pb::PublishResponse response;
  for (int i = 1; i <= 20; ++i) {
    REQUIRE(requests.Reaches(i));
    CHECK(last == i);
    // All requests are here, and yet no other one has come.
    CHECK(stream->TrySend(Acknowledgement(i)) == SendResult::kTaken);
    REQUIRE(client->Read(&response));
    CHECK(response.acknowledgement().last_sequence() == i);
    CHECK(requests.count() == i);
    const std::jthread other([&] { stream->Continue(); });
  }
  client->WritesDone();
  CHECK_FALSE(client->Read(&response));
  CHECK(client->Finish().ok());
  CHECK(done.Reaches(1));
  stream->Continue();
}

TEST_CASE("the end of a client's requests leaves time for the last answer") {
  TestService service;
  service.on_publish = [&] {
    return PublishStream::Create(
        {.on_message = [](PublishStream& stream, const pb::PublishRequest&) { stream.Continue(); },
         .on_half_close =
             [](PublishStream& stream) {
               stream.TrySend(Acknowledgement(99));
               stream.Finish(absl::OkStatus());
             },
         .on_room = {},
         .on_done = {}});
  };
  Line line(service);
  grpc::ClientContext context;
  const auto client = line.stub->Publish(&context);
  for (int i = 1; i <= 5; ++i) REQUIRE(client->Write(Pack(i)));
  client->WritesDone();
  pb::PublishResponse response;
  REQUIRE(client->Read(&response));
  CHECK(response.acknowledgement().last_sequence() == 99);
  CHECK_FALSE(client->Read(&response));
  CHECK(client->Finish().ok());
}

TEST_CASE("a stream can be finished by another thread while requests keep coming") {
  TestService service;
  Made<PublishStream> made;
  service.on_publish = [&] {
    return made.Put(PublishStream::Create(
        {.on_message = [](PublishStream& stream, const pb::PublishRequest&) { stream.Continue(); },
         .on_half_close = {},
         .on_room = {},
         .on_done = {}}));
  };
  Line line(service);
  for (int round = 0; round < 50; ++round) {
    grpc::ClientContext context;
    const auto client = line.stub->Publish(&context);
    REQUIRE(client->Write(Pack(1)));
    std::jthread finisher([&, stream = made.Get(round)] {
      stream->Finish(Error(absl::StatusCode::kAborted, "a newer stream came", "REPLACED"));
    });
    while (client->Write(Pack(2))) continue;
    const absl::Status end = FromGrpc(client->Finish());
    INFO(end.ToString());
    CHECK(ReasonOf(end) == "REPLACED");
  }
}

TEST_CASE("all open streams end together, and later ones at once") {
  TestService service;
  OpenStreams open;
  Counted opened;
  service.on_follow = [&] {
    auto stream = OrderWriter::Create({});
    open.Add(stream);
    opened.Add();
    return stream;
  };
  Line line(service);
  grpc::ClientContext first;
  grpc::ClientContext second;
  grpc::ClientContext third;
  const auto one = line.stub->FollowDeviceOrders(&first, {});
  const auto two = line.stub->FollowDeviceOrders(&second, {});
  REQUIRE(opened.Reaches(2));
  open.FinishAll(Error(absl::StatusCode::kUnavailable, "the host is shutting down", "STOPPING"));
  const auto three = line.stub->FollowDeviceOrders(&third, {});
  pb::OrderEvent event;
  for (const auto& reader : {one.get(), two.get(), three.get()}) {
    CHECK_FALSE(reader->Read(&event));
    CHECK(ReasonOf(FromGrpc(reader->Finish())) == "STOPPING");
  }
  line.server->Drain(seconds(20));
}

TEST_CASE("handlers may own what belongs to the call and it goes with the call") {
  TestService service;
  Made<PublishStream> made;
  Counted gone;
  struct Tell {
    ~Tell() { counted->Add(); }
    Counted* counted;
  };
  service.on_publish = [&] {
    auto tell = std::make_shared<Tell>(&gone);
    return made.Put(
        PublishStream::Create({.on_message = [tell](PublishStream&, const pb::PublishRequest&) {},
                               .on_half_close = {},
                               .on_room = {},
                               .on_done = {}}));
  };
  Line line(service);
  {
    grpc::ClientContext context;
    const auto client = line.stub->Publish(&context);
    const auto stream = made.Get();
    context.TryCancel();
    CHECK_FALSE(client->Finish().ok());
    CHECK(gone.Reaches(1));
    CHECK(stream->over());
  }
}

TEST_CASE("clients that hang up at random times break nothing") {
  TestService service;
  Counted done;
  std::atomic<int> made = 0;
  std::mutex mutex;
  std::vector<std::jthread> senders;
  service.on_follow = [&] {
    ++made;
    auto stream = OrderWriter::Create({.on_room = {}, .on_done = [&](auto&) { done.Add(); }},
                                      {.max_messages = 4});
    const std::lock_guard lock(mutex);
    senders.emplace_back([stream] {
      for (int i = 1; stream->Send(Event(i, 300)); ++i) {
        if (i == 400) stream->Finish(absl::OkStatus());
      }
    });
    return stream;
  };
  Executor executor(2, 1024);
  service.on_publish = [&] {
    ++made;
    return PublishStream::Create(
        {.on_message =
             [&](PublishStream& stream, const pb::PublishRequest& request) {
               const auto sequence = request.pack().entries(0).sequence();
               const absl::Status status =
                   executor.Run([stream = stream.shared_from_this(), sequence] {
                     stream->TrySend(Acknowledgement(sequence));
                     if (sequence == 60) stream->Finish(absl::AbortedError("enough"));
                     stream->Continue();
                   });
               if (!status.ok()) stream.Finish(status);
             },
         .on_half_close = {},
         .on_room = {},
         .on_done = [&](auto&) { done.Add(); }});
  };
  Line line(service);
  std::vector<std::jthread> clients;
  for (unsigned seed = 1; seed <= 4; ++seed) {
    clients.emplace_back([&, seed] {
      std::minstd_rand random(seed);
      for (int round = 0; round < 40; ++round) {
        grpc::ClientContext context;
        const unsigned messages = random() % 80;
        if (round % 2 == 0) {
          const auto reader = line.stub->FollowDeviceOrders(&context, {});
          pb::OrderEvent event;
          for (unsigned i = 0; i < messages && reader->Read(&event); ++i) continue;
          context.TryCancel();
          while (reader->Read(&event)) continue;
          reader->Finish();
        } else {
          const auto client = line.stub->Publish(&context);
          std::jthread canceller;
          for (unsigned i = 1; i <= messages; ++i) {
            if (i == messages / 2) canceller = std::jthread([&] { context.TryCancel(); });
            if (!client->Write(Pack(i))) break;
          }
          if (random() % 2 == 0) client->WritesDone();
          if (canceller.joinable()) canceller.join();
          context.TryCancel();
          pb::PublishResponse response;
          while (client->Read(&response)) continue;
          client->Finish();
        }
      }
    });
  }
  clients.clear();
  line.server->Drain(seconds(20));
  executor.Stop();
  senders.clear();
  // A call cancelled early enough never reached the service.
  CHECK(done.count() == made);
}

TEST_CASE("a client that does not read loses its stream, one that is told nothing keeps it") {
  TestService service;
  Counted done;
  Made<OrderWriter> made;
  OpenStreams open(std::chrono::milliseconds(400));
  service.on_follow_with_context = [&](grpc::CallbackServerContext* context) {
    auto stream = OrderWriter::Create({.on_room = {}, .on_done = [&](auto&) { done.Add(); }},
                                      {.max_messages = 4, .max_bytes = 64 << 20}, context);
    open.Add(stream);
    return made.Put(std::move(stream));
  };
  Line line(service);
  grpc::ClientContext quiet_context;
  const auto quiet = line.stub->FollowDeviceOrders(&quiet_context, {});
  const auto silent = made.Get(0);
  grpc::ClientContext context;
  const auto reader = line.stub->FollowDeviceOrders(&context, {});
  const auto stream = made.Get(1);
  // More than any window holds, and it is finished, too: only cancelling ends it.
  for (int i = 1; i <= 4; ++i) stream->Send(Event(i, 8 << 20));
  stream->Finish(absl::OkStatus());
  CHECK(done.Reaches(1));
  CHECK(done.count() == 1);
  CHECK_FALSE(silent->over());
  CHECK(silent->TrySend(Event(1)) == SendResult::kTaken);
  pb::OrderEvent event;
  CHECK(quiet->Read(&event));
  silent->Finish(absl::OkStatus());
  CHECK(quiet->Finish().ok());
  int read = 0;
  while (reader->Read(&event)) ++read;
  CHECK(read < 4);
  CHECK_FALSE(reader->Finish().ok());
}

}  // namespace proofline::rpc
