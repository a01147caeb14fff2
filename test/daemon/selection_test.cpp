#include "daemon/selection.h"

#include <chrono>
#include <functional>

#include "test/catch.h"

namespace proofline::studio {
namespace {

TEST_CASE("without rules every photo gets both renditions as the preferences say, and is sent") {
  Preferences preferences;
  preferences.thumbnail.long_edge_px = 200;
  preferences.proof.quality = 70;
  PhotoFacts photo;
  photo.rating = -1;
  const Selection selection = Select(photo, preferences);
  CHECK(selection.sent);
  CHECK(selection.rule == 0);
  CHECK_FALSE(selection.reason.empty());
  REQUIRE(selection.renditions.size() == 2);
  CHECK(selection.renditions[0] == preferences.thumbnail);
  CHECK(selection.renditions[1] == preferences.proof);
}

SelectionRule Kept() {
  SelectionRule rule;
  rule.sent = false;
  return rule;
}

PhotoFacts Inspected(const std::string& path) {
  PhotoFacts photo;
  photo.gallery = "smith-wedding-1a2b3c4d";
  photo.gallery_title = "Smith wedding";
  photo.root = "/photos";
  photo.path = path;
  photo.size_bytes = 5'000'000;
  photo.inspected = true;
  photo.format = "jpeg";
  photo.pixels = 12'000'000;
  photo.rating = 3;
  photo.label = "Red";
  photo.keywords = {"dance", "bride"};
  photo.now = base::WallTime(std::chrono::hours(24 * 365));
  photo.written = photo.now - std::chrono::hours(48);
  return photo;
}

TEST_CASE("every condition of a rule must hold, and any member of a list will do") {
  const PhotoFacts photo = Inspected("/photos/2024/Smith wedding/DSC_0001.JPG");
  struct Case {
    std::function<void(SelectionRule&)> set;
    bool matches;
  };
  const Case cases[] = {
      {[](SelectionRule&) {}, true},
      {[](SelectionRule& rule) {
         rule.galleries = {"jones*", "smith*"};
       },
       true},
      {[](SelectionRule& rule) { rule.galleries = {"Smith Wedding"}; }, true},
      {[](SelectionRule& rule) { rule.galleries = {"jones*"}; }, false},
      {[](SelectionRule& rule) { rule.paths = {"dsc_*.jpg"}; }, true},
      {[](SelectionRule& rule) { rule.paths = {"2024/**"}; }, true},
      {[](SelectionRule& rule) { rule.paths = {"2024/*.jpg"}; }, false},
      {[](SelectionRule& rule) { rule.paths = {"/photos/**/*.jpg"}; }, true},
      {[](SelectionRule& rule) { rule.paths = {"/other/**"}; }, false},
      {[](SelectionRule& rule) {
         rule.types = {"raw", "jpeg"};
       },
       true},
      {[](SelectionRule& rule) { rule.types = {"raw"}; }, false},
      {[](SelectionRule& rule) { rule.rating = *RatingCondition::Parse(">=3"); }, true},
      {[](SelectionRule& rule) { rule.rating = *RatingCondition::Parse("<3"); }, false},
      {[](SelectionRule& rule) { rule.labels = {"red"}; }, true},
      {[](SelectionRule& rule) {
         rule.keywords = {"cake", "bride"};
       },
       true},
      {[](SelectionRule& rule) { rule.keywords = {"cake"}; }, false},
      {[](SelectionRule& rule) { rule.min_bytes = 5'000'000; }, true},
      {[](SelectionRule& rule) { rule.max_bytes = 4'999'999; }, false},
      {[](SelectionRule& rule) { rule.min_pixels = 12'000'001; }, false},
      {[](SelectionRule& rule) { rule.max_age = std::chrono::hours(49); }, true},
      {[](SelectionRule& rule) { rule.max_age = std::chrono::hours(47); }, false},
      {[](SelectionRule& rule) { rule.min_age = std::chrono::hours(49); }, false},
  };
  int number = 0;
  for (const Case& one : cases) {
    INFO("case " << number++);
    SelectionRule rule = Kept();
    one.set(rule);
    Preferences preferences;
    preferences.rules = {rule};
    const Selection selection = Select(photo, preferences);
    CHECK_FALSE(selection.needs_inspection);
    CHECK(selection.sent != one.matches);
    CHECK(selection.rule == (one.matches ? 1 : 0));
  }
}

TEST_CASE("the first rule that matches decides, and says so") {
  Preferences preferences;
  preferences.rules = {Kept(), Kept(), SelectionRule{}};
  preferences.rules[0].rating = *RatingCondition::Parse("<0");
  preferences.rules[1].name = "keepers";
  preferences.rules[1].sent = true;
  preferences.rules[1].rating = *RatingCondition::Parse(">=3");
  preferences.rules[1].renditions = {{"thumbnail", 200, 70}};
  const Selection selection = Select(Inspected("/photos/a.jpg"), preferences);
  CHECK(selection.rule == 2);
  CHECK(selection.sent);
  CHECK(selection.reason == "rule 2 \"keepers\" (rating >=3)");
  REQUIRE(selection.renditions.size() == 1);
  CHECK(selection.Recipe() == "thumbnail 200 px quality 70");
}

TEST_CASE("conditions are explained in the units that people write") {
  SelectionRule rule;
  rule.min_bytes = 2 << 20;
  rule.max_bytes = 1500;
  rule.min_pixels = 400'000;
  rule.min_age = std::chrono::hours(24 * 30);
  rule.max_age = std::chrono::minutes(90 * 24 * 60 + 1);
  CHECK(rule.Conditions() ==
        "file at least 2 MiB and at most 1500 bytes, pixels at least 400000, "
        "age at least 30d and at most 129601m");
}

TEST_CASE("what only the original can tell has it looked into, unless something else excludes it") {
  Preferences preferences;
  preferences.rules = {Kept()};
  preferences.rules[0].keywords = {"reject"};
  PhotoFacts photo = Inspected("/photos/a.jpg");
  photo.inspected = false;
  CHECK(Select(photo, preferences).needs_inspection);
  preferences.rules[0].galleries = {"jones*"};
  const Selection selection = Select(photo, preferences);
  CHECK_FALSE(selection.needs_inspection);
  CHECK(selection.sent);
}

TEST_CASE("a gallery that waits for the user waits, until he asks or chooses a photo") {
  Preferences preferences;
  preferences.galleries = {{"smith*", false}, {"*", true}};
  PhotoFacts photo = Inspected("/photos/a.jpg");
  CHECK(Select(photo, preferences).waits);
  CHECK(Select(photo, preferences).renditions.empty());
  photo.released = true;
  CHECK(Select(photo, preferences).sent);
  photo.released = false;
  photo.choice = Choice::kIn;
  CHECK(Select(photo, preferences).sent);
  photo.gallery = photo.gallery_title = "jones";
  photo.choice = Choice::kRules;
  CHECK_FALSE(Select(photo, preferences).waits);
}

TEST_CASE("a choice by hand wins over the rules") {
  Preferences preferences;
  preferences.rules = {Kept()};
  PhotoFacts photo = Inspected("/photos/a.jpg");
  photo.choice = Choice::kIn;
  Selection selection = Select(photo, preferences);
  CHECK(selection.rule == -1);
  CHECK(selection.sent);
  CHECK(selection.renditions.size() == 2);
  preferences.rules.clear();
  photo.choice = Choice::kOut;
  selection = Select(photo, preferences);
  CHECK(selection.rule == -1);
  CHECK_FALSE(selection.sent);
}

TEST_CASE("ratings compare as written, and what is no comparison is refused") {
  CHECK(RatingCondition::Parse("!=-1")->Holds(0));
  CHECK_FALSE(RatingCondition::Parse("!=-1")->Holds(-1));
  CHECK(RatingCondition::Parse("=5")->Holds(5));
  CHECK(RatingCondition::Parse("<=2")->Holds(2));
  CHECK_FALSE(RatingCondition::Parse(">2")->Holds(2));
  for (const char* text : {"", "3", ">=", ">=6", "=-2", "=>3", ">=three"}) {
    INFO(text);
    CHECK_FALSE(RatingCondition::Parse(text).ok());
  }
}

TEST_CASE(
    "another watermark, size or rule is another fingerprint; the same preferences are the same") {
  Preferences one;
  const std::string before = one.Fingerprint();
  CHECK(Preferences().Fingerprint() == before);
  imaging::Watermark mark;
  mark.text = "PROOF";
  one.SetWatermark(mark, {"proof"});
  CHECK(one.proof.watermarked);
  CHECK_FALSE(one.thumbnail.watermarked);
  const std::string marked = one.Fingerprint();
  CHECK(marked != before);
  const std::string recipe = Select({}, one).Recipe();
  mark.opacity = 0.7;
  one.SetWatermark(mark, {"proof"});
  CHECK(one.Fingerprint() != marked);
  CHECK(Select({}, one).Recipe() != recipe);
  Preferences ruled;
  ruled.rules = {Kept()};
  CHECK(ruled.Fingerprint() != before);
}

}  // namespace
}  // namespace proofline::studio
