#include "daemon/file_rules.h"

#include "daemon/glob.h"
#include "test/catch.h"

namespace proofline::studio::test {
namespace {

TEST_CASE("patterns match names and paths as people expect") {
  CHECK(MatchesGlob("*.jpg", "a.jpg"));
  CHECK(MatchesGlob("*.JPG", "a.jpg"));
  CHECK_FALSE(MatchesGlob("*.jpg", "a.jpeg"));
  CHECK_FALSE(MatchesGlob("*.jpg", "sub/a.jpg"));
  CHECK(MatchesGlob("**/a.jpg", "a.jpg"));
  CHECK(MatchesGlob("**/a.jpg", "x/y/a.jpg"));
  CHECK_FALSE(MatchesGlob("**/a.jpg", "x/ya.jpg"));
  CHECK(MatchesGlob("2024/**", "2024/x/y"));
  CHECK_FALSE(MatchesGlob("2024/**", "2023/x"));
  CHECK(MatchesGlob("2024/**/test*", "2024/test1"));
  CHECK(MatchesGlob("2024/**/test*", "2024/a/b/test1"));
  CHECK(MatchesGlob("**/*x*/**/*y", "a/bxc/d/e/fy"));
  CHECK_FALSE(MatchesGlob("**/*x*/**/*y", "a/bc/d/e/fy"));
  CHECK(MatchesGlob("IMG_?[0-4].jpg", "IMG_73.jpg"));
  CHECK_FALSE(MatchesGlob("IMG_?[0-4].jpg", "IMG_75.jpg"));
  CHECK(MatchesGlob("[!a-c]x", "dx"));
  CHECK_FALSE(MatchesGlob("[!a-c]x", "bx"));
  CHECK(MatchesGlob("a\\*b", "a*b"));
  CHECK_FALSE(MatchesGlob("a\\*b", "axb"));
  CHECK(MatchesGlob("[", "["));
  CHECK(MatchesGlob("*\xFF?", "\xFE\xFF\xFD"));
  CHECK(MatchesGlob("", ""));
  CHECK_FALSE(MatchesGlob("", "a"));
  CHECK(MatchesGlob("*", ""));
  CHECK_FALSE(MatchesGlob("?", ""));
}

TEST_CASE("a pattern of many stars takes no time") {
  CHECK_FALSE(MatchesGlob("*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

TEST_CASE("names tell photographs from what lies beside them") {
  for (const char* name : {"IMG_1.JPG", "a.jpeg", "b.Tif", "c.png", "d.heic", "e.avif", "f.webp"}) {
    INFO(name);
    CHECK(KindByName(name) == FileKind::kPicture);
  }
  for (const char* name :
       {"IMG_1.CR2", "a.cr3", "b.NEF", "c.arw", "d.DNG", "e.raf", "f.orf", "g.RW2",
        "h.pef",     "i.srw", "j.3fr", "k.IIQ", "l.mrw", "m.x3f", "n.crw", "o.nrw",
        "p.sr2",     "q.rwl", "r.dcr", "s.kdc", "t.erf", "u.mos", "v.mef"}) {
    INFO(name);
    CHECK(KindByName(name) == FileKind::kRaw);
  }
  for (const char* name : {"a.xmp", "IMG_1.CR2.XMP"}) {
    INFO(name);
    CHECK(KindByName(name) == FileKind::kSidecar);
  }
  for (const char* name :
       {".hidden.jpg", "~a.jpg", "a.jpg~", "a.jpg.part", "b.tmp", "c.CRDOWNLOAD", "Thumbs.db",
        "desktop.ini", ".DS_Store", "notes.txt", "film.MP4", "Catalog.lrcat", "Catalog.lrcat-wal",
        "IMG_1.THM", "list.csv", "a.zip"}) {
    INFO(name);
    CHECK(KindByName(name) == FileKind::kIgnored);
  }
  for (const char* name : {"IMG_1", "scan.001", "a.gif", "b.abcdefghijklmnop", "\xFF\xFE"}) {
    INFO(name);
    CHECK(KindByName(name) == FileKind::kUnknown);
  }
  for (const char* name : {".git", "Catalog Previews.lrdata", "@eaDir", "$RECYCLE.BIN",
                           "CaptureOne", "lost+found", "Photos.photoslibrary"}) {
    INFO(name);
    CHECK(IsIgnoredFolderName(name));
  }
  CHECK_FALSE(IsIgnoredFolderName("2024-05-01 Wedding"));
  CHECK_FALSE(IsIgnoredFolderName("lrdata"));
  CHECK(StemOf("IMG_1.CR2") == "IMG_1");
  CHECK(StemOf("IMG_1.CR2.xmp") == "IMG_1.CR2");
  CHECK(StemOf(".hidden") == ".hidden");
}

TEST_CASE("the configuration ignores by name, by path and by folder, everywhere or in one root") {
  const FileRules rules({"*.png", "Exports/", "/2019/**/test*"}, {{"/b", {"*.tif"}}});
  CHECK(rules.KindOfPath("/a", "/a/x.png") == FileKind::kIgnored);
  CHECK(rules.KindOfPath("/a", "/a/x.jpg") == FileKind::kPicture);
  CHECK(rules.KindOfPath("/a", "/a/x.tif") == FileKind::kPicture);
  CHECK(rules.KindOfPath("/b", "/b/x.tif") == FileKind::kIgnored);
  CHECK(rules.KindOfPath("/a", "/a/w/exports/x.jpg") == FileKind::kIgnored);
  CHECK(rules.KindOfPath("/a", "/a/Exports") == FileKind::kUnknown);
  CHECK(rules.IgnoresFolder("/a", "/a/w", "Exports"));
  CHECK(rules.IgnoresFolderPath("/a", "/a/w/Exports/deep"));
  CHECK_FALSE(rules.IgnoresFolderPath("/a", "/a"));
  CHECK(rules.KindOfPath("/a", "/a/2019/x/test1.jpg") == FileKind::kIgnored);
  CHECK(rules.KindOfPath("/a", "/a/2020/x/test1.jpg") == FileKind::kPicture);
  CHECK(rules.KindOfPath("/a", "/a/2019/testing/1.jpg") == FileKind::kIgnored);
  // What leads to the root does not matter.
  CHECK(FileRules({"a"}).KindOfPath("/a/.b", "/a/.b/x.jpg") == FileKind::kPicture);
  CHECK(rules.KindOfPath("/", "/x/Exports/1.jpg") == FileKind::kIgnored);
  CHECK(rules.KindOfPath("/", "/x/1.jpg") == FileKind::kPicture);
}

}  // namespace
}  // namespace proofline::studio::test
