// A catalog that is new, or built anew, and the photos that the host has.
#include <algorithm>
#include <set>

#include "daemon/customer_book.h"
#include "daemon/rebuild.h"
#include "test/daemon/lost_catalog.h"

namespace proofline::studio::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("photos that the host has get back their ids, edits and what people entered") {
  Shoot shoot;
  Studio& studio = shoot.studio;
  Lose(studio);
  SECTION("the host tells of them before they are found") {
    Tell(studio, shoot.told);
    REQUIRE(studio.catalog().FinishRemembering(3).ok());
    CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 3);
    studio.Record({"g/a.jpg", "g/b.jpg", "g/c.jpg"});
  }
  SECTION("it tells of them after they were made") {
    studio.Record({"g/a.jpg", "g/b.jpg", "g/c.jpg"});
    studio.RenderAll();
    CHECK(studio.At("g/a.jpg").id() != shoot.ids[0]);
    Tell(studio, shoot.told);
    Tell(studio, shoot.told);  // a page that came twice changes nothing
    REQUIRE(studio.catalog().FinishRemembering(3).ok());
  }
  SECTION("it tells of them while they are being made") {
    studio.Record({"g/a.jpg", "g/b.jpg", "g/c.jpg"});
    const std::optional<RenderTask> task = studio.Take();
    REQUIRE(task.has_value());
    Tell(studio, shoot.told);
    REQUIRE(studio.catalog().FinishRemembering(3).ok());
    REQUIRE(studio.catalog().FinishRendered(*task, FakeRenditions("g/a.jpg"), true).ok());
  }
  SECTION("they were moved meanwhile") {
    fs::rename(studio.path("g/a.jpg"), studio.path("g/z.jpg"));
    Tell(studio, shoot.told);
    studio.Record({"g/z.jpg"});
    fs::rename(studio.path("g/z.jpg"), studio.path("g/a.jpg"));
    studio.Record({"g/a.jpg", "g/z.jpg", "g/b.jpg", "g/c.jpg"});
    REQUIRE(studio.catalog().FinishRemembering(3).ok());
  }
  studio.RenderAll();
  CHECK(studio.catalog().phase() == record::CATALOG_PHASE_SEARCHING);
  shoot.CheckAsBefore();
  shoot.CheckOnlyRecordsAreSent();
  studio.AcknowledgeAll();
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 3);
  const absl::StatusOr<RebuildResult> result = studio.catalog().FinishSearch();
  REQUIRE(result.ok());
  CHECK(result->photos == 3);
  CHECK(result->known_photos == 3);
  CHECK(result->missing_photos == 0);
  CHECK(studio.catalog().phase() == record::CATALOG_PHASE_WHOLE);
  studio.Open();
  CHECK(studio.catalog().phase() == record::CATALOG_PHASE_WHOLE);
  shoot.CheckAsBefore();
}

TEST_CASE("a rendition that comes out otherwise than the host has it is sent, the others are not") {
  Shoot shoot;
  Studio& studio = shoot.studio;
  Lose(studio);
  const bool before = GENERATE(true, false);
  if (before) Tell(studio, shoot.told);
  studio.Record({"g/a.jpg", "g/c.jpg"});
  studio.RenderAll();
  studio.Record({"g/b.jpg"});
  // As a newer imaging library would make it.
  studio.RenderAll(/*proof_bytes=*/100);
  if (!before) {
    Tell(studio, shoot.told);
    studio.RenderAll(/*proof_bytes=*/100);
  }
  CHECK(studio.At("g/b.jpg").id() == shoot.ids[1]);
  for (const PendingPublish& item : studio.Pending()) {
    const bool is_b = item.photo.name().ends_with(shoot.ids[1]);
    CHECK(item.contents.size() == (is_b ? 2 : 0));
  }
}

TEST_CASE("what the host lacks after all is made and sent when it says so") {
  Shoot shoot;
  Studio& studio = shoot.studio;
  Lose(studio);
  Tell(studio, shoot.told);
  studio.Record({"g/a.jpg"});
  studio.RenderAll();
  const std::vector<PendingPublish> pending = studio.Pending();
  REQUIRE(pending.size() == 1);
  REQUIRE(studio.catalog()
              .Acknowledge(pending[0].sequence,
                           {{pending[0].sequence, {"RENDITION_MISSING", "it is not here"}}})
              .ok());
  studio.RenderAll();
  REQUIRE(studio.Pending().size() == 1);
  CHECK(studio.Pending()[0].contents.size() == 2);
}

TEST_CASE("what only the host has is missing, stays there, and is itself again when it is found") {
  Shoot shoot;
  Studio& studio = shoot.studio;
  Lose(studio);
  fs::rename(studio.path("g/c.jpg"), (studio.folder() / "away.jpg").string());
  Tell(studio, shoot.told);
  REQUIRE(studio.catalog().FinishRemembering(3).ok());
  studio.Record({"g/a.jpg", "g/b.jpg"});
  studio.RenderAll();
  studio.AcknowledgeAll();
  const absl::StatusOr<RebuildResult> result = studio.catalog().FinishSearch();
  REQUIRE(result.ok());
  CHECK(result->photos == 2);
  CHECK(result->known_photos == 2);
  CHECK(result->missing_photos == 1);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 1);
  const pb::LocalPhoto shown =
      LocalPhotoMessage(studio.catalog().device(), *studio.catalog().GetPhoto(shoot.ids[2]));
  CHECK(shown.state() == pb::LOCAL_PHOTO_STATE_MISSING);
  CHECK(shown.paths().empty());
  CHECK(shown.photo().file_name() == "c.jpg");
  studio.clock().Advance(std::chrono::hours(100));
  CHECK(studio.catalog().DueWithdrawals()->empty());
  CHECK(studio.Pending(studio.catalog().host_sequence()).empty());

  studio.Open();
  fs::rename((studio.folder() / "away.jpg").string(), studio.path("later.jpg"));
  studio.Record({"later.jpg"});
  studio.RenderAll();
  CHECK(studio.At("later.jpg").id() == shoot.ids[2]);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 0);
  const auto pending = studio.Pending(studio.catalog().host_sequence());
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].contents.empty());
  // From now on it is a photo like the others.
  studio.AcknowledgeAll();
  fs::remove(studio.path("later.jpg"));
  studio.Record({"later.jpg"});
  studio.clock().Advance(Studio::kGrace + std::chrono::minutes(1));
  CHECK(studio.catalog().DueWithdrawals()->size() == 1);
}

TEST_CASE("two copies of an original that the host has are two places of its photo") {
  Shoot shoot;
  Studio& studio = shoot.studio;
  Lose(studio);
  Tell(studio, shoot.told);
  WriteFile(studio.path("copies/a.jpg"), "g/a.jpg");
  studio.Record({"g/a.jpg", "copies/a.jpg"});
  studio.RenderAll();
  CHECK(studio.At("g/a.jpg").id() == shoot.ids[0]);
  CHECK(studio.At("copies/a.jpg").id() == shoot.ids[0]);
  CHECK(studio.At("g/a.jpg").places_size() == 2);
  CHECK(studio.Pending().size() == 1);
}

TEST_CASE("a pair gets back its id although its RAW file was rendered before its JPEG was found") {
  Studio studio;
  studio.Add("g/1.CR2", "raw");
  studio.Add("g/1.JPG", "jpeg");
  studio.RenderAll();
  studio.AcknowledgeAll();
  const std::string id = studio.At("g/1.JPG").id();
  const Photos told = Told(studio);
  Lose(studio);
  const bool told_first = GENERATE(true, false);
  if (told_first) Tell(studio, told);
  studio.Record({"g/1.CR2"});
  studio.RenderAll();
  if (!told_first) Tell(studio, told);
  studio.Record({"g/1.JPG"});
  studio.RenderAll();
  studio.RenderAll();
  CHECK(studio.At("g/1.JPG").id() == id);
  CHECK(studio.At("g/1.CR2").id() == id);
  CHECK(studio.At("g/1.JPG").places(0).path() == studio.path("g/1.JPG"));
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 0);
  REQUIRE(studio.Pending().size() == 1);
  CHECK(studio.Pending()[0].contents.empty());
}

TEST_CASE("customers made before the host was asked open the photos under their old names") {
  Shoot shoot;
  Studio& studio = shoot.studio;
  Lose(studio);
  studio.Record({"g/a.jpg"});
  studio.RenderAll();
  const std::string provisional = studio.At("g/a.jpg").id();
  REQUIRE(studio.catalog()
              .ChangeCustomers([&](CustomerChanges& changes) {
                record::Customer customer;
                customer.mutable_customer()->set_name("studios/demo/customers/smith");
                customer.mutable_customer()->set_identifier("7K3M-09QX-T4ZD-5WPA");
                customer.mutable_customer()->mutable_share()->add_photos(
                    "studios/demo/galleries/g/photos/" + provisional);
                return changes.Store(customer);
              })
              .ok());
  Tell(studio, shoot.told);
  const absl::StatusOr<record::Customer> customer = studio.catalog().GetCustomer("smith");
  REQUIRE(customer.ok());
  CHECK(customer->customer().share().photos(0) ==
        "studios/demo/galleries/g/photos/" + shoot.ids[0]);
}

TEST_CASE("what the rules would keep and the host has was chosen by hand, and stays there") {
  Shoot shoot;
  Studio& studio = shoot.studio;
  Lose(studio);
  Preferences preferences;
  preferences.rules.push_back({.name = "nothing is sent", .sent = false});
  REQUIRE(studio.catalog().UsePreferences(preferences).ok());
  const bool told_first = GENERATE(true, false);
  if (told_first) Tell(studio, shoot.told);
  studio.Record({"g/a.jpg"});
  std::optional<RenderTask> task = studio.Take();
  if (told_first) {
    REQUIRE(*studio.catalog().FinishIfKnown(*task, base::Sha256Of("g/a.jpg")));
    task = studio.Take();
  }
  const imaging::ImageFacts facts = FakeRenditions("g/a.jpg").facts;
  REQUIRE(studio.catalog().FinishKept(*task, &facts, "a rule keeps it").ok());
  if (!told_first) Tell(studio, shoot.told);
  CHECK(studio.At("g/a.jpg").id() == shoot.ids[0]);
  CHECK(studio.At("g/a.jpg").choice() == record::SELECTION_CHOICE_IN);
  studio.RenderAll();
  const std::vector<PendingPublish> pending = studio.Pending();
  REQUIRE(pending.size() == 1);
  CHECK_FALSE(pending[0].withdrawal);
  CHECK(pending[0].contents.empty());
}

TEST_CASE("a new catalog of a device that the host knows nothing of is whole at once") {
  Studio studio;
  Lose(studio);
  studio.Add("g/a.jpg", "picture");
  studio.RenderAll();
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_RENDERED) == 1);
  REQUIRE(studio.catalog().FinishRemembering(0).ok());
  CHECK(studio.catalog().phase() == record::CATALOG_PHASE_WHOLE);
  REQUIRE(studio.Pending().size() == 1);
  CHECK(studio.Pending()[0].contents.size() == 2);
}

TEST_CASE("a catalog built anew keeps its photos, and sends only what the host turns out to lack") {
  Shoot shoot;
  Studio& studio = shoot.studio;
  const std::string old_name = studio.catalog().catalog_id();
  const fs::path copy = studio.folder() / "copy";
  REQUIRE(studio.catalog().BeginRebuild(copy).ok());
  CHECK(studio.catalog().phase() == record::CATALOG_PHASE_ASKING);
  CHECK(studio.catalog().catalog_id() != old_name);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 3);
  studio.Open();
  CHECK(studio.catalog().phase() == record::CATALOG_PHASE_ASKING);
  // The host has lost one of them.
  Photos told;
  for (const pb::Photo& photo : shoot.told) {
    if (!photo.name().ends_with(shoot.ids[2])) *told.Add() = photo;
  }
  const bool told_first = GENERATE(true, false);
  if (told_first) Tell(studio, told);
  studio.RenderAll();
  if (!told_first) Tell(studio, told);
  REQUIRE(studio.catalog().FinishRemembering(2).ok());
  REQUIRE(studio.catalog().HostOpened(0).ok());
  shoot.CheckAsBefore();
  const std::vector<PendingPublish> pending = studio.Pending();
  REQUIRE(pending.size() == 3);
  for (const PendingPublish& item : pending) {
    CHECK(item.contents.size() == (item.photo.name().ends_with(shoot.ids[2]) ? 2 : 0));
  }
  studio.AcknowledgeAll();
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 3);

  base::FakeClock clock;
  const auto kept =
      Catalog::Open({copy, std::uint64_t{16} << 20, studio.catalog().device()}, clock);
  REQUIRE(kept.ok());
  CHECK((*kept)->catalog_id() == old_name);
  CHECK((*kept)->counts().in(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 3);
}

TEST_CASE("a photo without its file is asked for at the host like the others, and stays there") {
  Shoot shoot;
  Studio& studio = shoot.studio;
  fs::remove(studio.path("g/c.jpg"));
  REQUIRE(studio.catalog().BeginRebuild(studio.folder() / "copy").ok());
  Tell(studio, shoot.told);
  REQUIRE(studio.catalog().FinishRemembering(3).ok());
  studio.Record({"g/c.jpg"});
  studio.RenderAll();
  CHECK(studio.catalog().FinishSearch()->missing_photos == 1);
  CHECK(studio.Pending().size() == 2);
}

}  // namespace
}  // namespace proofline::studio::test
