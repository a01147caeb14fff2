#include "cli/names.h"

#include "cli/exit_code.h"
#include "test/catch.h"

namespace proofline::cli {
namespace {

TEST_CASE("a full name stays as it is") {
  CHECK(ExpandName(kPhotoPattern, "studios/s/galleries/g/photos/p") ==
        "studios/s/galleries/g/photos/p");
  CHECK(ExpandName(kJobPattern, "jobs/j") == "jobs/j");
}

TEST_CASE("identifiers alone become a name") {
  CHECK(ExpandName(kJobPattern, "j") == "jobs/j");
  CHECK(ExpandName(kItemPattern, "j/2") == "jobs/j/items/2");
  CHECK(ExpandName(kOrderPattern, "s/o") == "studios/s/orders/o");
}

TEST_CASE("what is left out at the beginning comes from what is known") {
  CHECK(ExpandName(kOrderPattern, "o", {"s"}) == "studios/s/orders/o");
  CHECK(ExpandName(kPhotoPattern, "g/p", {"s"}) == "studios/s/galleries/g/photos/p");
  CHECK(ExpandName(kPhotoPattern, "galleries/g/photos/p", {"s"}) ==
        "studios/s/galleries/g/photos/p");
  CHECK(ExpandName(kPhotoPattern, "t/g/p", {"s"}) == "studios/t/galleries/g/photos/p");
  CHECK_FALSE(ExpandName(kPhotoPattern, "p", {"s"}).has_value());
  CHECK_FALSE(ExpandName(kOrderPattern, "o").has_value());
}

TEST_CASE("text that cannot be a name is none") {
  for (const char* wrong : {"", "/", "a//b", "Upper/x", "studios/s/orders/", "studios/s/devices/d",
                            "a/b/c/d", "-x/y", "../o", "studios/s"}) {
    INFO(wrong);
    CHECK_FALSE(ExpandName(kOrderPattern, wrong, {"s"}).has_value());
  }
}

TEST_CASE("a name that cannot be read shows both forms") {
  const auto wrong = RequireName(kOrderPattern, "a/b/c", "an order", {"s"});
  REQUIRE(IsUsageError(wrong.status()));
  CHECK(std::string(wrong.status().message()) ==
        "\"a/b/c\" does not name an order; write ORDER or studios/STUDIO/orders/ORDER");
  const auto gallery = RequireName(kGalleryPattern, "", "a gallery");
  CHECK(std::string(gallery.status().message()).find("studios/STUDIO/galleries/GALLERY") !=
        std::string::npos);
}

TEST_CASE("an ending picks the one name that has it") {
  const std::vector<std::string> names = {"studios/s/labs/a/products/10x15",
                                          "studios/s/labs/b/products/10x15",
                                          "studios/s/labs/b/products/20x30"};
  CHECK(*PickByEnding(names, "20x30", "product") == names[2]);
  CHECK(*PickByEnding(names, "a/10x15", "product") == names[0]);
  CHECK(IsUsageError(PickByEnding(names, "10x15", "product").status()));
  CHECK(absl::IsNotFound(PickByEnding(names, "0x30", "product").status()));
}

TEST_CASE("the studio of a name is its first identifier") {
  CHECK(StudioOf("studios/s/customers/c") == "s");
  CHECK(StudioOf("jobs/j").empty());
  CHECK(StudioOf("").empty());
}

}  // namespace
}  // namespace proofline::cli
