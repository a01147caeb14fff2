// Where the parts of the line meet: what one of them is about to do while another changes its mind.
#include "lib/base/id.h"
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;
namespace fs = std::filesystem;

// Renders what waits by the catalog's preferences, as the renderer would.
void Work(Studio& studio) {
  while (std::optional<RenderTask> task = studio.Take()) {
    std::ifstream file(task->path, std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)), {});
    const imaging::Renditions made = FakeRenditions(content);
    std::optional<imaging::ImageFacts> inspected;
    Selection selection = Select(task->facts, *studio.catalog().preferences());
    if (selection.needs_inspection) {
      inspected = made.facts;
      selection =
          Select(studio.catalog().FactsAfter(*task, made.facts), *studio.catalog().preferences());
    }
    REQUIRE_FALSE(selection.needs_inspection);
    if (selection.renditions.empty()) {
      REQUIRE(
          studio.catalog()
              .FinishKept(*task, inspected.has_value() ? &*inspected : nullptr, selection.reason)
              .ok());
      continue;
    }
    task->recipe = selection.Recipe();
    task->reason = selection.reason;
    REQUIRE(studio.catalog().FinishRendered(*task, made, selection.sent).ok());
  }
}

void Use(Studio& studio, const Preferences& preferences) {
  REQUIRE(studio.catalog().UsePreferences(preferences).ok());
}

void Choose(Studio& studio, const std::string& name, record::SelectionChoice choice) {
  REQUIRE(studio.catalog().SelectPhotos({studio.At(name).id()}, choice).ok());
}

bool IsWithdrawing(Studio& studio) {
  const std::vector<PendingPublish> pending = studio.Pending();
  return pending.size() == 1 && pending[0].withdrawal;
}

Preferences KeepBelowThreeStars() {
  Preferences preferences;
  SelectionRule rule;
  rule.rating = *RatingCondition::Parse("<3");
  rule.sent = false;
  preferences.rules = {rule};
  return preferences;
}

Preferences KeepIn(const std::string& pattern) {
  Preferences preferences;
  SelectionRule rule;
  rule.paths = {pattern};
  rule.sent = false;
  preferences.rules = {rule};
  return preferences;
}

TEST_CASE("a photo that was sent and is kept before the host says so is taken back") {
  Studio studio;
  Use(studio, {});
  studio.Add("a.jpg", "a");
  Work(studio);
  const std::int64_t sent = studio.Pending().at(0).sequence;
  // The edit takes the place of what is on its way.
  Turn(studio, "a.jpg");
  if (GENERATE(true, false)) REQUIRE(studio.catalog().Acknowledge(sent, {}).ok());
  if (GENERATE(true, false)) studio.Open();
  Use(studio, {});
  Choose(studio, "a.jpg", record::SELECTION_CHOICE_OUT);
  Work(studio);
  CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  CHECK(IsWithdrawing(studio));
  studio.AcknowledgeAll();
  CHECK(studio.Pending().empty());
}

TEST_CASE("a photo that was sent and is deleted before the host says so is withdrawn") {
  Studio studio;
  studio.Add("a.jpg", "a");
  studio.RenderAll();
  CHECK(studio.Pending().size() == 1);
  const std::string id = studio.At("a.jpg").id();
  Turn(studio, "a.jpg");
  fs::remove(studio.path("a.jpg"));
  studio.Record({"a.jpg"});
  studio.clock().Advance(Studio::kGrace + std::chrono::seconds(1));
  REQUIRE(studio.catalog().DueWithdrawals()->size() == 1);
  REQUIRE(studio.catalog().Withdraw(id).ok());
  CHECK(IsWithdrawing(studio));
}

TEST_CASE("a photo without its file that a restored host has an older copy of is withdrawn there") {
  Studio studio;
  studio.Add("a.jpg", "a");
  studio.RenderAll();
  studio.AcknowledgeAll();
  const std::int64_t first = studio.catalog().host_sequence();
  const std::string id = studio.At("a.jpg").id();
  fs::rename(studio.path("a.jpg"), studio.path("b.jpg"));
  studio.Record({"a.jpg", "b.jpg"});
  studio.AcknowledgeAll();
  fs::remove(studio.path("b.jpg"));
  studio.Record({"b.jpg"});
  REQUIRE(studio.catalog().HostOpened(first).ok());
  studio.clock().Advance(Studio::kGrace + std::chrono::seconds(1));
  REQUIRE(studio.catalog().Withdraw(id).ok());
  CHECK(IsWithdrawing(studio));
}

TEST_CASE("a photo that fails when it is saved again is taken back all the same") {
  Studio studio;
  Use(studio, {});
  studio.Add("a.jpg", "a");
  Work(studio);
  studio.AcknowledgeAll();
  const auto fail = [&] {
    REQUIRE(studio.catalog().FinishFailed(*studio.Take(), "cut short", false).ok());
  };
  SECTION("chosen out after it has failed") {
    studio.Add("a.jpg", "half a picture");
    fail();
    CHECK(studio.Pending().empty());
    Choose(studio, "a.jpg", record::SELECTION_CHOICE_OUT);
    CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  }
  SECTION("chosen out while it waits") {
    studio.Add("a.jpg", "half a picture");
    Choose(studio, "a.jpg", record::SELECTION_CHOICE_OUT);
    fail();
  }
  SECTION("on its way out when it is saved") {
    Choose(studio, "a.jpg", record::SELECTION_CHOICE_OUT);
    CHECK(IsWithdrawing(studio));
    studio.Add("a.jpg", "half a picture");
    CHECK(studio.Pending().empty());
    fail();
  }
  CHECK(IsWithdrawing(studio));
  studio.AcknowledgeAll();
  CHECK(studio.Pending().empty());
  // Wanted again and whole, it comes back.
  Choose(studio, "a.jpg", record::SELECTION_CHOICE_RULES);
  studio.Add("a.jpg", "a whole picture");
  Work(studio);
  REQUIRE(studio.Pending().size() == 1);
  CHECK(studio.Pending()[0].contents.size() == 2);
}

TEST_CASE("a photo that is wanted again has its whole grace time when its file is deleted") {
  Studio studio;
  Use(studio, {});
  studio.Add("a.jpg", "a");
  Work(studio);
  studio.AcknowledgeAll();
  Choose(studio, "a.jpg", record::SELECTION_CHOICE_OUT);
  const std::int64_t sequence = studio.Pending().at(0).sequence;
  REQUIRE(studio.catalog().Acknowledge(sequence, {{sequence, {"OPEN_ORDER", "ordered"}}}).ok());
  CHECK(studio.At("a.jpg").withdraw_due_ms() != 0);
  Choose(studio, "a.jpg", record::SELECTION_CHOICE_IN);
  Work(studio);
  studio.Pending();
  Work(studio);
  studio.AcknowledgeAll();
  CHECK(studio.At("a.jpg").withdraw_due_ms() == 0);
  studio.clock().Advance(Studio::kGrace - std::chrono::seconds(1));
  fs::remove(studio.path("a.jpg"));
  studio.Record({"a.jpg"});
  studio.clock().Advance(std::chrono::seconds(10));
  CHECK(studio.catalog().DueWithdrawals()->empty());
  studio.clock().Advance(Studio::kGrace);
  CHECK(studio.catalog().DueWithdrawals()->size() == 1);
}

TEST_CASE("a photo that is moved to where the rules decide otherwise is decided about again") {
  Studio studio;
  Use(studio, KeepIn("rejects/*"));
  studio.Add("a/1.jpg", "one");
  Work(studio);
  studio.AcknowledgeAll();
  fs::create_directory(studio.path("rejects"));
  fs::rename(studio.path("a/1.jpg"), studio.path("rejects/1.jpg"));
  studio.Record({"a/1.jpg", "rejects/1.jpg"});
  Work(studio);
  CHECK(studio.At("rejects/1.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  CHECK(IsWithdrawing(studio));
  studio.AcknowledgeAll();
  fs::rename(studio.path("rejects/1.jpg"), studio.path("a/1.jpg"));
  studio.Record({"rejects/1.jpg", "a/1.jpg"});
  studio.Pending();
  Work(studio);
  REQUIRE(studio.Pending().size() == 1);
  CHECK(studio.Pending()[0].contents.size() == 2);
}

TEST_CASE("what people said about a copy, and whom they gave it to, goes to its photo") {
  Studio studio;
  studio.Add("a.jpg", "same");
  studio.RenderAll();
  studio.AcknowledgeAll();
  const std::string id = studio.At("a.jpg").id();
  studio.Add("b.jpg", "same");
  const std::string copy = studio.At("b.jpg").id();
  REQUIRE(studio.catalog()
              .Update(copy, "",
                      [](record::Photo& photo) {
                        photo.mutable_entered()->set_title("the first dance");
                        photo.add_entered_fields("title");
                        return absl::OkStatus();
                      })
              .ok());
  const std::string customer = base::NewId();
  REQUIRE(studio.catalog()
              .ChangeCustomers([&](CustomerChanges& changes) {
                record::Customer record;
                record.mutable_customer()->set_name("studios/demo/customers/" + customer);
                record.mutable_customer()->set_identifier("7K3M-09QX-T4ZD-5WPA");
                record.mutable_customer()->mutable_share()->add_photos(
                    "studios/demo/galleries/g/photos/" + copy);
                return changes.Store(record);
              })
              .ok());
  // It has been sent already when the copy turns out to be one.
  studio.AcknowledgeAll();
  studio.RenderAll();
  CHECK(studio.At("b.jpg").id() == id);
  CHECK(MergedMetadata(studio.At("a.jpg")).title() == "the first dance");
  const record::Customer now = *studio.catalog().GetCustomer(customer);
  CHECK(now.customer().share().photos(0) == "studios/demo/galleries/g/photos/" + id);
  CHECK(now.state() == pb::LOCAL_CUSTOMER_STATE_WAITING);
  CHECK(studio.Pending().size() == 2);
}

TEST_CASE("two copies that are only looked into, each with a sidecar, are one photo") {
  Studio studio;
  Use(studio, KeepBelowThreeStars());
  for (const char* name : {"a/1.xmp", "b/1.xmp"}) studio.Add(name, name);
  studio.Add("a/1.CR2", "same");
  studio.Add("b/1.CR2", "same");
  Work(studio);
  CHECK(studio.At("a/1.CR2").id() == studio.At("b/1.CR2").id());
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_KEPT) == 1);
}

TEST_CASE("a changed sidecar has a photo looked into again that was only looked into") {
  Studio studio;
  const Preferences preferences = KeepBelowThreeStars();
  Use(studio, preferences);
  studio.Add("1.CR2", "raw");
  Work(studio);
  REQUIRE(studio.At("1.CR2").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  studio.Add("1.xmp", "rated by now");
  const std::optional<RenderTask> task = studio.Take();
  REQUIRE(task.has_value());
  CHECK(Select(task->facts, preferences).needs_inspection);
  imaging::ImageFacts facts = FakeRenditions("raw").facts;
  facts.rating = 4;
  CHECK_FALSE(Select(studio.catalog().FactsAfter(*task, facts), preferences).renditions.empty());
}

}  // namespace
}  // namespace proofline::studio::test
