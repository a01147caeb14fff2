// proofline studio roster, share, customers, revoke and expire.
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "lib/base/text.h"
#include "lib/rpc/status.h"
#include "proofline/v1/studio_control_service.grpc.pb.h"
#include "test/catch.h"
#include "test/cli/run_cli.h"

namespace proofline::test {
namespace {

constexpr char kSummer[] = "studios/demo/galleries/summer-1";

// One gallery with one photo; customers are kept as they are made.
class FakeStudio : public v1::StudioControlService::Service {
 public:
  v1::ImportRosterRequest roster;
  v1::ImportRosterResponse report;
  std::vector<v1::ShareWithCustomerRequest> shares;
  v1::ShareBySubjectRequest subjects;
  std::vector<v1::UpdateLocalCustomerRequest> updates;
  std::vector<v1::Customer> customers;

  void Make(const std::string& id, const std::string& name, const v1::Share& share) {
    v1::Customer& customer = customers.emplace_back();
    customer.set_name("studios/demo/customers/" + id);
    customer.set_display_name(name);
    customer.set_identifier(base::Concat("7K3M-09QX-T4ZD-5W1", customers.size()));
    *customer.mutable_share() = share;
  }

 private:
  using Context = grpc::ServerContext;

  grpc::Status ListLocalGalleries(Context*, const v1::ListLocalGalleriesRequest*,
                                  v1::ListLocalGalleriesResponse* response) override {
    v1::Gallery& gallery = *response->add_galleries();
    gallery.set_name(kSummer);
    gallery.set_title("Summer / 3b");
    return grpc::Status::OK;
  }
  grpc::Status ListLocalPhotos(Context*, const v1::ListLocalPhotosRequest*,
                               v1::ListLocalPhotosResponse* response) override {
    response->add_photos()->mutable_photo()->set_name(std::string(kSummer) + "/photos/p1");
    return grpc::Status::OK;
  }
  grpc::Status ImportRoster(Context*, const v1::ImportRosterRequest* request,
                            v1::ImportRosterResponse* response) override {
    roster = *request;
    *response = report;
    if (request->csv() != "broken") return grpc::Status::OK;
    return rpc::ToGrpc(rpc::Error(absl::StatusCode::kInvalidArgument, "line 7: no good",
                                  "ROSTER_INVALID", {{"line", "7"}}));
  }
  grpc::Status ShareWithCustomer(Context*, const v1::ShareWithCustomerRequest* request,
                                 v1::Customer* response) override {
    shares.push_back(*request);
    Make(base::Concat("c", customers.size()), request->customer().display_name(),
         request->customer().share());
    *response = customers.back();
    return grpc::Status::OK;
  }
  grpc::Status ShareBySubject(Context*, const v1::ShareBySubjectRequest* request,
                              v1::ShareBySubjectResponse* response) override {
    subjects = *request;
    for (const char* subject : {"17", "18"}) {
      v1::Share share;
      v1::MetadataMatch& match = *share.add_matches();
      match.set_field("subject");
      match.set_value(subject);
      match.set_gallery(kSummer);
      Make(std::string("s") + subject, std::string("Pupil, ") + subject, share);
      response->add_customers(customers.back().name());
    }
    response->set_created(2);
    return grpc::Status::OK;
  }
  grpc::Status ListLocalCustomers(Context*, const v1::ListLocalCustomersRequest*,
                                  v1::ListLocalCustomersResponse* response) override {
    for (const v1::Customer& customer : customers) {
      *response->add_customers() = customer;
      response->add_statuses()->set_state(v1::LOCAL_CUSTOMER_STATE_WAITING);
    }
    return grpc::Status::OK;
  }
  grpc::Status UpdateLocalCustomer(Context*, const v1::UpdateLocalCustomerRequest* request,
                                   v1::Customer* response) override {
    updates.push_back(*request);
    *response = request->customer();
    return grpc::Status::OK;
  }
};

struct People {
  FakeStudio studio;
  FakeDaemon daemon{studio};
  TempDir folder;

  Ran Run(std::vector<std::string> arguments, const std::string& in = "") const {
    arguments.insert(arguments.begin(), "studio");
    arguments.insert(arguments.end(), {"--state", daemon.state()});
    return RunCli(arguments, in);
  }
  std::string File(const std::string& content) const {
    std::ofstream(folder / "roster.csv") << content;
    return folder / "roster.csv";
  }
};

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("roster sends the table with its mapping and tells what matched and what did not") {
  People p;
  p.studio.report.set_rows(3);
  p.studio.report.set_matched_rows(2);
  p.studio.report.set_matched_photos(4);
  p.studio.report.set_changed_photos(4);
  p.studio.report.set_unmatched_photo_count(30);
  for (int i = 0; i < 30; ++i) {
    p.studio.report.add_unmatched_paths(base::Concat("/photos/", i, ".jpg"));
  }
  p.studio.report.add_unmatched_rows(3);
  v1::RosterRow& row = *p.studio.report.add_unmatched();
  row.set_line(4);
  row.set_key("IMG_9");
  row.set_message("no photo is called \"IMG_9\"");
  v1::RosterRow& match = *p.studio.report.add_matches();
  match.set_line(2);
  match.set_key("IMG_1");
  match.set_photo_count(1);
  match.add_photos()->set_path("/photos/IMG_1.jpg");
  const Ran ran = p.Run({"roster", p.File("a,b\n1,2\n"), "--map", "Name=title", "--map",
                         "Name=fields.name", "--match-by", "folder", "--match-column", "Class",
                         "--gallery", "Summer / 3b", "--dry-run"});
  INFO(ran.err);
  CHECK(ran.exit_code == 0);
  CHECK(p.studio.roster.csv() == "a,b\n1,2\n");
  CHECK(p.studio.roster.columns().at("Name") == "title,fields.name");
  CHECK(p.studio.roster.match_by() == "folder");
  CHECK(p.studio.roster.match_column() == "Class");
  CHECK(p.studio.roster.galleries(0) == kSummer);
  CHECK(p.studio.roster.validate_only());
  CHECK(Has(ran.out, "2 of 3 rows match 4 photos; would change 4 photos"));
  CHECK(Has(ran.out, "no photo is called \"IMG_9\""));
  CHECK(Has(ran.out, "IMG_1.jpg"));
  CHECK(Has(ran.out, "/photos/19.jpg"));
  CHECK_FALSE(Has(ran.out, "/photos/20.jpg"));
  CHECK(Has(ran.out, "and 10 more"));
  CHECK(Has(p.Run({"roster", "-", "--all"}, "x\n1\n").out, "/photos/29.jpg"));
  CHECK(p.studio.roster.csv() == "x\n1\n");
  CHECK(p.studio.roster.match_by() == "file_name");
  CHECK(Has(p.Run({"roster", "-", "--json"}, "x\n").out, "\"unmatchedPhotoCount\":\"30\""));
}

TEST_CASE("a roster is read as spreadsheets write it") {
  People p;
  const std::string french = "Photo;Name\r\n1.jpg;Ren\xE9\r\n";
  const std::string utf8 = "Photo;Name\r\n1.jpg;Ren\xC3\xA9\r\n";
  const Ran unsaid = p.Run({"roster", p.File(french)});
  CHECK(unsaid.exit_code == 2);
  CHECK(Has(unsaid.err, "--encoding windows-1252"));
  CHECK(p.Run({"roster", p.File(french), "--encoding", "windows-1252"}).exit_code == 0);
  CHECK(p.studio.roster.csv() == utf8);
  CHECK(p.Run({"share", "--roster", "-", "--encoding", "WINDOWS-1252"}, french).exit_code == 0);
  CHECK(p.studio.subjects.roster() == utf8);
  CHECK(p.Run({"roster", "-"}, std::string("\xFF\xFEP\0\xE9\0", 6)).exit_code == 0);
  CHECK(p.studio.roster.csv() == "P\xC3\xA9");
  const Ran unknown = p.Run({"roster", "-", "--encoding", "excel"}, french);
  CHECK(unknown.exit_code == 2);
  CHECK(Has(unknown.err, "no encoding is called \"excel\""));
  CHECK(p.Run({"roster", "-", "--encoding", "utf-16"}, "abc").exit_code == 2);
  CHECK(p.Run({"share", "summer-1", "--encoding", "utf-16"}).exit_code == 2);
}

TEST_CASE("a roster that cannot be imported ends with a sentence and an exit code") {
  People p;
  const Ran broken = p.Run({"roster", "-"}, "broken");
  CHECK(broken.exit_code == 1);
  CHECK(Has(broken.err, "line 7: no good"));
  CHECK(p.Run({"roster", (p.folder / "none.csv").string()}).exit_code == 4);
  CHECK(p.Run({"roster", "-", "--map", "Name"}).exit_code == 2);
  CHECK(p.Run({"roster"}).exit_code == 2);
  v1::RosterRow& problem = *p.studio.report.add_problems();
  problem.set_line(3);
  problem.set_message("says different things");
  const Ran dry = p.Run({"roster", "-", "--dry-run"}, "x\n");
  CHECK(dry.exit_code == 1);
  CHECK(Has(dry.out, "says different things"));
}

TEST_CASE("share makes an identifier for galleries, photos and a subject, and prints it") {
  People p;
  const Ran ran = p.Run({"share", "Summer / 3b", "p1", "--name", "Ada", "--expires", "2031-01-01"});
  INFO(ran.err);
  REQUIRE(ran.exit_code == 0);
  REQUIRE(p.studio.shares.size() == 1);
  const v1::Customer& asked = p.studio.shares[0].customer();
  CHECK(asked.share().galleries(0) == kSummer);
  CHECK(asked.share().photos(0) == std::string(kSummer) + "/photos/p1");
  CHECK(asked.has_expire_time());
  CHECK_FALSE(p.studio.shares[0].request_id().empty());
  CHECK(Has(ran.out, "7K3M-09QX-T4ZD-5W11"));
  CHECK(Has(ran.out, "gallery summer-1, photo summer-1/p1"));
  CHECK(Has(ran.out, "waiting"));
  CHECK(Has(ran.err, "work once the host has them"));

  REQUIRE(p.Run({"share", "summer-1", "--subject", "17"}).exit_code == 0);
  const v1::Share& subject = p.studio.shares[1].customer().share();
  CHECK(subject.galleries().empty());
  REQUIRE(subject.matches_size() == 1);
  CHECK(subject.matches(0).value() == "17");
  CHECK(subject.matches(0).gallery() == kSummer);

  CHECK(p.Run({"share"}).exit_code == 2);
  CHECK(p.Run({"share", "nowhere"}).exit_code == 4);
  CHECK(p.Run({"share", "summer-1", "--each-subject", "--name", "Ada"}).exit_code == 2);
  CHECK(p.Run({"share", "p1", "--each-subject"}).exit_code == 2);
  CHECK(p.Run({"share", "summer-1", "--expires", "tomorrow"}).exit_code == 2);
  CHECK(p.studio.shares.size() == 2);
}

TEST_CASE("a customer of very many photos does not bury the list") {
  People p;
  v1::Share share;
  for (int i = 0; i < 2000; ++i) share.add_photos(base::Concat(kSummer, "/photos/p", i));
  p.studio.Make("c1", "Press", share);
  const Ran ran = p.Run({"customers"});
  CHECK(Has(ran.out, "photo summer-1/p4, 1995 more photos"));
  CHECK_FALSE(Has(ran.out, "summer-1/p5,"));
  CHECK(Has(p.Run({"customers", "--json"}).out, "photos/p1999"));
}

TEST_CASE("the list of each subject is exported as a table that only its owner may read") {
  People p;
  const std::string file = p.folder / "list.csv";
  const Ran ran =
      p.Run({"share", "summer-1", "--each-subject", "--name-field", "fields.name", "--csv", file});
  INFO(ran.err);
  REQUIRE(ran.exit_code == 0);
  CHECK(p.studio.subjects.display_field() == "fields.name");
  CHECK(p.studio.subjects.galleries(0) == kSummer);
  std::ifstream in(file, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  CHECK(text ==
        "name,identifier,opens,state,expires,customer,message\r\n"
        "\"Pupil, 17\",7K3M-09QX-T4ZD-5W11,subject=17 in summer-1,waiting,,s17,\r\n"
        "\"Pupil, 18\",7K3M-09QX-T4ZD-5W12,subject=18 in summer-1,waiting,,s18,\r\n");
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(Has(p.Run({"customers", "--csv", "-"}).out, "\"Pupil, 18\",7K3M-09QX-T4ZD-5W12"));
  CHECK(Has(p.Run({"customers"}).out, "subject=18 in summer-1"));
  const std::string json = p.Run({"customers", "--json"}).out;
  CHECK(std::count(json.begin(), json.end(), '\n') == 2);
  CHECK(Has(json, "\"state\":\"LOCAL_CUSTOMER_STATE_WAITING\""));

  REQUIRE(p.Run({"share", "--roster", "-", "--subject-column", "ID"}, "ID\n17\n").exit_code == 0);
  CHECK(p.studio.subjects.roster() == "ID\n17\n");
  CHECK(p.studio.subjects.subject_column() == "ID");
}

TEST_CASE("with --json customers are JSON, beside a table in a file as well") {
  People p;
  const std::string file = p.folder / "list.csv";
  const Ran ran = p.Run({"share", "summer-1", "--each-subject", "--csv", file, "--json"});
  INFO(ran.err);
  REQUIRE(ran.exit_code == 0);
  CHECK(std::count(ran.out.begin(), ran.out.end(), '\n') == 2);
  CHECK(ran.out.starts_with("{\"customer\":"));
  CHECK(std::filesystem::exists(file));
  const std::size_t made = p.studio.customers.size();
  CHECK(p.Run({"share", "summer-1", "--csv", "-", "--json"}).exit_code == 2);
  CHECK(p.studio.customers.size() == made);
  CHECK(p.Run({"customers", "--csv", "-", "--json"}).exit_code == 2);
  // The report of a dry run is what was asked for.
  p.studio.report.set_rows(3);
  CHECK(Has(p.Run({"roster", "-", "--dry-run", "--quiet"}, "x\n").out, "of 3 rows match"));
  CHECK(p.Run({"roster", "-", "--quiet"}, "x\n").out.empty());
  CHECK(Has(p.Run({"expire", "s17", "--at", "2001-01-01"}).err, "this time has passed"));
}

TEST_CASE("customers are revoked and expired by identifier, name, or what they are called") {
  People p;
  CHECK(Has(p.Run({"customers"}).err, "no customers"));
  p.studio.Make("ada", "Ada", {});
  p.studio.Make("ben", "Ben", {});
  p.studio.Make("ben2", "Ben", {});
  REQUIRE(p.Run({"revoke", "7k3m 09qx t4zd 5w11", "ben2"}).exit_code == 0);
  REQUIRE(p.studio.updates.size() == 2);
  CHECK(p.studio.updates[0].customer().name() == "studios/demo/customers/ada");
  CHECK(p.studio.updates[0].customer().revoked());
  CHECK(p.studio.updates[1].customer().name() == "studios/demo/customers/ben2");
  REQUIRE(p.Run({"expire", "Ada", "--at", "2031-01-01"}).exit_code == 0);
  CHECK(p.studio.updates[2].customer().has_expire_time());
  REQUIRE(p.Run({"expire", "Ada", "--never"}).exit_code == 0);
  CHECK_FALSE(p.studio.updates[3].customer().has_expire_time());
  CHECK(p.Run({"revoke", "Ben"}).exit_code == 2);
  CHECK(p.Run({"revoke", "Cy"}).exit_code == 4);
  CHECK(p.Run({"expire", "Ada"}).exit_code == 2);
  CHECK(p.studio.updates.size() == 4);
}

}  // namespace
}  // namespace proofline::test
