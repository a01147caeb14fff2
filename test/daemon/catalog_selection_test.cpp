#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;

Preferences KeepByName(const std::string& pattern) {
  Preferences preferences;
  SelectionRule rule;
  rule.paths = {pattern};
  rule.sent = false;
  rule.renditions = {preferences.thumbnail, preferences.proof};
  preferences.rules = {rule};
  return preferences;
}

// Renders what waits as the renderer would, by the catalog's preferences.
void Work(Studio& studio) {
  while (std::optional<RenderTask> task = studio.Take()) {
    std::ifstream file(task->path, std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)), {});
    imaging::Renditions made = FakeRenditions(content);
    Selection selection = Select(task->facts, *studio.catalog().preferences());
    if (selection.needs_inspection) {
      selection =
          Select(studio.catalog().FactsAfter(*task, made.facts), *studio.catalog().preferences());
    }
    REQUIRE_FALSE(selection.needs_inspection);
    if (selection.renditions.empty()) {
      REQUIRE(studio.catalog().FinishKept(*task, nullptr, selection.reason).ok());
      continue;
    }
    task->recipe = selection.Recipe();
    task->reason = selection.reason;
    REQUIRE(studio.catalog().FinishRendered(*task, made, selection.sent).ok());
  }
}

std::int64_t Use(Studio& studio, const Preferences& preferences) {
  const absl::StatusOr<std::int64_t> changed = studio.catalog().UsePreferences(preferences);
  REQUIRE(changed.ok());
  return *changed;
}

TEST_CASE("only photos about which new rules decide otherwise are touched, and only once") {
  Studio studio;
  Use(studio, {});
  for (const char* name : {"a.jpg", "b.jpg", "c.png"}) studio.Add(name, name);
  Work(studio);
  studio.AcknowledgeAll();
  const std::int64_t revision = studio.At("a.jpg").revision();
  CHECK(Use(studio, KeepByName("*.png")) == 1);
  CHECK(studio.At("c.png").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  CHECK(studio.At("a.jpg").revision() == revision);
  studio.Open();
  CHECK(Use(studio, KeepByName("*.png")) == 0);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0);
}

TEST_CASE("a photo that is not selected any more is withdrawn, and comes back whole") {
  Studio studio;
  Use(studio, {});
  studio.Add("a.jpg", "a");
  Work(studio);
  studio.AcknowledgeAll();
  CHECK(Use(studio, KeepByName("a.jpg")) == 1);
  std::vector<PendingPublish> pending = studio.Pending();
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].withdrawal);
  studio.AcknowledgeAll();
  CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  CHECK(studio.At("a.jpg").withdrawn());
  CHECK(studio.Pending().empty());

  CHECK(Use(studio, {}) == 1);
  // The proof was dropped when the host had it: it is made again.
  studio.Pending();
  Work(studio);
  pending = studio.Pending();
  REQUIRE(pending.size() == 1);
  CHECK_FALSE(pending[0].withdrawal);
  CHECK(pending[0].contents.size() == 2);
}

TEST_CASE("a photo whose sending may be under way is withdrawn as well when it is kept") {
  Studio studio;
  Use(studio, {});
  studio.Add("a.jpg", "a");
  Work(studio);
  const std::int64_t first = studio.Pending().at(0).sequence;
  REQUIRE(
      studio.catalog().SelectPhotos({studio.At("a.jpg").id()}, record::SELECTION_CHOICE_OUT).ok());
  REQUIRE(studio.Pending().size() == 1);
  CHECK(studio.Pending()[0].withdrawal);
  CHECK(studio.Pending()[0].sequence > first);
}

TEST_CASE("a photo that was only kept is sent without being made again when the rules allow it") {
  Studio studio;
  Use(studio, KeepByName("a.jpg"));
  studio.Add("a.jpg", "a");
  Work(studio);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_KEPT) == 1);
  CHECK(studio.Pending().empty());
  CHECK(Use(studio, {}) == 1);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 0);
  REQUIRE(studio.Pending().size() == 1);
  CHECK(studio.Pending()[0].contents.size() == 2);
}

TEST_CASE("other sizes and another watermark make new renditions, of the photos concerned") {
  Studio studio;
  Use(studio, {});
  for (const char* name : {"a.jpg", "b.jpg"}) studio.Add(name, name);
  Work(studio);
  studio.AcknowledgeAll();
  Preferences preferences;
  imaging::Watermark mark;
  mark.text = "PROOF";
  preferences.SetWatermark(mark, {"proof"});
  CHECK(Use(studio, preferences) == 2);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 2);
  Work(studio);
  studio.AcknowledgeAll();
  CHECK(Use(studio, preferences) == 0);
  SelectionRule rule;
  rule.paths = {"b.jpg"};
  rule.renditions = {preferences.thumbnail, preferences.proof};
  rule.renditions[1].long_edge_px = 800;
  preferences.rules = {rule};
  CHECK(Use(studio, preferences) == 1);
  CHECK(studio.At("b.jpg").state() == pb::LOCAL_PHOTO_STATE_WAITING);
}

TEST_CASE("a new rating, entered by people, is decided about at once") {
  Studio studio;
  Preferences preferences = KeepByName("*");
  preferences.rules[0].rating = *RatingCondition::Parse("<3");
  Use(studio, preferences);
  studio.Add("a.jpg", "a");
  Work(studio);
  CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  const auto rate = [&](int rating) {
    REQUIRE(studio.catalog()
                .Update(studio.At("a.jpg").id(), "",
                        [rating](record::Photo& photo) {
                          photo.mutable_entered()->set_rating(rating);
                          photo.clear_entered_fields();
                          photo.add_entered_fields("rating");
                          return absl::OkStatus();
                        })
                .ok());
  };
  rate(4);
  CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_RENDERED);
  studio.AcknowledgeAll();
  rate(1);
  CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  REQUIRE(studio.Pending().size() == 1);
  CHECK(studio.Pending()[0].withdrawal);
}

TEST_CASE("a gallery that waits is not touched until the user asks, and then all of it goes on") {
  Studio studio;
  Preferences preferences;
  preferences.galleries = {{"wedding*", false}};
  Use(studio, preferences);
  for (const char* name : {"wedding/1.jpg", "wedding/2.jpg", "other/3.jpg"}) studio.Add(name, name);
  Work(studio);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_KEPT) == 2);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_RENDERED) == 1);
  const record::Photo held = studio.At("wedding/1.jpg");
  CHECK(held.digest().empty());
  CHECK(held.state_message().find("proofline studio process") != std::string::npos);
  const std::string gallery = MainPlace(held)->gallery();
  CHECK(*studio.catalog().ProcessGallery(gallery) == 2);
  Work(studio);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_RENDERED) == 3);
  CHECK(*studio.catalog().ProcessGallery(gallery) == 0);
  // What comes later waits again.
  studio.Add("wedding/4.jpg", "4");
  Work(studio);
  CHECK(studio.At("wedding/4.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
}

TEST_CASE("what the host has stays there when its gallery is told to wait, edited or not") {
  Studio studio;
  Use(studio, {});
  studio.Add("wedding/1.jpg", "1");
  Work(studio);
  studio.AcknowledgeAll();
  Preferences preferences;
  preferences.galleries = {{"wedding*", false}};
  Use(studio, preferences);
  studio.Add("wedding/2.jpg", "2");
  Work(studio);
  CHECK(studio.catalog().Explain(studio.At("wedding/1.jpg")).sent);
  CHECK_FALSE(studio.catalog().Explain(studio.At("wedding/2.jpg")).sent);
  // The same file saved again.
  studio.Add("wedding/1.jpg", "another revision");
  Work(studio);
  CHECK(studio.At("wedding/1.jpg").state() == pb::LOCAL_PHOTO_STATE_RENDERED);
  REQUIRE(studio.Pending().size() == 1);
  CHECK_FALSE(studio.Pending()[0].withdrawal);
  CHECK(studio.At("wedding/2.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
}

TEST_CASE("photos chosen by hand stay chosen over a restart, until they are given back") {
  Studio studio;
  Use(studio, KeepByName("a.jpg"));
  studio.Add("a.jpg", "a");
  Work(studio);
  const std::string id = studio.At("a.jpg").id();
  CHECK(*studio.catalog().SelectPhotos({id}, record::SELECTION_CHOICE_IN) == 1);
  CHECK(*studio.catalog().SelectPhotos({id}, record::SELECTION_CHOICE_IN) == 0);
  CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_RENDERED);
  studio.Open();
  Use(studio, KeepByName("a.jp*"));
  CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_RENDERED);
  CHECK(studio.catalog().Explain(studio.At("a.jpg")).rule == -1);
  CHECK(*studio.catalog().SelectPhotos({id}, record::SELECTION_CHOICE_RULES) == 1);
  CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  CHECK(absl::IsNotFound(
      studio.catalog().SelectPhotos({"none"}, record::SELECTION_CHOICE_IN).status()));
}

TEST_CASE("a photo that the host must keep for an open order is taken back later") {
  Studio studio;
  Use(studio, {});
  studio.Add("a.jpg", "a");
  Work(studio);
  studio.AcknowledgeAll();
  Use(studio, KeepByName("a.jpg"));
  const std::int64_t sequence = studio.Pending().at(0).sequence;
  REQUIRE(studio.catalog().Acknowledge(sequence, {{sequence, {"OPEN_ORDER", "ordered"}}}).ok());
  CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  CHECK(studio.At("a.jpg").withdraw_due_ms() != 0);
  REQUIRE(studio.catalog().Withdraw(studio.At("a.jpg").id()).ok());
  REQUIRE(studio.Pending().size() == 1);
  CHECK(studio.Pending()[0].withdrawal);
  CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
}

TEST_CASE("age decides again when time has passed") {
  Studio studio;
  Preferences preferences = KeepByName("*");
  preferences.rules[0].min_age = std::chrono::hours(24);
  studio.Add("a.jpg", "a");
  // The file is as old as the fake clock makes it.
  const auto written = std::chrono::nanoseconds(MainPlace(studio.At("a.jpg"))->mtime_ns());
  studio.clock().SetWall(base::WallTime(
      std::chrono::duration_cast<base::WallTime::duration>(written + std::chrono::hours(1))));
  Use(studio, preferences);
  Work(studio);
  CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_RENDERED);
  studio.clock().Advance(std::chrono::hours(48));
  CHECK(*studio.catalog().Redecide() == 1);
  CHECK(studio.At("a.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
}

}  // namespace
}  // namespace proofline::studio::test
