// A catalog that was restored from a backup, and what has become of its photos since.
#include <algorithm>
#include <functional>
#include <set>

#include "daemon/customer_book.h"
#include "daemon/rebuild.h"
#include "test/daemon/lost_catalog.h"

namespace proofline::studio::test {
namespace {

namespace fs = std::filesystem;

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

}  // namespace
}  // namespace proofline::studio::test
