// The command line at a real studio daemon whose host is away: looking, editing, selecting.
#include <csignal>
#include <fstream>

#include "test/line/studio_machine.h"

namespace proofline::test {
namespace {

TEST_CASE("rotate turns photos further, what is kept of them included, and renditions follow") {
  Machine m;
  WritePicture(m.path("summer/a.jpg"), 1200, 800);
  m.Settle(1);
  CHECK(m.Quarters("summer") == "rgby");
  const std::string said = m.Do({"rotate", m.path("summer/a.jpg")});
  CHECK(said.starts_with("changed summer-"));
  m.Settle(1);
  CHECK(m.Edit("summer/a.jpg").rotation_degrees() == 90);
  CHECK(m.Photo("summer/a.jpg").photo().edited_width_px() == 800);
  CHECK(m.Quarters("summer") == "bryg");
  m.Do({"rotate", m.path("summer/a.jpg"), "--by", "left"});
  m.Settle(1);
  CHECK(m.Quarters("summer") == "rgby");

  // Only the green quarter, which stays the green quarter however the picture is turned.
  m.Do({"crop", m.path("summer/a.jpg"), "--box", "0.5,0,0.5,0.5"});
  for (const char* by : {"right", "180", "left", "90"}) {
    m.Do({"rotate", m.path("summer/a.jpg"), "--by", by});
    m.Settle(1);
    INFO(by);
    CHECK(m.Quarters("summer") == "gggg");
  }
  m.Do({"edit", m.path("summer/a.jpg"), "--rotate", "270"});
  m.Settle(1);
  CHECK(m.Quarters("summer") == "gggg");
  CHECK(m.Photo("summer/a.jpg").photo().edited_width_px() == 400);
  const Ran json = m.Run({"rotate", m.path("summer/a.jpg"), "--json"});
  CHECK(FromJson<v1::LocalPhoto>(json.out).photo().edit().rotation_degrees() == 0);
}

TEST_CASE("a photo that is named twice is turned once, a gallery by its title turns all") {
  Machine m;
  for (int i = 0; i < 3; ++i) {
    WritePicture(m.path("School/3b/" + std::to_string(i) + ".jpg"), 120, 80, i);
  }
  m.Settle(3);
  CHECK(m.Do({"rotate", "School / 3b", m.path("School/3b/0.jpg"), m.path("School/3b/0.jpg")}) ==
        "changed 3 photos\n");
  for (const char* name : {"School/3b/0.jpg", "School/3b/1.jpg", "School/3b/2.jpg"}) {
    CHECK(m.Edit(name).rotation_degrees() == 90);
  }
  m.Settle(3);
  const std::string json = m.Do({"reset", "School / 3b", "--json"});
  CHECK(LinesOf(json).size() == 3);
  for (const std::string& line : LinesOf(json)) {
    CHECK_FALSE(FromJson<v1::LocalPhoto>(line).photo().has_edit());
  }
  CHECK(m.Do({"rotate", "School / 3b", "--quiet"}).empty());
}

TEST_CASE("crop keeps the largest part of a shape where it is asked for, standing or lying") {
  Machine m;
  WritePicture(m.path("summer/a.jpg"), 1200, 800);
  m.Settle(1);
  const auto size = [&] {
    m.Settle(1);
    const v1::LocalPhoto photo = m.Photo("summer/a.jpg");
    return std::pair(photo.photo().edited_width_px(), photo.photo().edited_height_px());
  };
  m.Do({"crop", m.path("summer/a.jpg"), "--aspect", "4:5", "--gravity", "west"});
  CHECK(size() == std::pair(1000, 800));
  CHECK(m.Edit("summer/a.jpg").crop().left() == 0);
  m.Do({"crop", m.path("summer/a.jpg"), "--aspect", "4:5", "--as-given", "--gravity", "east"});
  CHECK(size() == std::pair(640, 800));
  CHECK(m.Quarters("summer") == "ggyy");
  m.Do({"crop", m.path("summer/a.jpg"), "--aspect", "1x1"});
  CHECK(size() == std::pair(800, 800));
  CHECK(m.Quarters("summer") == "rgby");
  m.Do({"reset", m.path("summer/a.jpg")});
  m.Do({"rotate", m.path("summer/a.jpg")});
  m.Do({"crop", m.path("summer/a.jpg"), "--aspect", "5:4", "--gravity", "north"});
  CHECK(size() == std::pair(800, 1000));
  CHECK(m.Edit("summer/a.jpg").crop().top() == 0);
  m.Do({"reset", m.path("summer/a.jpg")});
  CHECK(size() == std::pair(1200, 800));
  CHECK_FALSE(m.Photo("summer/a.jpg").photo().has_edit());
  CHECK(m.Quarters("summer") == "rgby");
}

TEST_CASE("a photo that was not looked into yet cannot be cropped by its shape, and says so") {
  Machine m;
  m.Do({"pause"});
  WritePicture(m.path("summer/a.jpg"), 1200, 800);
  REQUIRE(WaitUntil([&] { return m.Status().waiting() == 1; }));
  const Ran ran = m.Run({"crop", m.path("summer/a.jpg"), "--aspect", "4:5"});
  CHECK(ran.exit_code == 1);
  CHECK(Has(ran.err, "1 photo has not been looked into yet"));
  CHECK_FALSE(m.Photo("summer/a.jpg").photo().has_edit());
  // The other edits need no pixels.
  m.Do({"rotate", m.path("summer/a.jpg")});
  m.Do({"resume"});
  m.Settle(1);
  CHECK(m.Quarters("summer") == "bryg");
}

TEST_CASE("straighten turns a little and keeps the picture's shape without empty corners") {
  Machine m;
  WritePicture(m.path("summer/a.jpg"), 1200, 800);
  m.Settle(1);
  m.Do({"straighten", m.path("summer/a.jpg"), "--by", "-5.5"});
  m.Settle(1);
  const v1::Photo photo = m.Photo("summer/a.jpg").photo();
  CHECK(photo.edit().straighten_degrees() == -5.5);
  CHECK(photo.edited_width_px() < 1150);
  CHECK(std::abs(photo.edited_width_px() * 2 - photo.edited_height_px() * 3) <= 3);
  CHECK(m.Quarters("summer") == "rgby");
  m.Do({"straighten", m.path("summer/a.jpg"), "--by", "0"});
  m.Settle(1);
  CHECK(m.Photo("summer/a.jpg").photo().edited_width_px() == 1200);
}

TEST_CASE("edits that cannot be made are refused with a sentence, and nothing changes") {
  Machine m;
  WritePicture(m.path("summer/a.jpg"), 120, 80);
  m.Settle(1);
  const std::string a = m.path("summer/a.jpg");
  const std::string etag = m.Photo("summer/a.jpg").photo().etag();
  m.Fails({"rotate", a, "--by", "45"}, 2, "0, 90, 180 or 270");
  m.Fails({"rotate", a, "--by", "round"}, 2, "0, 90, 180 or 270");
  m.Fails({"rotate"}, 2, "photos is required");
  m.Fails({"rotate", "nothing"}, 4, "no gallery and no photo is called \"nothing\"");
  m.Fails({"rotate", m.path("summer/none.jpg")}, 4, "none.jpg");
  m.Fails({"rotate", "studios/demo/galleries/none"}, 4, "no gallery");
  m.Fails({"straighten", a, "--by", "45.1"}, 2, "from -45 to 45");
  m.Fails({"straighten", a, "--by", "nan"}, 2, "from -45 to 45");
  m.Fails({"straighten", a}, 2, "--by is required");
  m.Fails({"crop", a, "--box", "0.5,0.5,0.6,0.5"}, 2, "does not lie inside the picture");
  m.Fails({"crop", a, "--box", "0,0,1"}, 2, "has not four numbers");
  m.Fails({"crop", a, "--box", "0,0,0,1"}, 2, "does not lie inside");
  m.Fails({"crop", a}, 2, "either --box or --aspect");
  m.Fails({"crop", a, "--box", "0,0,1,1", "--aspect", "1:1"}, 2, "either --box or --aspect");
  m.Fails({"crop", a, "--aspect", "wide"}, 2, "is no aspect");
  m.Fails({"crop", a, "--aspect", "4:5", "--gravity", "up"}, 2, "there is no gravity \"up\"");
  m.Fails({"reset", "summer/none"}, 4, "there is no photo");
  m.Fails({"edit", a}, 2, "nothing to edit");
  m.Fails({"show", m.path("summer/\xff.jpg")}, 2, "is no UTF-8 text");
  m.Fails({"set", a, "--title", "\xff"}, 2, "is no UTF-8 text");
  CHECK(m.Photo("summer/a.jpg").photo().etag() == etag);
}

TEST_CASE("a gallery that waits is left alone until process, which tells how many go on") {
  Machine m("[[gallery]]\nname = \"Ask*\"\nstart = \"ask\"\n");
  WritePicture(m.path("Ask me/a.jpg"), 120, 80, 1);
  WritePicture(m.path("Ask me/b.jpg"), 120, 80, 2);
  WritePicture(m.path("others/c.jpg"), 120, 80, 3);
  m.Settle(3);
  CHECK(m.Photo("Ask me/a.jpg").state() == v1::LOCAL_PHOTO_STATE_KEPT);
  CHECK(Has(m.Photo("Ask me/a.jpg").state_message(), "proofline studio process"));
  CHECK(m.Photo("others/c.jpg").state() == v1::LOCAL_PHOTO_STATE_RENDERED);
  m.Fails({"contact-sheet", "Ask me", "-o", m.folder / "x.jpg"}, 1, "has a thumbnail yet");
  CHECK_FALSE(fs::exists(m.folder / "x.jpg"));
  m.Fails({"process", "nothing"}, 4, "no gallery is called \"nothing\"");
  m.Fails({"process"}, 2, "gallery is required");
  CHECK(m.Do({"process", "others"}) == "nothing in the gallery was waiting\n");
  CHECK(m.Do({"process", "Ask me"}) == "2 photos go on\n");
  m.Settle(3);
  CHECK(m.Photo("Ask me/b.jpg").state() == v1::LOCAL_PHOTO_STATE_RENDERED);
  CHECK(FromJson<v1::ProcessGalleryResponse>(m.Do({"process", "Ask me", "--json"})).photos() == 0);
}

TEST_CASE("select forces photos in and out, gives them back, and explains") {
  Machine m("[[rule]]\nname = \"small ones stay\"\nmax_pixels = 20000\nsend = false\n");
  WritePicture(m.path("g/small.jpg"), 120, 80);
  WritePicture(m.path("g/large.jpg"), 1200, 800);
  m.Settle(2);
  CHECK(m.Photo("g/small.jpg").state() == v1::LOCAL_PHOTO_STATE_KEPT);
  const std::string explained = m.Do({"select", "--dry-run"});
  CHECK(LinesOf(explained).size() == 3);
  CHECK(Has(explained, "small ones stay"));
  CHECK(Has(explained, "no rule matches"));
  CHECK(m.Do({"select", "--in", m.path("g/small.jpg")}) == "changed 1 photo\n");
  CHECK(m.Photo("g/small.jpg").state() == v1::LOCAL_PHOTO_STATE_RENDERED);
  CHECK(m.Do({"select", "--out", "g"}) == "changed 2 photos\n");
  CHECK(LinesOf(m.Do({"list", "--only", "kept", "--json"})).size() == 2);
  const std::vector<std::string> decisions =
      LinesOf(m.Do({"select", "--dry-run", "--gallery", "g", "--json"}));
  REQUIRE(decisions.size() == 2);
  for (const std::string& line : decisions) {
    CHECK(FromJson<v1::SelectionDecision>(line).rule() == -1);
  }
  CHECK(
      FromJson<v1::SelectPhotosResponse>(m.Do({"select", "--by-rules", "g", "--json"})).changed() ==
      2);
  CHECK(m.Photo("g/large.jpg").state() == v1::LOCAL_PHOTO_STATE_RENDERED);
  CHECK(m.Photo("g/small.jpg").state() == v1::LOCAL_PHOTO_STATE_KEPT);
  CHECK(m.Do({"select", "--by-rules", "g"}) == "changed 0 photos\n");

  m.Fails({"select"}, 2, "give one of --in, --out and --by-rules");
  m.Fails({"select", "--in", "--out", "g"}, 2, "give one of --in, --out and --by-rules");
  m.Fails({"select", "--in"}, 2, "name the photos or galleries");
  m.Fails({"select", "--out", "nothing"}, 4, "\"nothing\"");
  m.Fails({"select", "--out", "g", "--gallery", "g"}, 2, "--gallery goes with --dry-run");
  m.Fails({"select", "--dry-run", "g"}, 2, "--dry-run explains the rules");
  m.Fails({"select", "--dry-run", "--gallery", "nothing"}, 4, "\"nothing\"");
  m.Fails({"list", "--gallery", "studios/demo/galleries/none"}, 4, "there is no gallery");
}

TEST_CASE("a dry run names every file, and says of a photo that failed that no rule was asked") {
  Machine m("[[rule]]\nname = \"stars\"\nrating = \">=3\"\nmin_age = \"0s\"\n");
  WritePicture(m.path("g/good.jpg"), 120, 80);
  std::ofstream(m.path("g/bad.jpg")) << "\xFF\xD8 no picture at all";
  m.Settle(2);
  for (const std::string& line : LinesOf(m.Do({"select", "--dry-run", "--json"}))) {
    const auto decision = FromJson<v1::SelectionDecision>(line);
    const bool good = decision.file_name() == "good.jpg";
    INFO(line);
    CHECK((good || decision.file_name() == "bad.jpg"));
    CHECK(decision.sent() == good);
    CHECK(decision.rule() == 0);
    CHECK(Has(decision.message(), good ? "no rule matches" : "has failed before a rule"));
  }
  CHECK(Has(m.Do({"select", "--dry-run"}), "bad.jpg"));
}

TEST_CASE("a watermark that no picture can have is refused, and what was made stays") {
  Machine m;
  WritePicture(m.path("g/a.jpg"), 600, 400);
  m.Settle(1);
  const fs::path config = m.folder / "studio.toml";
  std::ifstream file(config);
  const std::string before((std::istreambuf_iterator<char>(file)), {});
  const auto use = [&](const std::string& more) { std::ofstream(config) << before << more; };
  VImage::black(300, 200).pngsave((m.folder / "cut.png").c_str());
  fs::resize_file(m.folder / "cut.png", fs::file_size(m.folder / "cut.png") / 2);
  const auto said = [&](const std::string& what) {
    std::ifstream log(m.folder / "log");
    const std::string text((std::istreambuf_iterator<char>(log)), {});
    return Has(text, what);
  };
  for (const auto& [wrong, key] :
       {std::pair("[watermark]\nimage = \"cut.png\"\n", "\"watermark.image\""),
        std::pair("[watermark]\ntext = \" \"\n", "\"watermark.text\"")}) {
    use(wrong);
    m.process->Signal(SIGHUP);
    const std::string sentence = key + std::string(" can be laid over no picture");
    CHECK(WaitUntil([&] { return said("the configuration stays as it was: " + sentence); }));
    const fs::path checked = m.folder / "checked";
    Process check({{PROOFLINE_STUDIOD, "--config", config, "--check-config"}, checked, {}});
    CHECK(check.Wait(seconds(30)) == 2);
  }
  CHECK(m.Photo("g/a.jpg").state() == v1::LOCAL_PHOTO_STATE_RENDERED);
  CHECK(m.Photo("g/a.jpg").attempts() == 1);
}

TEST_CASE("a gallery is found by its folder, in any spelling of its title") {
  Machine m;
  // "Müller" with the accent behind its letter, as macOS writes it.
  WritePicture(m.path("School/3b/Mu\xCC\x88ller/a.jpg"), 120, 80);
  WritePicture(m.path("b.jpg"), 120, 80, 2);
  WritePicture(m.path("Spring/4c/c.jpg"), 120, 80, 3);
  m.Settle(3);
  for (const std::string& name :
       {std::string("School / 3b / M\xC3\xBCller"), std::string("school/3B/m\xC3\xBCller/"),
        m.path("School/3b/Mu\xCC\x88ller"), m.path("School/3b/../3b/Mu\xCC\x88ller/")}) {
    INFO(name);
    CHECK(Has(m.Do({"list", "--gallery", name}), "a.jpg"));
    CHECK(m.Do({"set", name, "--title", name}) == "changed 1 photo\n");
  }
  CHECK(Has(m.Do({"list", "--gallery", m.folder / "photos"}), "b.jpg"));
  CHECK(Has(m.Do({"list", "--gallery", "spring/4c"}), "c.jpg"));
  m.Fails({"list", "--gallery", m.path("School")}, 4, "no gallery is called");
}

TEST_CASE("a contact sheet has every photo with its name, on as many pages as it takes") {
  Machine m;
  constexpr int kPhotos = 98;
  for (int i = 0; i < kPhotos; ++i) {
    WritePicture(m.path("many/" + std::to_string(100 + i) + ".jpg"), 60 + i / 40 * 2, 40, i);
  }
  m.Settle(kPhotos);
  CHECK(m.Do({"contact-sheet", "many", "-o", m.folder / "sheet.jpg"}) ==
        "wrote 2 pages, from " + (m.folder / "sheet.jpg").string() + " to " +
            (m.folder / "sheet-2.jpg").string() + "\n");
  const VImage first = VImage::new_from_file((m.folder / "sheet.jpg").c_str());
  const VImage second = VImage::new_from_file((m.folder / "sheet-2.jpg").c_str());
  CHECK(first.width() == 8 * 244);
  CHECK(first.height() > 12 * 244);
  CHECK(second.width() == 2 * 244);
  // Below the picture something dark is written.
  CHECK(second.crop(0, 244, 244, second.height() - 244).min() < 150);
  const std::string json = m.Do({"contact-sheet", "many", "-o", m.folder / "again.jpg", "--json"});
  CHECK(LinesOf(json).size() == 1);
  CHECK(Has(json, "again-2.jpg"));
  m.Fails({"contact-sheet", "nothing", "-o", m.folder / "x.jpg"}, 4, "\"nothing\"");
  m.Fails({"contact-sheet", "many"}, 2, "--output is required");
  m.Fails({"contact-sheet", "many", "-o", m.folder / "nowhere/x.jpg"}, 4, "nowhere/x.jpg");
}

TEST_CASE("watch tells of changes as they happen, in lines or in JSON, for as long as asked") {
  Machine m;
  const fs::path said = m.folder / "said";
  Process watch({{PROOFLINE_PROGRAM, "studio", "watch", "--state", m.folder / "state"}, said, {}});
  REQUIRE(WaitUntil([&] { return Has(ReadText(said), "0 to send"); }));
  WritePicture(m.path("g/a.jpg"), 120, 80);
  CHECK(WaitUntil([&] { return Has(ReadText(said), "1 to send"); }));
  m.Do({"pause"});
  CHECK(WaitUntil([&] { return Has(ReadText(said), "paused"); }));
  CHECK(Has(ReadText(said), "host not connected"));
  // A daemon that goes away for a moment is waited for.
  m.process->Signal(SIGTERM);
  CHECK(m.process->Wait(seconds(20)) == 0);
  CHECK(watch.running());

  Machine other;
  const Ran json = other.Run({"watch", "--timeout", "700ms", "--json"});
  CHECK(json.exit_code == 0);
  REQUIRE_FALSE(LinesOf(json.out).empty());
  for (const std::string& line : LinesOf(json.out)) {
    CHECK(FromJson<v1::GetStudioStatusResponse>(line).device() == "studios/demo/devices/desk");
  }
}

TEST_CASE("galleries say since when they are, and retry says how many photos it takes up") {
  Machine m;
  std::ofstream(m.path("broken.jpg")) << "\xFF\xD8 no picture";
  m.Settle(1);
  CHECK(Has(m.Do({"list", "--only", "failed"}), "broken.jpg"));
  CHECK(m.Do({"retry"}) == "1 photo waits to be rendered again\n");
  m.Settle(1);
  CHECK(m.Do({"retry", "--json"}) == "{\"photos\":\"1\"}\n");
  const std::vector<std::string> galleries = LinesOf(m.Do({"galleries"}));
  REQUIRE(galleries.size() == 2);
  CHECK(Has(galleries[0], "SINCE"));
  CHECK(Has(galleries[1], "20"));
  CHECK(Has(galleries[1], "T"));
}

TEST_CASE("where no daemon runs every verb says so, how to start it, and ends with code 3") {
  const TempDir folder;
  const std::vector<Words> verbs = {{"rotate", "p"},
                                    {"straighten", "p", "--by", "1"},
                                    {"crop", "p", "--box", "0,0,1,0.5"},
                                    {"reset", "p"},
                                    {"edit", "p", "--reset"},
                                    {"process", "g"},
                                    {"select", "--in", "p"},
                                    {"select", "--dry-run"},
                                    {"contact-sheet", "g", "-o", folder / "x.jpg"},
                                    {"watch"},
                                    {"status"},
                                    {"wait"},
                                    {"list"},
                                    {"galleries"},
                                    {"show", "p"},
                                    {"retry"},
                                    {"set", "p", "--title", "x"},
                                    {"share", "g"},
                                    {"customers"},
                                    {"revoke", "c"},
                                    {"expire", "c", "--never"},
                                    {"orders"},
                                    {"pause"},
                                    {"resume"},
                                    {"rescan"},
                                    {"rebuild", "--yes"}};
  for (Words words : verbs) {
    words.insert(words.begin(), "studio");
    words.insert(words.end(), {"--state", folder.path()});
    const Ran ran = RunProgram(words);
    INFO(words[1] << ": " << ran.err);
    CHECK(ran.exit_code == 3);
    CHECK(ran.out.empty());
    CHECK(Has(ran.err, "the studio daemon is not running on " + folder.path().string()));
    CHECK(Has(ran.err, "proofline-studiod --config"));
  }
}

}  // namespace
}  // namespace proofline::test
