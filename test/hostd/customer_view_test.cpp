// What a customer sees of a gallery that is not shared as a whole.
#include "hostd/customer_view.h"

#include "hostd/record_text.h"
#include "test/catch.h"
#include "test/hostd/photo_samples.h"
#include "test/hostd/shelf.h"

namespace proofline::host {
namespace {

namespace pb = proofline::v1;
using test::PhotoChangeOf;
using test::PublishNow;

std::string Id(int number) {
  std::string digits = std::to_string(number);
  return std::string("p").append(4 - digits.size(), '0').append(digits);
}

std::vector<std::string> Listed(const CustomerView& view, const std::string& filter, int limit) {
  google::protobuf::RepeatedPtrField<pb::MetadataMatch> matches;
  if (!filter.empty()) {
    matches.Add()->set_field("subject");
    matches[0].set_value(filter);
  }
  std::vector<std::string> ids;
  std::string after;
  do {
    const auto page = view.ListPhotos("wedding", matches, after, limit);
    REQUIRE(page.ok());
    CHECK(static_cast<int>(page->items.size()) <= limit);
    for (const pb::Photo& photo : page->items) ids.emplace_back(LastPart(photo.name()));
    after = page->next;
  } while (!after.empty());
  return ids;
}

}  // namespace

TEST_CASE("Of a large gallery a customer gets what is shared with it, page by page and in order") {
  // Few are read and sorted, of many the gallery is gone through: nobody sees the difference.
  const int photos = GENERATE(40, 1'400);
  test::Shelf shelf;
  std::vector<PublishedChange> changes;
  pb::Share share;
  share.add_matches()->set_field("subject");
  share.mutable_matches(0)->set_value("Tom");
  std::vector<std::string> toms;
  std::vector<std::string> all;
  for (int i = 0; i < photos; ++i) {
    // The newest first by its number.
    const bool is_tom = i % 2 == 0;
    changes.push_back(PhotoChangeOf(
        i + 1,
        {.photo = Id(i), .capture_seconds = 100'000 - i, .subject = is_tom ? "Tom" : "Eve"}));
    const bool is_named = i % 10 == 1;
    if (is_named) share.add_photos("studios/north/galleries/party/photos/" + Id(i));
    if (is_tom) toms.insert(toms.begin(), Id(i));
    if (is_tom || is_named) all.insert(all.begin(), Id(i));
  }
  REQUIRE(PublishNow(*shelf.store, "north", "one", "cat", std::move(changes)).ok());
  CustomerCaller caller;
  caller.studio = "north";
  caller.record.set_name("studios/north/customers/tom");
  *caller.record.mutable_share() = share;
  const CustomerView view(*shelf.store, caller);
  CHECK(Listed(view, "", 100) == all);
  CHECK(Listed(view, "", 7) == all);
  CHECK(Listed(view, "Tom", 100) == toms);
  CHECK((*view.FindGallery("wedding"))->photo_count() == static_cast<std::int64_t>(all.size()));
  CHECK(*view.Galleries() == std::vector<std::string>{"wedding"});
  CHECK_FALSE((*view.FindGallery("party")).has_value());
}

}  // namespace proofline::host
