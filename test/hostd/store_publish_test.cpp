#include <future>
#include <thread>

#include "hostd/record_text.h"
#include "hostd/store.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "test/catch.h"
#include "test/hostd/photo_samples.h"
#include "test/hostd/shelf.h"
#include "test/temp_dir.h"

namespace proofline::host {
namespace {

namespace pb = proofline::v1;
namespace fs = std::filesystem;
using test::PhotoChangeOf;
using test::PublishNow;
using test::Sample;
using test::WithdrawalOf;

struct Shelf : test::Shelf {
  pb::Usage Usage(const std::string& studio = "north") const { return *store->GetUsage(studio); }
  std::vector<std::string> Photos(const std::string& gallery, int page_size = 100) const {
    std::vector<std::string> ids;
    std::string after;
    do {
      const auto page = store->ListGalleryPhotos("north", gallery, after, page_size, {});
      REQUIRE(page.ok());
      for (const pb::Photo& photo : page->items) ids.emplace_back(LastPart(photo.name()));
      after = page->next;
    } while (!after.empty());
    return ids;
  }
};

std::string ReasonOfFirst(const absl::StatusOr<PublishOutcome>& outcome) {
  REQUIRE(outcome.ok());
  return outcome->refusals.empty() ? "" : outcome->refusals.front().reason();
}

}  // namespace

TEST_CASE("A pack is there with everything that belongs to it, a crash later too") {
  Shelf shelf;
  const Sample first{.photo = "p1", .content = "first"};
  const Sample second{.photo = "p2", .content = "second"};
  const auto outcome = PublishNow(*shelf.store, "north", "one", "cat",
                                  {PhotoChangeOf(3, first), PhotoChangeOf(5, second)});
  REQUIRE(outcome.ok());
  CHECK(outcome->last_sequence == 5);
  CHECK(outcome->stored == 2);
  CHECK(outcome->refusals.empty());

  const auto crashed = shelf.OpenCopy();
  for (const Sample& sample : {first, second}) {
    const auto photo = crashed->FindPhoto("north", sample.photo);
    REQUIRE(photo.ok());
    REQUIRE(photo->has_value());
    CHECK((*photo)->device() == "studios/north/devices/one");
    CHECK_FALSE((*photo)->etag().empty());
    for (const pb::RenditionKind kind : {pb::RENDITION_KIND_THUMBNAIL, pb::RENDITION_KIND_PROOF}) {
      const auto file = crashed->ReadRendition("north", sample.photo, kind);
      REQUIRE(file.ok());
      REQUIRE(file->has_value());
      CHECK((*file)->content == JpegOf(sample, kind));
    }
  }
  CHECK(crashed->OpenCatalog("north", "one", "cat")->last_sequence == 5);
  CHECK(crashed->FindGallery("north", "wedding").value()->title() == "The wedding");
  CHECK(crashed->FindGallery("north", "wedding").value()->photo_count() == 2);
  const pb::Usage usage = shelf.Usage();
  CHECK(usage.photos() == 2);
  CHECK(usage.galleries() == 1);
  // Headers are left out and stored once.
  CHECK(usage.rendition_bytes() < 4 * 60);
  CHECK(usage.rendition_bytes() > 0);
  CHECK(shelf.Usage("south").photos() == 0);
}

TEST_CASE("Sending a pack again changes nothing") {
  Shelf shelf;
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", {PhotoChangeOf(1, {})}).ok());
  const std::string before = shelf.store->FindPhoto("north", "p1").value()->SerializeAsString();
  shelf.clock.Advance(std::chrono::hours(1));
  const auto again = PublishNow(*shelf.store, "north", "one", "cat", {PhotoChangeOf(1, {})});
  REQUIRE(again.ok());
  CHECK(again->last_sequence == 1);
  CHECK(again->stored == 0);
  // A new catalog (after a rebuild) sends everything from 1: nothing changes either.
  REQUIRE(PublishNow(*shelf.store, "north", "one", "other", {PhotoChangeOf(1, {})}).ok());
  CHECK(shelf.store->FindPhoto("north", "p1").value()->SerializeAsString() == before);
  CHECK(shelf.Usage().photos() == 1);
  CHECK(shelf.store->OpenCatalog("north", "one", "third")->last_sequence == 0);
}

TEST_CASE("A stream of an older catalog is told that it has been replaced") {
  Shelf shelf;
  REQUIRE(shelf.store->OpenCatalog("north", "one", "old").ok());
  REQUIRE(shelf.store->OpenCatalog("north", "one", "new").ok());
  std::promise<absl::StatusOr<PublishOutcome>> answer;
  shelf.store->Publish({"north", "one", "old", {PhotoChangeOf(1, {})}},
                       [&](absl::StatusOr<PublishOutcome> outcome) { answer.set_value(outcome); });
  CHECK(absl::IsAborted(answer.get_future().get().status()));
  CHECK_FALSE(shelf.store->FindPhoto("north", "p1").value().has_value());
}

TEST_CASE("A photo belongs to the device that brought it") {
  Shelf shelf;
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", {PhotoChangeOf(1, {})}).ok());
  const auto foreign = PublishNow(*shelf.store, "north", "two", "cat2",
                                  {PhotoChangeOf(1, {.content = "stolen"}), WithdrawalOf(2, {}),
                                   PhotoChangeOf(3, {.photo = "own", .content = "own"})});
  REQUIRE(foreign.ok());
  REQUIRE(foreign->refusals.size() == 2);
  CHECK(foreign->refusals[0].reason() == "FOREIGN_PHOTO");
  CHECK(foreign->refusals[0].sequence() == 1);
  CHECK(foreign->refusals[1].reason() == "FOREIGN_PHOTO");
  CHECK(foreign->last_sequence == 3);
  CHECK(foreign->stored == 1);
  CHECK(shelf.store->ReadRendition("north", "p1", pb::RENDITION_KIND_PROOF).value()->content ==
        JpegOf(Sample{}, pb::RENDITION_KIND_PROOF));
  // The same id in another studio is another photo.
  CHECK(ReasonOfFirst(PublishNow(*shelf.store, "south", "one", "cat",
                                 {PhotoChangeOf(1, {.studio = "south"})}))
            .empty());
}

TEST_CASE("Two devices fill one gallery and its count") {
  Shelf shelf;
  for (int i = 0; i < 10; ++i) {
    const std::string n = std::to_string(i);
    REQUIRE(PublishNow(*shelf.store, "north", "one", "a",
                       {PhotoChangeOf(i + 1, {.photo = base::Concat("a", n), .content = n})})
                .ok());
    REQUIRE(PublishNow(*shelf.store, "north", "two", "b",
                       {PhotoChangeOf(i + 1, {.photo = base::Concat("b", n), .content = n})})
                .ok());
  }
  CHECK(shelf.store->FindGallery("north", "wedding").value()->photo_count() == 20);
  CHECK(shelf.Photos("wedding").size() == 20);
}

TEST_CASE("Devices of a studio that publish at once do not lose each other's figures") {
  Shelf shelf;
  std::vector<std::jthread> devices;
  for (const char* device : {"one", "two"}) {
    devices.emplace_back([&, device] {
      for (int i = 0; i < 40; ++i) {
        const std::string id = base::Concat(std::string_view(device), i);
        (void)PublishNow(
            *shelf.store, "north", device, "cat",
            {PhotoChangeOf(2 * i + 1, {.photo = id, .content = id}),
             PhotoChangeOf(2 * i + 2, {.gallery = "both", .photo = base::Concat(id, "b")})});
      }
    });
  }
  devices.clear();
  CHECK(shelf.Usage().photos() == 160);
  CHECK(shelf.Usage().galleries() == 2);
  CHECK(shelf.store->FindGallery("north", "wedding").value()->photo_count() == 80);
  CHECK(shelf.Photos("both").size() == 80);
}

TEST_CASE("A photo that moves leaves its old gallery") {
  Shelf shelf;
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", {PhotoChangeOf(1, {})}).ok());
  PublishedChange moved = PhotoChangeOf(2, {.gallery = "party"});
  moved.renditions.clear();  // the record alone
  CHECK(ReasonOfFirst(PublishNow(*shelf.store, "north", "one", "cat", {moved})).empty());
  CHECK(shelf.Photos("wedding").empty());
  CHECK(shelf.Photos("party") == std::vector<std::string>{"p1"});
  CHECK(shelf.store->FindGallery("north", "wedding").value()->photo_count() == 0);
  CHECK(shelf.store->FindGallery("north", "party").value()->photo_count() == 1);
  CHECK(shelf.Usage().galleries() == 1);
  CHECK(shelf.Usage().photos() == 1);
  CHECK(shelf.store->ReadRendition("north", "p1", pb::RENDITION_KIND_PROOF).value().has_value());
}

TEST_CASE("A record without its renditions is taken only if they are here") {
  Shelf shelf;
  PublishedChange bare = PhotoChangeOf(1, {});
  bare.renditions.clear();
  CHECK(ReasonOfFirst(PublishNow(*shelf.store, "north", "one", "cat", {bare})) ==
        "RENDITION_MISSING");
  CHECK_FALSE(shelf.store->FindPhoto("north", "p1").value().has_value());
  CHECK_FALSE(shelf.store->FindGallery("north", "wedding").value().has_value());

  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", {PhotoChangeOf(2, {})}).ok());
  PublishedChange renamed = PhotoChangeOf(3, {});
  renamed.renditions.clear();
  renamed.photo.set_file_name("better.jpg");
  CHECK(ReasonOfFirst(PublishNow(*shelf.store, "north", "one", "cat", {renamed})).empty());
  CHECK(shelf.store->FindPhoto("north", "p1").value()->file_name() == "better.jpg");

  // One of two replaced, the other one other than what is here.
  PublishedChange half = PhotoChangeOf(4, {.content = "new"});
  half.renditions.pop_back();
  CHECK(ReasonOfFirst(PublishNow(*shelf.store, "north", "one", "cat", {half})) ==
        "RENDITION_MISSING");
  CHECK(shelf.store->ReadRendition("north", "p1", pb::RENDITION_KIND_THUMBNAIL).value()->content ==
        JpegOf(Sample{}, pb::RENDITION_KIND_THUMBNAIL));
}

TEST_CASE("New renditions replace the old ones in the figures too") {
  Shelf shelf;
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", {PhotoChangeOf(1, {})}).ok());
  const std::int64_t before = shelf.Usage().rendition_bytes();
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat",
                     {PhotoChangeOf(2, {.content = "first, and some more"})})
              .ok());
  CHECK(shelf.Usage().rendition_bytes() == before + 2 * 15);
  PublishedChange only_proof = PhotoChangeOf(3, {.content = "first, and some more"});
  only_proof.photo.mutable_renditions()->DeleteSubrange(0, 1);
  only_proof.renditions.clear();
  CHECK(ReasonOfFirst(PublishNow(*shelf.store, "north", "one", "cat", {only_proof})).empty());
  CHECK_FALSE(
      shelf.store->ReadRendition("north", "p1", pb::RENDITION_KIND_THUMBNAIL).value().has_value());
  CHECK(shelf.Usage().rendition_bytes() < before + 2 * 15);
}

TEST_CASE("A withdrawn photo is gone at once with all that it had") {
  Shelf shelf;
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat",
                     {PhotoChangeOf(1, {.subject = "Tom"}), PhotoChangeOf(2, {.photo = "p2"}),
                      WithdrawalOf(3, {})})
              .ok());
  CHECK_FALSE(shelf.store->FindPhoto("north", "p1").value().has_value());
  CHECK_FALSE(
      shelf.store->ReadRendition("north", "p1", pb::RENDITION_KIND_PROOF).value().has_value());
  CHECK(shelf.Photos("wedding") == std::vector<std::string>{"p2"});
  pb::MetadataMatch match;
  match.set_field("subject");
  match.set_value("Tom");
  CHECK(shelf.store->MatchedGalleries("north", match)->empty());
  CHECK(shelf.Usage().photos() == 1);
  // Withdrawing what is not there is fine.
  CHECK(ReasonOfFirst(PublishNow(*shelf.store, "north", "one", "cat", {WithdrawalOf(4, {})}))
            .empty());
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", {WithdrawalOf(5, {.photo = "p2"})}).ok());
  CHECK(shelf.Usage().photos() == 0);
  CHECK(shelf.Usage().galleries() == 0);
  CHECK(shelf.Usage().rendition_bytes() == 0);
}

TEST_CASE("A photo of an open order stays until the order is over") {
  Shelf shelf;
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", {PhotoChangeOf(1, {})}).ok());
  const auto order = shelf.store->CreateOrder(
      "north",
      test::OrderFor("north", "anna", {shelf.store->FindPhoto("north", "p1")->value()}, "request"));
  REQUIRE(order.ok());
  CHECK(ReasonOfFirst(PublishNow(*shelf.store, "north", "one", "cat", {WithdrawalOf(2, {})})) ==
        "OPEN_ORDER");
  CHECK(shelf.store->FindPhoto("north", "p1").value().has_value());
  REQUIRE(shelf.store
              ->UpdateOrder("north", LastPart(order->name()),
                            [](pb::Order& at) -> absl::StatusOr<bool> {
                              at.set_state(pb::ORDER_STATE_CANCELLED);
                              return true;
                            })
              .ok());
  CHECK(ReasonOfFirst(PublishNow(*shelf.store, "north", "one", "cat", {WithdrawalOf(3, {})}))
            .empty());
  CHECK_FALSE(shelf.store->FindPhoto("north", "p1").value().has_value());
}

TEST_CASE("A gallery lists by capture time, then id, in pages that neither skip nor repeat") {
  Shelf shelf;
  std::vector<PublishedChange> changes;
  const std::pair<const char*, std::int64_t> photos[] = {
      {"zulu", 100}, {"alpha", 300}, {"mike", 100}, {"old", -5'000}, {"late", 1'000'000'000}};
  std::int64_t sequence = 0;
  for (const auto& [id, time] : photos) {
    changes.push_back(PhotoChangeOf(++sequence, {.photo = id, .capture_seconds = time}));
  }
  PublishedChange timeless = PhotoChangeOf(++sequence, {.photo = "a-timeless"});
  timeless.photo.mutable_metadata()->clear_capture_time();
  changes.push_back(timeless);
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", std::move(changes)).ok());
  const std::vector<std::string> expected = {"old", "mike", "zulu", "alpha", "late", "a-timeless"};
  for (const int page_size : {1, 2, 5, 6, 100})
    CHECK(shelf.Photos("wedding", page_size) == expected);
}

TEST_CASE("A page stops after it has looked at enough, and goes on from there") {
  Shelf shelf;
  std::vector<PublishedChange> changes;
  for (int i = 0; i < 30; ++i) {
    changes.push_back(PhotoChangeOf(
        i + 1, {.photo = base::Concat("p", 100 + i), .subject = i == 25 ? "Tom" : "Eve"}));
  }
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", std::move(changes)).ok());
  const PhotoCondition condition{
      .accept = [](const pb::Photo& photo) { return photo.metadata().subject() == "Tom"; },
      .max_examined = 10};
  std::vector<std::string> found;
  std::string after;
  int pages = 0;
  do {
    const auto page = shelf.store->ListGalleryPhotos("north", "wedding", after, 5, condition);
    REQUIRE(page.ok());
    for (const pb::Photo& photo : page->items) found.emplace_back(LastPart(photo.name()));
    after = page->next;
    ++pages;
  } while (!after.empty());
  CHECK(found == std::vector<std::string>{"p125"});
  CHECK(pages == 3);
}

TEST_CASE("Photos are found by what their metadata says, and no longer when it changes") {
  Shelf shelf;
  PublishedChange change = PhotoChangeOf(1, {.subject = "Tom"});
  change.photo.mutable_metadata()->add_keywords("sea");
  change.photo.mutable_metadata()->add_keywords("sea");
  (*change.photo.mutable_metadata()->mutable_fields())["class"] = "3b";
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", {change}).ok());
  const auto galleries = [&](const std::string& field, const std::string& value) {
    pb::MetadataMatch match;
    match.set_field(field);
    match.set_value(value);
    return shelf.store->MatchedGalleries("north", match).value();
  };
  for (const auto& [field, value] :
       {std::pair{"subject", "Tom"}, {"keywords", "sea"}, {"fields.class", "3b"}}) {
    CHECK(galleries(field, value) == std::vector<std::string>{"wedding"});
  }
  CHECK(galleries("subject", "To").empty());
  CHECK(galleries("event", "Tom").empty());
  PublishedChange other = PhotoChangeOf(2, {.subject = "Eve"});
  other.renditions.clear();
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", {other}).ok());
  CHECK(galleries("subject", "Tom").empty());
  CHECK(galleries("keywords", "sea").empty());
  CHECK(galleries("subject", "Eve") == std::vector<std::string>{"wedding"});
}

TEST_CASE("A device hears again what was refused, until that photo is stored") {
  Shelf shelf;
  PublishedChange bare = PhotoChangeOf(1, {});
  bare.renditions.clear();
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", {bare}).ok());
  shelf.Reopen();
  auto position = shelf.store->OpenCatalog("north", "one", "cat");
  REQUIRE(position.ok());
  REQUIRE(position->refusals.size() == 1);
  CHECK(position->refusals[0].sequence() == 1);
  CHECK(position->refusals[0].reason() == "RENDITION_MISSING");
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", {PhotoChangeOf(2, {})}).ok());
  CHECK(shelf.store->OpenCatalog("north", "one", "cat")->refusals.empty());
}

TEST_CASE("A revoked device publishes nothing any more") {
  Shelf shelf;
  REQUIRE(shelf.store->RevokeDevice("north", "one").ok());
  CHECK(absl::IsPermissionDenied(
      PublishNow(*shelf.store, "north", "one", "cat", {PhotoChangeOf(1, {})}).status()));
}

TEST_CASE("A store of another format is refused with a sentence") {
  const proofline::test::TempDir dir;
  base::FakeClock clock;
  {
    auto store = Store::Open(dir / "store", Shelf::kCache, clock);
    REQUIRE(store.ok());
  }
  CHECK(Store::Open(dir / "store", Shelf::kCache, clock).ok());
  REQUIRE(base::WriteFileDurably(dir / "file", "x").ok());
  CHECK_FALSE(Store::Open(dir / "file", Shelf::kCache, clock).ok());
}

}  // namespace proofline::host
