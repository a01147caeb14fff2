// JPEG headers that renditions share: there while one rendition needs them, and not longer.
#include "hostd/shared_headers.h"

#include <atomic>
#include <thread>

#include "hostd/store.h"
#include "hostd/store_keys.h"
#include "test/catch.h"
#include "test/hostd/photo_samples.h"
#include "test/hostd/shelf.h"

namespace proofline::host {
namespace {

namespace pb = proofline::v1;
namespace fs = std::filesystem;
using test::PhotoChangeOf;
using test::PublishNow;
using test::Sample;
using test::WithdrawalOf;

struct Shelf : test::Shelf {
  void Publish(std::vector<PublishedChange> changes) {
    const auto outcome = PublishNow(*store, "north", "one", "cat", std::move(changes));
    REQUIRE(outcome.ok());
    REQUIRE(outcome->refusals.empty());
  }
};

base::Digest HeaderOf(const PublishedChange& change) { return *change.renditions[0].header_digest; }

// The same photo as a lens of another studio would make it: another header, another body.
PublishedChange OtherHeader(std::int64_t sequence, const Sample& sample, const std::string& words) {
  PublishedChange change = PhotoChangeOf(sequence, sample);
  for (std::size_t i = 0; i < change.renditions.size(); ++i) {
    PublishedRendition& rendition = change.renditions[i];
    const std::string header = "the header " + words;
    rendition.header = std::make_shared<const std::string>(header);
    rendition.header_digest = base::Sha256Of(header);
    rendition.digest = base::Sha256Of(header + rendition.body);
    change.photo.mutable_renditions(static_cast<int>(i))
        ->set_digest(std::string(rendition.digest.bytes()));
  }
  return change;
}

bool Holds(const Store& store, const base::Digest& header, const std::string& studio = "north") {
  const auto found = store.FindHeader(studio, header);
  REQUIRE(found.ok());
  return *found != nullptr;
}

std::string Proof(const Store& store, const std::string& photo) {
  const auto file = store.ReadRendition("north", photo, pb::RENDITION_KIND_PROOF);
  REQUIRE(file.ok());
  REQUIRE(file->has_value());
  return (*file)->content;
}

}  // namespace

// Below the store, which must be closed.
kv::Database OpenRaw(const Shelf& shelf) {
  kv::Database::Options options;
  options.column_families = {{.name = std::string(keys::kRecords), .blob_files = false},
                             {.name = std::string(keys::kRenditions), .blob_files = true}};
  auto database = kv::Database::Open(shelf.dir / "store", options);
  REQUIRE(database.ok());
  return *std::move(database);
}

TEST_CASE("A header stays while one photo of its studio needs it, and goes with the last one") {
  Shelf shelf;
  const Sample first{.photo = "p1", .content = "first"};
  const Sample second{.photo = "p2", .content = "second"};
  const base::Digest header = HeaderOf(PhotoChangeOf(1, first));
  shelf.Publish({PhotoChangeOf(1, first), PhotoChangeOf(2, second)});
  REQUIRE(PublishNow(*shelf.store, "south", "one", "cat",
                     {PhotoChangeOf(1, {.studio = "south", .photo = "p1"})})
              .ok());
  shelf.Publish({WithdrawalOf(3, first)});
  {
    const auto crashed = shelf.OpenCopy();
    CHECK(Holds(*crashed, header));
    CHECK(Proof(*crashed, "p2") == JpegOf(second, pb::RENDITION_KIND_PROOF));
  }
  shelf.Publish({WithdrawalOf(4, second)});
  const auto crashed = shelf.OpenCopy();
  CHECK_FALSE(Holds(*crashed, header));
  CHECK(Holds(*crashed, header, "south"));
}

TEST_CASE("A header goes when the renditions that have it are replaced or left out") {
  Shelf shelf;
  const Sample sample{.photo = "p1"};
  const base::Digest old_header = HeaderOf(PhotoChangeOf(1, sample));
  const base::Digest new_header = HeaderOf(OtherHeader(2, sample, "a"));
  shelf.Publish({PhotoChangeOf(1, sample)});
  // Metadata alone, and the same once more: nothing is counted twice.
  PublishedChange titled = PhotoChangeOf(2, sample);
  titled.renditions.clear();
  titled.photo.mutable_metadata()->set_title("Anna");
  shelf.Publish({titled});
  PublishedChange brought_again = PhotoChangeOf(3, sample);
  brought_again.photo.mutable_metadata()->set_title("Ben");
  shelf.Publish({brought_again});
  CHECK(Proof(*shelf.OpenCopy(), "p1") == JpegOf(sample, pb::RENDITION_KIND_PROOF));
  shelf.Publish({OtherHeader(4, sample, "a")});
  {
    const auto crashed = shelf.OpenCopy();
    CHECK_FALSE(Holds(*crashed, old_header));
    CHECK(Holds(*crashed, new_header));
  }
  // Only the proof remains, then nothing.
  PublishedChange proof_only = OtherHeader(5, sample, "a");
  proof_only.renditions.clear();
  proof_only.photo.mutable_renditions()->DeleteSubrange(0, 1);
  shelf.Publish({proof_only});
  CHECK(Holds(*shelf.OpenCopy(), new_header));
  shelf.Publish({WithdrawalOf(6, sample)});
  CHECK_FALSE(Holds(*shelf.OpenCopy(), new_header));
}

TEST_CASE("A header that is withdrawn and published again in one pack is there") {
  Shelf shelf;
  const Sample first{.photo = "p1", .content = "first"};
  const Sample second{.photo = "p2", .content = "second"};
  shelf.Publish({PhotoChangeOf(1, first)});
  shelf.Publish({WithdrawalOf(2, first), PhotoChangeOf(3, second)});
  CHECK(Proof(*shelf.OpenCopy(), "p2") == JpegOf(second, pb::RENDITION_KIND_PROOF));
  shelf.Publish({WithdrawalOf(4, second)});
  CHECK_FALSE(Holds(*shelf.OpenCopy(), HeaderOf(PhotoChangeOf(1, first))));
}

TEST_CASE("A header of a store from before headers were counted is kept") {
  Shelf shelf;
  const Sample old_photo{.photo = "p1", .content = "old"};
  const Sample new_photo{.photo = "p2", .content = "new"};
  const base::Digest header = HeaderOf(PhotoChangeOf(1, old_photo));
  shelf.Publish({PhotoChangeOf(1, old_photo)});
  shelf.store.reset();
  {
    kv::Database database = OpenRaw(shelf);
    kv::Batch batch;
    batch.Delete(keys::kRecords, keys::HeaderUses("north", header));
    REQUIRE(database.Commit(std::move(batch)).ok());
  }
  shelf.store = shelf.OpenAt(shelf.dir / "store");
  shelf.Publish({PhotoChangeOf(2, new_photo)});
  shelf.Publish({WithdrawalOf(3, new_photo)});
  CHECK(Proof(*shelf.OpenCopy(), "p1") == JpegOf(old_photo, pb::RENDITION_KIND_PROOF));
}

TEST_CASE(
    "Headers from before headers were counted are counted once, and go with their last photo") {
  Shelf shelf;
  const Sample old_photo{.photo = "p1", .content = "old"};
  const Sample gone{.photo = "p3", .content = "gone"};
  const Sample new_photo{.photo = "p2", .content = "new"};
  const base::Digest header = HeaderOf(PhotoChangeOf(1, old_photo));
  const base::Digest orphan = base::Sha256Of("the header of nobody");
  shelf.Publish({PhotoChangeOf(1, old_photo), PhotoChangeOf(2, gone)});
  shelf.store.reset();
  {
    kv::Database database = OpenRaw(shelf);
    kv::Batch batch;
    batch.Delete(keys::kRecords, keys::HeaderUses("north", header));
    batch.Put(keys::kRecords, keys::Header("north", orphan), "the header of nobody");
    record::FormatRecord format;
    format.set_version(1);
    batch.Put(keys::kRecords, keys::Format(), format.SerializeAsString());
    for (const char* photo : {"p1", "p3"}) {
      record::PhotoRecord record;
      REQUIRE(record.ParseFromString(*database.Get(keys::kRecords, keys::Photo("north", photo))));
      for (auto& rendition : *record.mutable_renditions()) rendition.clear_header_digest();
      batch.Put(keys::kRecords, keys::Photo("north", photo), record.SerializeAsString());
    }
    REQUIRE(database.Commit(std::move(batch)).ok());
  }
  shelf.store = shelf.OpenAt(shelf.dir / "store");
  REQUIRE_FALSE(*shelf.store->AreHeadersCounted());
  // What comes before the counting is not counted yet, what goes is not missed.
  shelf.Publish({PhotoChangeOf(3, new_photo), WithdrawalOf(4, gone)});
  std::stop_source stopped;
  stopped.request_stop();
  CHECK(absl::IsCancelled(shelf.store->CountHeaders(stopped.get_token())));
  CHECK_FALSE(*shelf.store->AreHeadersCounted());
  SECTION("at one go") {}
  SECTION("by a host that was started again") { shelf.Reopen(); }
  {
    const auto crashed = shelf.OpenCopy();
    REQUIRE(crashed->CountHeaders({}).ok());
    CHECK_FALSE(Holds(*crashed, orphan));
  }
  REQUIRE(shelf.store->CountHeaders({}).ok());
  CHECK(*shelf.store->AreHeadersCounted());
  CHECK_FALSE(Holds(*shelf.OpenCopy(), orphan));
  shelf.Publish({WithdrawalOf(5, old_photo)});
  CHECK(Proof(*shelf.OpenCopy(), "p2") == JpegOf(new_photo, pb::RENDITION_KIND_PROOF));
  shelf.Publish({WithdrawalOf(6, new_photo)});
  CHECK_FALSE(Holds(*shelf.OpenCopy(), header));
}

TEST_CASE("Who reads while a photo is replaced gets one of its renditions, whole") {
  Shelf shelf;
  const Sample sample{.photo = "p1"};
  shelf.Publish({OtherHeader(1, sample, "0")});
  std::atomic<bool> over = false;
  std::atomic<int> read = 0;
  std::atomic<int> wrong = 0;
  std::jthread reader([&] {
    while (!over) {
      const auto file = shelf.store->ReadRendition("north", "p1", pb::RENDITION_KIND_PROOF);
      if (!file.ok() || !file->has_value() || base::Sha256Of((*file)->content) != (*file)->digest) {
        ++wrong;
      }
      ++read;
    }
  });
  for (int i = 2; i < 300 || read < 1'000; ++i) {
    shelf.Publish({OtherHeader(i, sample, std::to_string(i))});
  }
  over = true;
  reader.join();
  CHECK(wrong == 0);
}

}  // namespace proofline::host
