// A catalog that is new, or built anew, and the photos that the host has.
#include <algorithm>
#include <set>

#include "daemon/catalog_place.h"
#include "daemon/customer_book.h"
#include "daemon/rebuild.h"
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;
namespace fs = std::filesystem;

using Photos = google::protobuf::RepeatedPtrField<pb::Photo>;

// What a host would tell of everything that the catalog has published.
Photos Told(Studio& studio) {
  Photos told;
  const auto photos = studio.catalog().ListPhotos("", pb::LOCAL_PHOTO_STATE_UNSPECIFIED, "", 1'000);
  for (const record::Photo& photo : *photos) {
    *told.Add() = PhotoMessage(studio.catalog().device(), photo);
  }
  return told;
}

// The folder of the catalog is lost; the next one asks the host.
void Lose(Studio& studio) {
  studio.Close();
  fs::remove_all(studio.folder() / "catalog");
  studio.ask_host = true;
  studio.Open();
  REQUIRE(studio.catalog().phase() == record::CATALOG_PHASE_ASKING);
}

void Tell(Studio& studio, const Photos& told) {
  google::protobuf::RepeatedPtrField<pb::Gallery> galleries;
  galleries.Add()->set_name("studios/demo/galleries/g");
  galleries[0].set_title("The gallery");
  REQUIRE(studio.catalog().RememberPhotos(told, galleries).ok());
}

void SetMetadata(Studio& studio, const std::string& name, const std::string& title) {
  REQUIRE(studio.catalog()
              .Update(studio.At(name).id(), "",
                      [&](record::Photo& photo) {
                        pb::Photo values;
                        values.mutable_metadata()->set_title(title);
                        (*values.mutable_metadata()->mutable_fields())["class"] = "4b";
                        google::protobuf::RepeatedPtrField<std::string> paths;
                        *paths.Add() = "metadata.title";
                        *paths.Add() = "metadata.fields.class";
                        return ApplyUpdate(values, paths, photo);
                      })
              .ok());
}

void Set(Studio& studio, const std::string& name, const std::string& path,
         const std::function<void(pb::Photo&)>& set) {
  const auto changed = studio.catalog().Update(studio.At(name).id(), "", [&](record::Photo& photo) {
    pb::Photo values;
    set(values);
    google::protobuf::RepeatedPtrField<std::string> paths;
    *paths.Add() = path;
    return ApplyUpdate(values, paths, photo);
  });
  REQUIRE(changed.ok());
}

fs::path BackUp(Studio& studio) {
  const fs::path copy = studio.folder() / "copy";
  REQUIRE(studio.catalog().database().CopyTo(copy).ok());
  return copy;
}

// As of the next Open().
void Restore(Studio& studio, const fs::path& copy) {
  studio.Close();
  fs::remove_all(studio.folder() / "catalog");
  fs::rename(copy, studio.folder() / "catalog");
}

struct Shoot {
  Shoot() {
    for (const char* name : {"g/a.jpg", "g/b.jpg", "g/c.jpg"}) studio.Add(name, name);
    studio.RenderAll();
    SetMetadata(studio, "g/a.jpg", "a title of ours");
    Turn(studio, "g/b.jpg");
    studio.RenderAll();
    studio.AcknowledgeAll();
    told = Told(studio);
    for (const char* name : {"g/a.jpg", "g/b.jpg", "g/c.jpg"}) ids.push_back(studio.At(name).id());
  }
  // Nothing but records waits to be sent, one of each photo.
  void CheckOnlyRecordsAreSent() {
    const std::vector<PendingPublish> pending = studio.Pending();
    CHECK(pending.size() == 3);
    for (const PendingPublish& item : pending) CHECK(item.contents.empty());
  }
  void CheckAsBefore() {
    CHECK(studio.At("g/a.jpg").id() == ids[0]);
    CHECK(studio.At("g/b.jpg").id() == ids[1]);
    CHECK(studio.At("g/c.jpg").id() == ids[2]);
    const record::Photo a = studio.At("g/a.jpg");
    CHECK(a.from_file().title() == "from the file");
    CHECK(MergedMetadata(a).title() == "a title of ours");
    CHECK(MergedMetadata(a).fields().at("class") == "4b");
    std::vector<std::string> entered(a.entered_fields().begin(), a.entered_fields().end());
    std::sort(entered.begin(), entered.end());
    CHECK(entered == std::vector<std::string>{"fields", "title"});
    CHECK(studio.At("g/b.jpg").edit().rotation_degrees() == 90);
    CHECK(studio.At("g/b.jpg").entered_fields().empty());
    CHECK_FALSE(studio.At("g/c.jpg").has_edit());
    for (const pb::Photo& now : Told(studio)) {
      const auto before = std::find_if(
          told.begin(), told.end(), [&](const pb::Photo& one) { return one.name() == now.name(); });
      REQUIRE(before != told.end());
      CHECK(now.metadata().SerializeAsString() == before->metadata().SerializeAsString());
      CHECK(now.renditions(1).digest() == before->renditions(1).digest());
      CHECK(now.file_name() == before->file_name());
    }
  }
  Studio studio;
  Photos told;
  std::vector<std::string> ids;
};

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

TEST_CASE("a catalog restored from an older copy gets back the ids of photos that came after it") {
  Shoot shoot;
  Studio& studio = shoot.studio;
  studio.ask_host = true;
  const fs::path copy = BackUp(studio);
  studio.Add("g/d.jpg", "g/d.jpg");
  studio.Add("g/e.jpg", "g/e.jpg");
  studio.RenderAll();
  studio.AcknowledgeAll();
  fs::remove(studio.path("g/e.jpg"));
  const std::string id = studio.At("g/d.jpg").id();
  const std::int64_t last = studio.catalog().last_sequence();
  shoot.told = Told(studio);
  Restore(studio, copy);
  studio.Open();
  CHECK(studio.catalog().phase() == record::CATALOG_PHASE_WHOLE);
  const bool found_first = GENERATE(true, false);
  if (found_first) studio.Record({"g/d.jpg"});
  studio.RenderAll();
  // Nothing may be sent before the host has been asked.
  CHECK_FALSE(studio.catalog().HostOpened(last).ok());
  REQUIRE(studio.catalog().phase() == record::CATALOG_PHASE_ASKING);
  Tell(studio, shoot.told);
  REQUIRE(studio.catalog().FinishRemembering(5).ok());
  if (!found_first) studio.Record({"g/d.jpg"});
  studio.RenderAll();
  REQUIRE(studio.catalog().HostOpened(last).ok());
  CHECK(studio.At("g/d.jpg").id() == id);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_MISSING) == 1);
  const std::vector<PendingPublish> pending = studio.Pending(last);
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].contents.empty());
  CHECK(pending[0].photo.name().ends_with(id));
}

TEST_CASE(
    "what people said after the backup is taken over from the host, what they said since wins") {
  Shoot shoot;
  Studio& studio = shoot.studio;
  studio.ask_host = true;
  const fs::path copy = BackUp(studio);
  // After the backup: titles, a free field, a rating, an edit.
  studio.clock().Advance(std::chrono::hours(1));
  SetMetadata(studio, "g/a.jpg", "newer than the backup");
  SetMetadata(studio, "g/c.jpg", "newer than the backup");
  Set(studio, "g/c.jpg", "metadata.rating",
      [](pb::Photo& v) { v.mutable_metadata()->set_rating(4); });
  Turn(studio, "g/c.jpg");
  Set(studio, "g/b.jpg", "edit", [](pb::Photo&) {});  // the turn is taken back
  studio.RenderAll();
  studio.AcknowledgeAll();
  const std::int64_t last = studio.catalog().last_sequence();
  shoot.told = Told(studio);
  Restore(studio, copy);
  studio.Open();
  // Since the restore, before the host is reached.
  studio.clock().Advance(std::chrono::hours(1));
  Set(studio, "g/a.jpg", "metadata.title",
      [](pb::Photo& v) { v.mutable_metadata()->set_title("said since"); });
  REQUIRE(MergedMetadata(studio.At("g/c.jpg")).title() == "from the file");
  CHECK_FALSE(studio.catalog().HostOpened(last).ok());
  Tell(studio, shoot.told);
  Tell(studio, shoot.told);  // a page that came twice is counted once
  REQUIRE(studio.catalog().FinishRemembering(3).ok());
  studio.RenderAll();
  REQUIRE(studio.catalog().HostOpened(last).ok());

  CHECK(MergedMetadata(studio.At("g/a.jpg")).title() == "said since");
  const record::Photo c = studio.At("g/c.jpg");
  CHECK(MergedMetadata(c).title() == "newer than the backup");
  CHECK(MergedMetadata(c).rating() == 4);
  CHECK(MergedMetadata(c).fields().at("class") == "4b");
  CHECK(c.edit().rotation_degrees() == 90);
  CHECK_FALSE(studio.At("g/b.jpg").has_edit());
  // No rendition is sent, and no record says less than the host knows.
  for (const PendingPublish& item : studio.Pending(last)) {
    CHECK(item.contents.empty());
    const std::string title = item.photo.metadata().title();
    CHECK(title != "a title of ours");
  }
  const absl::StatusOr<RebuildResult> result = studio.catalog().FinishSearch();
  REQUIRE(result.ok());
  CHECK(result->taken_over_photos == 2);
  studio.Open();
  CHECK(studio.catalog().taken_over().photos == 2);
}

TEST_CASE("customers that were made or changed after the backup are taken over from the host") {
  Studio studio;
  studio.ask_host = true;
  studio.Open();
  REQUIRE(studio.catalog().FinishRemembering(0).ok());
  studio.Add("g/a.jpg", "a");
  studio.RenderAll();
  CustomerBook book(studio.catalog());
  pb::ShareWithCustomerRequest request;
  request.mutable_customer()->mutable_share()->add_galleries("studios/demo/galleries/g");
  const absl::StatusOr<pb::Customer> kept = book.Share(request);
  const absl::StatusOr<pb::Customer> grown = book.Share(request);
  const absl::StatusOr<pb::Customer> changed_here = book.Share(request);
  REQUIRE(changed_here.ok());
  studio.AcknowledgeAll();
  const fs::path copy = BackUp(studio);
  studio.clock().Advance(std::chrono::hours(1));
  const auto rename = [&](CustomerBook& in, const std::string& name, const std::string& called) {
    pb::UpdateLocalCustomerRequest update;
    update.mutable_customer()->set_name(name);
    update.mutable_customer()->set_display_name(called);
    update.mutable_update_mask()->add_paths("display_name");
    REQUIRE(in.Update(update).ok());
  };
  rename(book, grown->name(), "called so after the backup");
  rename(book, changed_here->name(), "called so after the backup");
  pb::ShareBySubjectRequest by_subject;
  pb::SubjectName anna;
  anna.set_subject("anna");
  const auto made = book.ShareSubjects({anna}, {}, by_subject);
  REQUIRE(made.ok());
  studio.AcknowledgeAll();
  google::protobuf::RepeatedPtrField<pb::Customer> told;
  const auto all = studio.catalog().ListCustomers("", 100);
  for (const record::Customer& one : *all) {
    *told.Add() = one.customer();
    told.rbegin()->clear_identifier();
  }
  const std::int64_t last = studio.catalog().last_sequence();
  const Photos photos = Told(studio);
  Restore(studio, copy);
  studio.Open();
  studio.clock().Advance(std::chrono::hours(1));
  CustomerBook restored(studio.catalog());
  rename(restored, changed_here->name(), "called so since");
  CHECK_FALSE(studio.catalog().HostOpened(last).ok());
  Tell(studio, photos);
  REQUIRE(studio.catalog().RememberCustomers(told).ok());
  REQUIRE(studio.catalog().RememberCustomers(told).ok());
  REQUIRE(studio.catalog().FinishRemembering(1).ok());
  const auto called = [&](const std::string& name) {
    return studio.catalog().GetCustomer(NameOf(name))->customer();
  };
  CHECK(called(kept->name()).identifier() == kept->identifier());
  CHECK(called(grown->name()).display_name() == "called so after the backup");
  CHECK(called(grown->name()).identifier() == grown->identifier());
  CHECK(called(changed_here->name()).display_name() == "called so since");
  CHECK(studio.catalog().taken_over().customers == 2);
  // Anna is known, and is not given a second identifier.
  const auto again = restored.ShareSubjects({anna}, {}, by_subject);
  REQUIRE(again.ok());
  CHECK(again->created() == 0);
  CHECK(again->customers(0) == made->customers(0));
}

TEST_CASE("what a restored catalog renders before it reaches the host is sent, under new numbers") {
  Shoot shoot;
  Studio& studio = shoot.studio;
  studio.ask_host = true;
  const fs::path copy = BackUp(studio);
  studio.Add("g/d.jpg", "g/d.jpg");
  studio.RenderAll();
  studio.AcknowledgeAll();
  const std::int64_t last = studio.catalog().last_sequence();
  shoot.told = Told(studio);
  Restore(studio, copy);
  // More changes than the host knows of, over two starts without a connection.
  for (const std::string name : {"g/x.jpg", "g/y.jpg", "g/z.jpg"}) {
    studio.Open();
    studio.Add(name, name);
    studio.RenderAll();
    studio.Close();
  }
  studio.Open();
  REQUIRE(studio.catalog().last_sequence() > last);
  CHECK_FALSE(studio.catalog().HostOpened(last).ok());
  REQUIRE(studio.catalog().phase() == record::CATALOG_PHASE_ASKING);
  Tell(studio, shoot.told);
  REQUIRE(studio.catalog().FinishRemembering(4).ok());
  studio.RenderAll();
  REQUIRE(studio.catalog().HostOpened(last).ok());
  std::set<std::string> sent;
  for (const PendingPublish& change : studio.Pending(last)) {
    CHECK(change.sequence > last);
    if (!change.contents.empty()) sent.insert(change.photo.file_name());
  }
  CHECK(sent == std::set<std::string>{"x.jpg", "y.jpg", "z.jpg"});
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
