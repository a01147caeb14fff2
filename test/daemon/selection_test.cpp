#include "daemon/selection.h"

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

}  // namespace
}  // namespace proofline::studio
