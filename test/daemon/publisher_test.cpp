#include <unistd.h>

#include <atomic>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "daemon/proof_publisher.h"
#include "lib/imaging/jpeg_header.h"
#include "test/daemon/studio_fixture.h"
#include "test/daemon/test_server.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;

// A host that keeps what it is told, checks the rules of the stream, and cuts it as it likes.
class Host final : public pb::SyncService::Service {
 public:
  using Stream = grpc::ServerReaderWriter<pb::PublishResponse, pb::PublishRequest>;

  grpc::Status Publish(grpc::ServerContext* context, Stream* stream) override {
    pb::PublishRequest request;
    if (!stream->Read(&request) || !request.has_open()) return Broken("no open");
    if (refuse_all) return {grpc::StatusCode::UNAUTHENTICATED, "the key is not known"};
    pb::PublishResponse response;
    {
      const std::lock_guard lock(mutex);
      ++streams;
      catalog_id = request.open().catalog_id();
      response.mutable_opened()->set_last_sequence(last);
      response.mutable_opened()->set_window_bytes(window);
      response.mutable_opened()->set_max_pack_bytes(64 << 10);
      heard = request.open().heard_sequence();
      for (const auto& [sequence, name] : refused) {
        if (sequence > heard) *response.mutable_opened()->add_refusals() = RefusalOf(sequence);
      }
    }
    stream->Write(response);
    std::set<std::string> headers;
    std::map<std::string, std::string> header_of;
    std::int64_t sent_last = 0;
    while (stream->Read(&request)) {
      if (!request.has_pack() || request.pack().entries().empty()) return Broken("no pack");
      const std::lock_guard lock(mutex);
      largest_pack = std::max(largest_pack, request.ByteSizeLong());
      // Sometimes lost before it is durable, sometimes before it is acknowledged.
      if (cut_one_in > 0 && random() % cut_one_in == 0) return Cut();
      for (const pb::PublishEntry& entry : request.pack().entries()) {
        if (entry.sequence() <= sent_last) return Broken("not rising");
        sent_last = entry.sequence();
        if (!Take(entry, header_of)) return grpc::Status(grpc::StatusCode::INTERNAL, broken);
      }
      last = std::max(last, sent_last);
      if (cut_one_in > 0 && random() % cut_one_in == 0) return Cut();
      if (hold_acknowledgements) {
        ++held_packs;
        held_bytes += request.ByteSizeLong();
        continue;
      }
      pb::PublishResponse acknowledgement;
      acknowledgement.mutable_acknowledgement()->set_last_sequence(sent_last);
      for (const auto& [sequence, name] : refused) {
        if (sequence > sent_last) continue;
        *acknowledgement.mutable_acknowledgement()->add_refusals() = RefusalOf(sequence);
      }
      if (context->IsCancelled()) return grpc::Status::CANCELLED;
      stream->Write(acknowledgement);
    }
    return grpc::Status::OK;
  }

  bool Take(const pb::PublishEntry& entry, std::map<std::string, std::string>& header_of) {
    if (entry.has_customer()) {
      customers[entry.customer().name()] = entry.customer();
      return true;
    }
    const pb::PhotoChange& change = entry.photo();
    if (refuse_file == change.photo().file_name()) refused[entry.sequence()] = refuse_file;
    for (const pb::RenditionData& data : change.renditions()) {
      std::string header;
      if (!data.header_digest().empty()) {
        if (!data.header().empty()) {
          if (header_of.contains(data.header_digest())) broken = "a header came twice";
          header_of[data.header_digest()] = data.header();
        }
        if (!header_of.contains(data.header_digest())) broken = "a header is unknown";
        header = header_of[data.header_digest()];
      }
      const base::Digest digest = base::Sha256Of(header + data.body());
      bool named = false;
      for (const pb::Rendition& rendition : change.photo().renditions()) {
        named = named || (rendition.kind() == data.kind() && rendition.digest() == digest.bytes());
      }
      if (!named) broken = "a rendition has another digest than its record says";
      ++renditions;
    }
    photos[change.photo().name()] = change.photo();
    return broken.empty();
  }

  std::mutex mutex;
  std::string catalog_id;
  std::int64_t last = 0;
  std::int64_t window = 1 << 20;
  unsigned cut_one_in = 0;
  bool refuse_all = false;
  bool hold_acknowledgements = false;
  std::string refuse_file;
  std::minstd_rand random{7};
  int streams = 0;
  int cuts = 0;
  int renditions = 0;
  int held_packs = 0;
  std::size_t held_bytes = 0;
  std::size_t largest_pack = 0;
  std::string broken;
  std::map<std::string, pb::Photo> photos;
  std::map<std::int64_t, std::string> refused;
  std::map<std::string, pb::Customer> customers;
  std::int64_t heard = 0;

 private:
  static pb::PublishRefusal RefusalOf(std::int64_t sequence) {
    pb::PublishRefusal refusal;
    refusal.set_sequence(sequence);
    refusal.set_reason("DIGEST_MISMATCH");
    refusal.set_message("it is not what it says");
    return refusal;
  }
  grpc::Status Broken(const char* what) {
    const std::lock_guard lock(mutex);
    broken = what;
    return {grpc::StatusCode::INVALID_ARGUMENT, what};
  }
  grpc::Status Cut() {
    ++cuts;
    return {grpc::StatusCode::UNAVAILABLE, "cut"};
  }
};

struct Publishing {
  void AddPhotos(int from, int to, std::size_t proof_bytes) {
    for (int i = from; i < to; ++i) {
      studio.Add("g/" + std::to_string(i) + ".jpg", "picture " + std::to_string(i));
    }
    studio.RenderAll(proof_bytes);
  }
  bool AllPublished(std::int64_t photos) {
    return Eventually([&] { return studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == photos; });
  }
  template <typename T>
  T Host(T Host::*member) {
    const std::lock_guard lock(host.mutex);
    return host.*member;
  }

  Studio studio;
  class Host host;
  rpc::Metrics metrics;
};

TEST_CASE("what was rendered before and during the connection reaches the host") {
  Publishing p;
  p.AddPhotos(0, 10, 5000);
  TestServer server(p.host);
  ProofPublisher publisher(server.Channel(), "the host", p.studio.catalog(), p.metrics);
  publisher.Start();
  CHECK(p.AllPublished(10));
  p.AddPhotos(10, 15, 5000);
  CHECK(p.AllPublished(15));
  CHECK(publisher.state().connected);
  publisher.Stop();
  CHECK(p.host.broken.empty());
  CHECK(p.host.photos.size() == 15);
  CHECK(p.host.renditions == 30);
  CHECK(p.host.streams == 1);
  CHECK(p.host.catalog_id == p.studio.catalog().catalog_id());
  CHECK(p.host.largest_pack <= (64u << 10));
  CHECK(p.studio.catalog().counts().sent_bytes > 0);
}

TEST_CASE("through a stream that is cut at random everything arrives, in order and right") {
  Publishing p;
  p.host.cut_one_in = 6;
  p.AddPhotos(0, 60, 20'000);
  TestServer server(p.host);
  ProofPublisher publisher(server.Channel(), "the host", p.studio.catalog(), p.metrics);
  publisher.Start();
  CHECK(p.AllPublished(60));
  publisher.Stop();
  CHECK(p.host.broken.empty());
  CHECK(p.host.photos.size() == 60);
  CHECK(p.host.cuts > 0);
}

TEST_CASE("no more than the window is under way, but always one pack") {
  Publishing p;
  p.host.hold_acknowledgements = true;
  p.host.window = 150'000;
  p.AddPhotos(0, 20, 30'000);
  TestServer server(p.host);
  {
    ProofPublisher publisher(server.Channel(), "the host", p.studio.catalog(), p.metrics);
    publisher.Start();
    REQUIRE(Eventually([&] { return p.Host(&Host::held_bytes) > 80'000; }));
    // The first acknowledgement that comes after this shows that nothing more had been sent.
    publisher.Stop();
    CHECK(p.Host(&Host::held_bytes) <= 150'000);
  }
  {
    const std::lock_guard lock(p.host.mutex);
    p.host.hold_acknowledgements = false;
    p.host.window = 0;
  }
  ProofPublisher publisher(server.Channel(), "the host", p.studio.catalog(), p.metrics);
  publisher.Start();
  CHECK(p.AllPublished(20));
}

TEST_CASE("a refused photo does not hold up the others") {
  Publishing p;
  p.host.refuse_file = "3.jpg";
  p.AddPhotos(0, 8, 1000);
  TestServer server(p.host);
  ProofPublisher publisher(server.Channel(), "the host", p.studio.catalog(), p.metrics);
  publisher.Start();
  CHECK(p.AllPublished(7));
  CHECK(Eventually([&] { return p.studio.Count(pb::LOCAL_PHOTO_STATE_REFUSED) == 1; }));
  CHECK(p.studio.At("g/3.jpg").state_message() == "it is not what it says");
}

TEST_CASE("a photo whose refusal was lost with its stream does not look published") {
  Publishing p;
  p.host.refuse_file = "3.jpg";
  p.host.hold_acknowledgements = true;
  p.AddPhotos(0, 8, 1000);
  TestServer server(p.host);
  {
    ProofPublisher publisher(server.Channel(), "the host", p.studio.catalog(), p.metrics);
    publisher.Start();
    REQUIRE(Eventually([&] { return p.Host(&Host::last) == p.studio.catalog().last_sequence(); }));
    publisher.Stop();
  }
  CHECK(p.studio.Count(pb::LOCAL_PHOTO_STATE_RENDERED) == 8);
  {
    const std::lock_guard lock(p.host.mutex);
    p.host.hold_acknowledgements = false;
  }
  {
    ProofPublisher publisher(server.Channel(), "the host", p.studio.catalog(), p.metrics);
    publisher.Start();
    CHECK(p.AllPublished(7));
    publisher.Stop();
  }
  CHECK(p.studio.At("g/3.jpg").state() == pb::LOCAL_PHOTO_STATE_REFUSED);
  CHECK(p.studio.At("g/3.jpg").state_message() == "it is not what it says");
  // Heard now: the host need not tell it again.
  ProofPublisher publisher(server.Channel(), "the host", p.studio.catalog(), p.metrics);
  publisher.Start();
  REQUIRE(Eventually([&] { return publisher.state().connected; }));
  CHECK(p.Host(&Host::heard) == p.studio.catalog().last_sequence());
}

TEST_CASE("new metadata of many photos costs the records and no rendition") {
  constexpr int kPhotos = 50;
  Publishing p;
  p.AddPhotos(0, kPhotos, 20'000);
  TestServer server(p.host);
  ProofPublisher publisher(server.Channel(), "the host", p.studio.catalog(), p.metrics);
  publisher.Start();
  REQUIRE(p.AllPublished(kPhotos));
  const std::int64_t before = p.studio.catalog().counts().sent_bytes;
  CHECK(p.Host(&Host::renditions) == 2 * kPhotos);
  std::vector<std::string> ids;
  for (int i = 0; i < kPhotos; ++i) {
    ids.push_back(p.studio.At("g/" + std::to_string(i) + ".jpg").id());
  }
  const auto changed =
      p.studio.catalog().UpdateMany(ids, [](std::size_t index, record::Photo& photo) {
        photo.mutable_entered()->set_subject(std::to_string(index));
        photo.add_entered_fields("subject");
        return absl::OkStatus();
      });
  REQUIRE(changed.ok());
  CHECK(*changed == kPhotos);
  REQUIRE(p.AllPublished(kPhotos));
  publisher.Stop();
  CHECK(p.Host(&Host::renditions) == 2 * kPhotos);
  CHECK(p.studio.catalog().counts().sent_bytes - before < kPhotos * 1'000);
  for (const auto& [name, photo] : p.host.photos) CHECK_FALSE(photo.metadata().subject().empty());
}

TEST_CASE("metadata that changes while renditions are on their way costs no second sending") {
  constexpr int kPhotos = 20;
  Publishing p;
  p.host.hold_acknowledgements = true;
  p.AddPhotos(0, kPhotos, 20'000);
  TestServer server(p.host);
  ProofPublisher publisher(server.Channel(), "the host", p.studio.catalog(), p.metrics);
  publisher.Start();
  REQUIRE(Eventually([&] { return p.Host(&Host::renditions) == 2 * kPhotos; }));
  for (int i = 0; i < kPhotos; ++i) {
    REQUIRE(p.studio.catalog()
                .Update(p.studio.At("g/" + std::to_string(i) + ".jpg").id(), "",
                        [](record::Photo& photo) {
                          photo.mutable_entered()->set_subject("17");
                          photo.add_entered_fields("subject");
                          return absl::OkStatus();
                        })
                .ok());
  }
  REQUIRE(Eventually([&] { return p.Host(&Host::last) == p.studio.catalog().last_sequence(); }));
  publisher.Stop();
  {
    const std::lock_guard lock(p.host.mutex);
    CHECK(p.host.renditions == 2 * kPhotos);
    for (const auto& [name, photo] : p.host.photos) CHECK(photo.metadata().subject() == "17");
    p.host.hold_acknowledgements = false;
  }
  publisher.Start();
  CHECK(p.AllPublished(kPhotos));
  publisher.Stop();
  CHECK(p.host.renditions == 2 * kPhotos);
  CHECK(p.host.broken.empty());
}

TEST_CASE("a host that comes late is found, and one that is away is told of in plain words") {
  Publishing p;
  p.AddPhotos(0, 3, 1000);
  int port = 0;
  { port = TestServer(p.host).port(); }
  const auto channel =
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials());
  ProofPublisher publisher(channel, "the host at home", p.studio.catalog(), p.metrics);
  publisher.Start();
  CHECK(Eventually([&] {
    return publisher.state().message.find("the host at home") != std::string::npos &&
           publisher.state().message.find("connecting to") == std::string::npos;
  }));
  CHECK_FALSE(publisher.state().connected);
  TestServer server(p.host, port);
  CHECK(p.AllPublished(3));
  CHECK(publisher.state().connected);
}

TEST_CASE("a refused key is told of") {
  Publishing p;
  p.host.refuse_all = true;
  TestServer server(p.host);
  ProofPublisher publisher(server.Channel(), "the host", p.studio.catalog(), p.metrics);
  publisher.Start();
  CHECK(Eventually(
      [&] { return publisher.state().message.find("the key is not known") != std::string::npos; }));
}

TEST_CASE("who waits for something to send sleeps while work is paused") {
  Publishing p;
  p.AddPhotos(0, 2, 1000);
  REQUIRE(p.studio.catalog().SetPaused(true).ok());
  std::atomic<pid_t> thread = 0;
  std::atomic<bool> over = false;
  std::atomic<bool> goes_on = false;
  std::atomic<bool> went_on = false;
  std::jthread sender([&](const std::stop_token& stop) {
    thread = ::gettid();
    p.studio.catalog().WaitForPending(0, stop);
    went_on = goes_on.load();
    over = true;
  });
  // Until it sleeps: nobody else uses the catalog, so it sleeps for nothing but this.
  const auto sleeps = [&] {
    std::ifstream file("/proc/self/task/" + std::to_string(thread.load()) + "/stat");
    std::string stat;
    std::getline(file, stat);
    const std::size_t name_end = stat.rfind(')');
    return name_end != std::string::npos && stat.substr(name_end + 2, 1) == "S";
  };
  REQUIRE(Eventually([&] { return over || (thread != 0 && sleeps()); }));
  goes_on = true;
  REQUIRE(p.studio.catalog().SetPaused(false).ok());
  sender.join();
  CHECK(went_on);
}

TEST_CASE("paused work sends nothing until it goes on") {
  Publishing p;
  p.AddPhotos(0, 2, 1000);
  REQUIRE(p.studio.catalog().SetPaused(true).ok());
  TestServer server(p.host);
  ProofPublisher publisher(server.Channel(), "the host", p.studio.catalog(), p.metrics);
  publisher.Start();
  REQUIRE(Eventually([&] { return publisher.state().connected; }));
  CHECK(p.Host(&Host::photos).empty());
  REQUIRE(p.studio.catalog().SetPaused(false).ok());
  CHECK(p.AllPublished(2));
}

}  // namespace
}  // namespace proofline::studio::test
