// Rosters: which photos a row finds, what it sets, and what is told of the rest.
#include "daemon/roster.h"

#include <chrono>

#include "daemon/csv.h"
#include "test/daemon/control_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;
using Stub = pb::StudioControlService::Stub;

struct School : Control {
  explicit School(const std::vector<std::string>& files) {
    for (const std::string& file : files) studio.Add(file, file);
    studio.RenderAll();
    studio.AcknowledgeAll();
  }
  absl::StatusOr<pb::ImportRosterResponse> Import(const pb::ImportRosterRequest& request) {
    pb::ImportRosterResponse response;
    const absl::Status status = Call(&Stub::ImportRoster, request, response);
    if (!status.ok()) return status;
    return response;
  }
  pb::Metadata Metadata(const std::string& file) { return Photo(file).photo().metadata(); }
};

pb::ImportRosterRequest RosterOf(const std::string& csv, const std::string& match_by,
                                 const std::string& column = "") {
  pb::ImportRosterRequest request;
  request.set_csv(csv);
  request.set_match_by(match_by);
  request.set_match_column(column);
  return request;
}

std::vector<int> LinesOf(const google::protobuf::RepeatedPtrField<pb::RosterRow>& rows) {
  std::vector<int> lines;
  for (const pb::RosterRow& row : rows) lines.push_back(static_cast<int>(row.line()));
  return lines;
}

TEST_CASE("a dry run lists rows and photos that match and that do not, and changes nothing") {
  School s({"3b/IMG_1.jpg", "3b/IMG_2.JPG", "3b/IMG_3.jpg", "3c/IMG_4.jpg"});
  pb::ImportRosterRequest request =
      RosterOf("Photo,ID,Name\nimg_1,17,Ada\nIMG_2.jpg,18,\"Ben\nBo\"\nIMG_9.jpg,19,Cy\n,20,Di\n",
               "file_name", "photo");
  (*request.mutable_columns())["ID"] = "subject";
  (*request.mutable_columns())["Name"] = "title, fields.name";
  request.set_validate_only(true);
  const auto dry = s.Import(request);
  REQUIRE(dry.ok());
  CHECK(dry->rows() == 4);
  CHECK(dry->matched_rows() == 2);
  CHECK(dry->matched_photos() == 2);
  CHECK(dry->changed_photos() == 2);
  CHECK(LinesOf(dry->matches()) == std::vector<int>{2, 3});
  CHECK(dry->matches(0).photos(0).path() == s.studio.path("3b/IMG_1.jpg"));
  CHECK(dry->matches(0).photos(0).photo() == s.Photo("3b/IMG_1.jpg").photo().name());
  CHECK(LinesOf(dry->unmatched()) == std::vector<int>{5, 6});
  CHECK(dry->unmatched(0).message() == "no photo is called \"IMG_9.jpg\"");
  CHECK(dry->unmatched(1).message().find("nothing stands") == 0);
  CHECK(dry->unmatched_rows_size() == 2);
  CHECK(dry->unmatched_photo_count() == 2);
  CHECK(dry->unmatched_paths_size() == 2);
  CHECK(dry->problems().empty());
  CHECK(dry->columns().at("Name") == "fields.name,title");
  CHECK(s.studio.Pending().empty());

  request.set_validate_only(false);
  const auto done = s.Import(request);
  REQUIRE(done.ok());
  CHECK(done->changed_photos() == 2);
  CHECK(s.Metadata("3b/IMG_1.jpg").subject() == "17");
  CHECK(s.Metadata("3b/IMG_1.jpg").title() == "Ada");
  CHECK(s.Metadata("3b/IMG_2.JPG").fields().at("name") == "Ben\nBo");
  REQUIRE(s.studio.Pending().size() == 2);
  for (const PendingPublish& pending : s.studio.Pending()) CHECK(pending.contents.empty());

  // Importing it again finds nothing to change.
  s.studio.AcknowledgeAll();
  CHECK(s.Import(request)->changed_photos() == 0);
  CHECK(s.studio.Pending().empty());
}

TEST_CASE("a row finds photos by name, folder, or what their metadata has") {
  School s({"hill/3b/Ada/1.jpg", "hill/3b/Ada/raw/2.jpg", "hill/3b/Ben/3.jpg", "hill/3c/1.jpg",
            "lake/3b/1.jpg"});
  SECTION("as much of a path as is written") {
    const auto one =
        s.Import(RosterOf("file,title\nhill\\3c\\1.jpg,C\nLAKE/3B/1,L\n", "file_name"));
    REQUIRE(one.ok());
    CHECK(one->matched_photos() == 2);
    CHECK(s.Metadata("hill/3c/1.jpg").title() == "C");
    CHECK(s.Metadata("lake/3b/1.jpg").title() == "L");
  }
  SECTION("several files for one row, and one name in several folders") {
    const auto several = s.Import(RosterOf("file,event\n2.jpg; 3|1,Day\n", "file_name"));
    REQUIRE(several.ok());
    CHECK(several->matched_rows() == 1);
    CHECK(several->matches(0).photo_count() == 5);
  }
  SECTION("the nearest folder that has a row") {
    const auto folders =
        s.Import(RosterOf("folder,title\nada,A\nhill/3b,Class\nlake,Lake\n", "folder"));
    REQUIRE(folders.ok());
    CHECK(folders->matched_photos() == 4);
    CHECK(s.Metadata("hill/3b/Ada/1.jpg").title() == "A");
    CHECK(s.Metadata("hill/3b/Ada/raw/2.jpg").title() == "A");
    CHECK(s.Metadata("hill/3b/Ben/3.jpg").title() == "Class");
    CHECK(s.Metadata("lake/3b/1.jpg").title() == "Lake");
    CHECK(s.Metadata("hill/3c/1.jpg").title() == "from the file");
  }
  SECTION("a subject that was set before, in one gallery only") {
    REQUIRE(s.Import(RosterOf("file,subject\n1.jpg,7\n", "file_name")).ok());
    pb::ImportRosterRequest request = RosterOf("subject,title\n7,Seven\n", "subject");
    const std::string name = s.Photo("hill/3c/1.jpg").photo().name();
    request.add_galleries(name.substr(0, name.find("/photos/")));
    const auto by_subject = s.Import(request);
    REQUIRE(by_subject.ok());
    CHECK(by_subject->matched_photos() == 1);
    CHECK(s.Metadata("hill/3c/1.jpg").title() == "Seven");
    CHECK(s.Metadata("lake/3b/1.jpg").title() == "from the file");
    request.set_galleries(0, "studios/demo/galleries/none");
    CHECK(absl::IsNotFound(s.Import(request).status()));
  }
}

TEST_CASE("names are found whatever case and accents the file system gives them") {
  CHECK(FoldedPath("M\xC3\x9CLLER") == "muller");
  CHECK(FoldedPath("Mu\xCC\x88ller") == "muller");
  School s({"Mu\xCC\x88ller/1.jpg"});
  CHECK(s.Import(RosterOf("folder;title\nm\xC3\xBCller;M\n", "folder"))->matched_photos() == 1);
}

TEST_CASE("rows that say different things about one photo keep the roster out, all of it") {
  School s({"a/1.jpg", "a/2.jpg", "a/3.jpg"});
  pb::ImportRosterRequest request =
      RosterOf("file,title\n1.jpg,A\n2.jpg,B\n1,Other\n2.jpg,B\n9.jpg,X\n9.jpg,Y\n", "file_name");
  const absl::Status refused = s.Import(request).status();
  CHECK(absl::IsInvalidArgument(refused));
  CHECK(rpc::ReasonOf(refused) == "ROSTER_INVALID");
  CHECK(rpc::DetailOf(refused, "line") == "4");
  CHECK(std::string(refused.message()).find("the one on line 2") != std::string::npos);
  CHECK(s.studio.Pending().empty());

  request.set_validate_only(true);
  const auto dry = s.Import(request);
  REQUIRE(dry.ok());
  CHECK(LinesOf(dry->problems()) == std::vector<int>{4});
  // The same thing twice is no contradiction, and what finds nothing harms nobody.
  CHECK(dry->matches(3).message() == "the same as the row on line 3");
  CHECK(LinesOf(dry->unmatched()) == std::vector<int>{6, 7});
}

TEST_CASE("values that cannot be set are told with line and reason, and nothing is changed") {
  School s({"a/1.jpg", "a/2.jpg"});
  const auto refused = [&](const std::string& csv, const std::string& line) {
    const absl::Status status = s.Import(RosterOf(csv, "file_name")).status();
    INFO(std::string(status.message()));
    CHECK(absl::IsInvalidArgument(status));
    CHECK(rpc::DetailOf(status, "line") == line);
    CHECK(s.studio.Pending().empty());
    return std::string(status.message());
  };
  CHECK(refused("file,title,rating\n1.jpg,A,5\n2.jpg,B,many\n", "3").find("\"many\"") !=
        std::string::npos);
  refused("file,rating\n1.jpg,7\n", "2");
  refused("file,title\n1.jpg,\"" + std::string(1'001, 'x') + "\"\n", "2");
  refused("file,title\n1.jpg,\"A\n", "2");
  CHECK(refused("file,name\n1.jpg,A\n", "1").find("file, name") != std::string::npos);
  refused("file,title,Title\n1.jpg,A,B\n", "1");
  refused("subject,title\n1,A\n", "1");
  pb::ImportRosterRequest request = RosterOf("file,Name\n1.jpg,A\n", "file_name");
  (*request.mutable_columns())["Nom"] = "title";
  CHECK(absl::IsInvalidArgument(s.Import(request).status()));
  request.clear_columns();
  (*request.mutable_columns())["Name"] = "file_name";
  CHECK(absl::IsInvalidArgument(s.Import(request).status()));
  CHECK(absl::IsInvalidArgument(s.Import(RosterOf("file,title\n", "smell")).status()));
}

TEST_CASE("empty values leave what there is unless they are to clear it") {
  School s({"a/1.jpg"});
  REQUIRE(s.Import(RosterOf("file,title,event,fields.class\n1,T,E,4b\n", "file_name")).ok());
  pb::ImportRosterRequest request =
      RosterOf("file,title,event,fields.class\n1,,New,\n", "file_name");
  REQUIRE(s.Import(request).ok());
  CHECK(s.Metadata("a/1.jpg").title() == "T");
  CHECK(s.Metadata("a/1.jpg").event() == "New");
  request.set_clear_empty(true);
  REQUIRE(s.Import(request).ok());
  CHECK(s.Metadata("a/1.jpg").title().empty());
  CHECK(s.Metadata("a/1.jpg").fields().empty());
}

TEST_CASE("keywords of several columns are set together, or added to those there are") {
  School s({"a/1.jpg"});
  pb::ImportRosterRequest request =
      RosterOf("file,Class,Clubs\n1,4b,\"chess; choir,4b\"\n", "file_name");
  (*request.mutable_columns())["Class"] = "keywords";
  (*request.mutable_columns())["Clubs"] = "keywords";
  REQUIRE(s.Import(request).ok());
  CHECK(s.Metadata("a/1.jpg").keywords_size() == 3);
  request.clear_columns();
  request.set_csv("file,More\n1,\"swim; chess\"\n");
  (*request.mutable_columns())["More"] = "add_keywords";
  REQUIRE(s.Import(request).ok());
  CHECK(s.Metadata("a/1.jpg").keywords_size() == 4);
  CHECK(s.Import(request)->changed_photos() == 0);
}

TEST_CASE("a roster of ten thousand rows is read, matched and recorded in seconds") {
  Studio studio;
  std::string csv = "file,subject,title,fields.class\r\n";
  std::vector<std::string> files;
  for (int i = 0; i < 10'000; ++i) {
    const std::string n = std::to_string(i);
    files.push_back("school/" + std::to_string(i / 30) + "/P" + n + ".jpg");
    WriteFile(studio.path(files.back()), n);
    csv += "P" + n + "," + n + ",\"Pupil, " + n + "\"," + std::to_string(i / 30) + "\r\n";
  }
  studio.Record(files);
  const auto begin = std::chrono::steady_clock::now();
  auto roster = Roster::Read(RosterOf(csv, "file_name"));
  REQUIRE(roster.ok());
  REQUIRE(studio.catalog()
              .VisitPhotos("",
                           [&](const record::Photo& photo) {
                             roster->Consider(studio.catalog().device(), photo);
                             return true;
                           })
              .ok());
  REQUIRE(roster->problem().ok());
  std::vector<std::string> ids;
  for (const Roster::Assignment& assignment : roster->assignments()) {
    ids.push_back(assignment.photo);
  }
  const auto changed =
      studio.catalog().UpdateMany(ids, [&](std::size_t index, record::Photo& photo) {
        return roster->Apply(roster->assignments()[index].row, photo);
      });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  WARN("10,000 rows: " << took.count() << " s");
  REQUIRE(changed.ok());
  CHECK(*changed == 10'000);
  CHECK(took < kPatience);
  CHECK(roster->TakeReport().matched_rows() == 10'000);
  CHECK(MergedMetadata(studio.At(files[4'711])).title() == "Pupil, 4711");
}

}  // namespace
}  // namespace proofline::studio::test
