// Streams end when the right to them does, and nobody holds more of them than is fair.
#include "hostd/live_streams.h"
#include "lib/base/text.h"
#include "lib/rpc/channel.h"
#include "test/catch.h"
#include "test/hostd/photo_samples.h"
#include "test/hostd/test_host.h"
#include "test/temp_dir.h"

namespace proofline::host {
namespace {

namespace pb = proofline::v1;
using Stub = pb::StorefrontService::Stub;
using test::Call;
using test::PhotoEntry;
using test::PublishClient;

pb::PublishEntry CustomerEntry(std::int64_t sequence, const std::string& identifier) {
  pb::PublishEntry entry;
  entry.set_sequence(sequence);
  entry.mutable_customer()->set_name("studios/north/customers/tom");
  entry.mutable_customer()->set_identifier(identifier);
  *entry.mutable_customer()->mutable_share() = test::ShareOfGallery("north", "wedding");
  return entry;
}

pb::Customer Typed(const std::string& identifier) {
  pb::Customer typed;
  typed.set_identifier(identifier);
  return typed;
}

// A studio whose device has published photos of some hundred kilobytes and made a customer.
struct Studio {
  explicit Studio(int photos = 1) : host(dir.path()) {
    host.AddStudio("north");
    key = host.AddDevice("north", "one");
    device = std::make_unique<PublishClient>(host, key);
    device->Send({CustomerEntry(1, "TOMS-CODE-2031")});
    for (int i = 0; i < photos; ++i) {
      device->Send({PhotoEntry(2 + i, {.photo = base::Concat("p", i),
                                       .content = base::Concat(std::string(300'000, 'x'), i)})});
    }
    REQUIRE(device->ReadUpTo(1 + photos).empty());
    tom = host.SignIn(Typed("TOMS-CODE-2031"));
  }
  // Another way to say "revoked": by the studio's own device.
  void Send(pb::PublishEntry entry) {
    device->Send({entry});
    REQUIRE(device->ReadUpTo(entry.sequence()).empty());
  }

  proofline::test::TempDir dir;
  test::TestHost host;
  std::string key;
  std::unique_ptr<PublishClient> device;
  std::unique_ptr<Stub> tom;
};

// A page of all photos of which only the first rendition is taken for now.
class SlowReader {
 public:
  SlowReader(Stub& stub, int photos) {
    pb::StreamRenditionsRequest request;
    request.set_kind(pb::RENDITION_KIND_PROOF);
    for (int i = 0; i < photos; ++i) {
      request.add_photos(base::Concat("studios/north/galleries/wedding/photos/p", i));
    }
    context_.set_wait_for_ready(true);
    stream_ = stub.StreamRenditions(&context_, request);
    pb::StreamRenditionsResponse first;
    REQUIRE(stream_->Read(&first));
    REQUIRE_FALSE(first.content().empty());
  }
  ~SlowReader() { context_.TryCancel(); }
  // The pictures that came after the first one, and how it ended.
  std::pair<int, grpc::Status> ReadOn() {
    int pictures = 0;
    pb::StreamRenditionsResponse response;
    while (stream_->Read(&response)) pictures += response.content().empty() ? 0 : 1;
    return {pictures, stream_->Finish()};
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<pb::StreamRenditionsResponse>> stream_;
};

}  // namespace

TEST_CASE("A customer that its studio revokes loses the streams that are open") {
  Studio studio(60);
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  // Sooner than the feed looks by itself whether the session lives.
  rpc::WithDeadline(context, std::chrono::seconds(20));
  const auto feed = studio.tom->FollowOrders(&context, pb::FollowOrdersRequest());
  SlowReader reader(*studio.tom, 60);
  pb::PublishEntry revoke = CustomerEntry(100, "");
  revoke.mutable_customer()->set_revoked(true);
  studio.Send(revoke);
  pb::OrderEvent event;
  while (feed->Read(&event)) {
  }
  CHECK(test::Reason(feed->Finish()) == "SESSION_ENDED");
  const auto [pictures, status] = reader.ReadOn();
  CHECK(pictures < 59);
  CHECK(test::Reason(status) == "SESSION_ENDED");
}

TEST_CASE("A page of renditions that is read slowly shows nothing that is shared no more") {
  Studio studio(60);
  SlowReader reader(*studio.tom, 60);
  pb::PublishEntry narrowed = CustomerEntry(100, "");
  *narrowed.mutable_customer()->mutable_share() = test::ShareOfGallery("north", "another");
  studio.Send(narrowed);
  const auto [pictures, status] = reader.ReadOn();
  CHECK(status.ok());
  CHECK(pictures < 59);
}

TEST_CASE("A new identifier ends the sessions that the old one has opened") {
  Studio studio;
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  // Sooner than the feed looks by itself whether the session lives.
  rpc::WithDeadline(context, std::chrono::seconds(20));
  const auto feed = studio.tom->FollowOrders(&context, pb::FollowOrdersRequest());
  studio.Send(CustomerEntry(100, "TOMS-NEW-CODE"));
  pb::ListGalleriesResponse galleries;
  CHECK(test::Reason(Call(*studio.tom, &Stub::ListGalleries, pb::ListGalleriesRequest(),
                          &galleries)) == "SESSION_ENDED");
  pb::OrderEvent event;
  while (feed->Read(&event)) {
  }
  CHECK(test::Reason(feed->Finish()) == "SESSION_ENDED");
  // Whoever has the new one goes on, and what changes nothing ends nothing.
  const auto tom = studio.host.SignIn(Typed("TOMS-NEW-CODE"));
  studio.Send(CustomerEntry(101, "TOMS-NEW-CODE"));
  CHECK(Call(*tom, &Stub::ListGalleries, pb::ListGalleriesRequest(), &galleries).ok());
}

TEST_CASE("Who opens too many streams loses the oldest, others lose none") {
  Studio studio;
  const auto other = studio.host.SignIn(Typed("TOMS-CODE-2031"));
  const auto follow = [](Stub& stub, grpc::ClientContext& context) {
    context.set_wait_for_ready(true);
    return stub.FollowOrders(&context, pb::FollowOrdersRequest());
  };
  grpc::ClientContext others_context;
  const auto others = follow(*other, others_context);
  std::vector<grpc::ClientContext> contexts(LiveStreams::kMostOfOne + 1);
  std::vector<std::unique_ptr<grpc::ClientReader<pb::OrderEvent>>> feeds;
  for (grpc::ClientContext& context : contexts) feeds.push_back(follow(*studio.tom, context));
  // Which of them the host took first is not known; exactly one has ended.
  studio.device->Send({PhotoEntry(100, {.photo = "p0", .content = "again"})});
  std::atomic<int> replaced = 0;
  std::vector<std::jthread> readers;
  for (const auto& feed : feeds) {
    readers.emplace_back([&] {
      pb::OrderEvent event;
      while (feed->Read(&event)) {
      }
      if (test::Reason(feed->Finish()) == "STREAM_REPLACED") ++replaced;
    });
  }
  while (replaced == 0) std::this_thread::yield();
  for (grpc::ClientContext& context : contexts) context.TryCancel();
  readers.clear();
  CHECK(replaced == 1);
  others_context.TryCancel();
  pb::OrderEvent event;
  CHECK_FALSE(others->Read(&event));
  CHECK(others->Finish().error_code() == grpc::StatusCode::CANCELLED);
}

TEST_CASE("A photo that is refused takes no other photo's header with it") {
  Studio studio;
  PublishClient client(studio.host, studio.host.AddDevice("north", "two"));
  pb::PublishEntry refused = PhotoEntry(1, {.photo = "q1"});
  refused.mutable_photo()->mutable_photo()->mutable_metadata()->set_title(std::string(2'000, 't'));
  pb::PublishEntry good = PhotoEntry(2, {.photo = "q2"});
  for (pb::PublishEntry* entry : {&refused, &good}) {
    for (auto& rendition : *entry->mutable_photo()->mutable_renditions()) {
      // One that no other device has brought.
      const std::string header = base::Concat("header", rendition.header());
      rendition.set_header_digest(std::string(base::Sha256Of(header).bytes()));
      rendition.set_header(entry == &refused ? header : "");
      const std::string file = header + rendition.body();
      for (auto& described : *entry->mutable_photo()->mutable_photo()->mutable_renditions()) {
        if (described.kind() != rendition.kind()) continue;
        described.set_digest(std::string(base::Sha256Of(file).bytes()));
        described.set_size_bytes(static_cast<std::int64_t>(file.size()));
      }
    }
  }
  client.Send({refused, good});
  const auto refusals = client.ReadUpTo(2);
  REQUIRE(refusals.size() == 1);
  CHECK(refusals[0].reason() == "METADATA_INVALID");
  CHECK(studio.host.store().FindPhoto("north", "q2")->has_value());
}

}  // namespace proofline::host
