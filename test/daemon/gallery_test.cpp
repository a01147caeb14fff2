#include "daemon/gallery.h"

#include "daemon/file_stamp.h"
#include "lib/base/id.h"
#include "test/catch.h"

namespace proofline::studio {
namespace {

TEST_CASE("a gallery is the folder as seen from the watched folder") {
  const GalleryName gallery = GalleryOf("/photos", "/photos/2024/Weddings/Ann & Bob/1.jpg");
  CHECK(gallery.title == "2024 / Weddings / Ann & Bob");
  CHECK(gallery.id == base::Slug("2024/Weddings/Ann & Bob"));
  CHECK(base::IsValidId(gallery.id));
}

TEST_CASE("files directly in the watched folder are in a gallery named after it") {
  CHECK(GalleryOf("/home/ann/Shoots", "/home/ann/Shoots/1.jpg").title == "Shoots");
  CHECK(base::IsValidId(GalleryOf("/", "/1.jpg").id));
}

TEST_CASE("folders whose names are not UTF-8 have a readable title and ids of their own") {
  const GalleryName one = GalleryOf("/p", "/p/caf\xE9/1.jpg");
  const GalleryName two = GalleryOf("/p", "/p/caf\xE8/1.jpg");
  CHECK(one.title == "caf\xEF\xBF\xBD");
  CHECK(one.title == two.title);
  CHECK(one.id != two.id);
  CHECK(base::IsValidId(one.id));
}

TEST_CASE("unfinished and hidden files are not originals") {
  for (const char* name : {".hidden.jpg", "a.tmp", "a.TMP", "a.jpg.part", "a.jpg~", "~a.jpg", ""}) {
    CHECK(IsIgnoredName(name));
  }
  for (const char* name : {"a.jpg", "a", "tmp", "a.partial.jpg", "\xFF.jpg"}) {
    CHECK_FALSE(IsIgnoredName(name));
  }
}

TEST_CASE("a folder holds what lies under it and not what only begins alike") {
  CHECK(IsWithin("/a/b", "/a"));
  CHECK(IsWithin("/a", "/a"));
  CHECK(IsWithin("/a", "/"));
  CHECK_FALSE(IsWithin("/ab", "/a"));
}

}  // namespace
}  // namespace proofline::studio
