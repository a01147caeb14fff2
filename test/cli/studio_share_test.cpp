// Rosters and shares at a real studio daemon whose host is away.
#include <algorithm>
#include <cctype>
#include <csignal>
#include <fstream>
#include <map>
#include <set>

#include "google/protobuf/struct.pb.h"
#include "test/cli/studio_machine.h"

namespace proofline::test {
namespace {

constexpr char kClass[] = "School / 3b";

// Three photos of two children, who are number 17 and number 18.
class School : public Machine {
 public:
  School() {
    for (int i = 1; i <= 3; ++i) {
      WritePicture(path("School/3b/IMG_" + std::to_string(i) + ".jpg"), 120, 80, i);
    }
    Settle(3);
    std::ofstream(table()) << "Photo;ID;Name\r\nIMG_1;17;Ada\r\nIMG_2.jpg;17;Ada\r\n"
                              "img_3;18;\"Ben; or Benjamin\"\r\nIMG_9;19;Cy\r\n";
  }
  std::string table() const { return folder / "3b.csv"; }
  Words Roster(const Words& more = {}) const {
    Words words = {"roster", table(), "--gallery",  kClass,  "--match-column",
                   "Photo",  "--map", "ID=subject", "--map", "Name=fields.name"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // Every customer, by what it is called.
  struct Customer {
    std::string identifier;
    std::string state;
    bool revoked = false;
    std::string opens;
  };
  std::multimap<std::string, Customer> Customers() const {
    std::multimap<std::string, Customer> customers;
    for (const std::string& line : LinesOf(Do({"customers", "--json"}))) {
      google::protobuf::Struct both;
      REQUIRE(google::protobuf::util::JsonStringToMessage(line, &both).ok());
      const auto part = [&](const char* name) {
        return both.fields().at(name).struct_value().fields();
      };
      const auto customer = part("customer");
      customers.insert(
          {customer.at("displayName").string_value(),
           {customer.at("identifier").string_value(), part("status").at("state").string_value(),
            customer.at("revoked").bool_value(), customer.at("share").ShortDebugString()}});
    }
    return customers;
  }
};

TEST_CASE("a roster is tried, imported whole, and imported again without changing anything") {
  School m;
  const std::string tried = m.Do(m.Roster({"--dry-run"}));
  CHECK(Has(tried, "3 of 4 rows match 3 photos; would change 3 photos"));
  CHECK(Has(tried, "IMG_9"));
  CHECK(m.Photo("School/3b/IMG_1.jpg").photo().metadata().subject().empty());
  CHECK(Has(m.Do(m.Roster()), "changed 3 photos"));
  const v1::Metadata ben = m.Photo("School/3b/IMG_3.jpg").photo().metadata();
  CHECK(ben.subject() == "18");
  CHECK(ben.fields().at("name") == "Ben; or Benjamin");
  CHECK(Has(m.Do(m.Roster()), "changed 0 photos"));
  CHECK(FromJson<v1::ImportRosterResponse>(m.Do(m.Roster({"--json"}))).matched_rows() == 3);

  // A row that says something else about a photo: nothing of the table is taken.
  std::ofstream(m.table(), std::ios::app) << "IMG_1;20;Dee\r\n";
  const Ran refused = m.Run(m.Roster());
  CHECK(refused.exit_code == 1);
  CHECK(Has(refused.err, "line 6"));
  CHECK(m.Photo("School/3b/IMG_1.jpg").photo().metadata().subject() == "17");
  m.Fails(m.Roster({"--match-by", "smell"}), 1, "smell");
  m.Fails({"roster", m.folder / "none.csv"}, 4, "none.csv");
  m.Fails({"roster", m.table(), "--gallery", "nothing"}, 4, "\"nothing\"");
}

TEST_CASE("galleries, photos and each subject are shared without the host, listed, and revoked") {
  School m;
  m.Do(m.Roster());
  const std::string list = m.folder / "list.csv";
  m.Do({"share", kClass, "--each-subject", "--name-field", "fields.name", "--csv", list});
  const std::vector<std::string> rows = LinesOf(ReadText(list));
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].starts_with("name,identifier,opens,state"));
  CHECK(Has(ReadText(list), "\nAda,"));
  CHECK(Has(ReadText(list), "\nBen; or Benjamin,"));
  CHECK(Has(ReadText(list), "subject=18 in school-3b-"));
  CHECK(fs::status(list).permissions() == fs::perms(0600));
  m.Do({"share", kClass, "--name", "Class"});
  m.Do({"share", m.path("School/3b/IMG_1.jpg"), m.path("School/3b/IMG_3.jpg"), "--name", "Press",
        "--identifier", "Press-2027-XY", "--expires", "2031-01-01"});
  m.Do({"share", kClass, "--subject", "17", "--subject", "18", "--name", "Both"});

  auto all = m.Customers();
  REQUIRE(all.size() == 5);
  std::set<std::string> identifiers;
  for (const auto& [name, customer] : all) {
    CHECK(customer.state == "LOCAL_CUSTOMER_STATE_WAITING");
    identifiers.insert(customer.identifier);
  }
  CHECK(identifiers.size() == 5);
  CHECK(all.find("Press")->second.identifier == "Press-2027-XY");
  CHECK(Has(all.find("Press")->second.opens, "/photos/"));
  CHECK(Has(m.Do({"customers"}), "waiting"));

  // Again: everybody keeps the identifier. A table brings those without photos as well.
  const std::string ada = all.find("Ada")->second.identifier;
  CHECK(Has(m.Do({"share", kClass, "--each-subject"}), ada));
  const std::string from_table = m.Do({"share", kClass, "--roster", m.table(), "--subject-column",
                                       "ID", "--name-column", "Name", "--csv", "-"});
  CHECK(Has(from_table, ada));
  CHECK(Has(from_table, "\nCy,"));
  CHECK(m.Customers().size() == 6);

  // It is all there after a crash.
  m.process->Signal(SIGKILL);
  m.process->Wait(seconds(20));
  m.Start();
  CHECK(m.Customers().find("Ada")->second.identifier == ada);
  CHECK(m.Customers().size() == 6);

  // Typed as people type it.
  std::string typed = ada;
  std::transform(typed.begin(), typed.end(), typed.begin(),
                 [](unsigned char c) { return c == '-' ? ' ' : std::tolower(c); });
  CHECK(Has(m.Do({"revoke", typed}), "is revoked"));
  CHECK(m.Customers().find("Ada")->second.revoked);
  CHECK(Has(m.Do({"customers"}), "revoked, waiting"));
  CHECK(Has(m.Do({"expire", "Class", "--at", "2031-05-01"}), "expires 2031-05-01"));
  CHECK(Has(m.Do({"expire", "Class", "--never"}), "never expires"));
  // Who was revoked and is shared with again gets another identifier.
  m.Do({"share", kClass, "--each-subject", "--name-field", "fields.name"});
  std::set<std::string> of_ada;
  all = m.Customers();
  for (auto [at, end] = all.equal_range("Ada"); at != end; ++at) {
    of_ada.insert(at->second.identifier);
  }
  CHECK(of_ada.size() == 2);
}

TEST_CASE("shares that cannot be made say why, and none is made") {
  School m;
  m.Fails({"share"}, 2, "nothing to share");
  m.Fails({"share", "nothing"}, 4, "\"nothing\"");
  m.Fails({"share", kClass, "--each-subject"}, 4, "no photo has a subject");
  m.Fails({"share", kClass, "--identifier", "short"}, 1, "8 to 64 letters and digits");
  m.Fails({"share", kClass, "--expires", "soon"}, 2, "\"soon\" is no time");
  m.Fails({"share", kClass, "--name-field", "title"}, 2, "--name-field goes with --each-subject");
  m.Fails({"share", kClass, "--each-subject", "--name-field", "rating"}, 1, "rating");
  m.Fails({"share", kClass, "--roster", m.table(), "--subject-column", "Nummer"}, 1, "Nummer");
  m.Fails({"revoke", "Ada"}, 4, "no customer of this device is called \"Ada\"");
  m.Fails({"expire", "Ada"}, 2, "say when");
  CHECK(m.Run({"customers"}).out.empty());
  // Asking again with one request id makes one customer; for something else it is refused.
  const Words once = {"share", kClass, "--name", "Once", "--request-id", "r1"};
  CHECK(m.Do(once) == m.Do(once));
  m.Fails({"share", kClass, "--name", "Other", "--request-id", "r1"}, 1, "use a new one");
  m.Do({"share", kClass, "--identifier", "ABCD-EFGH-1"});
  m.Fails({"share", kClass, "--identifier", "abcd efgh 1"}, 1, "has this identifier");
  CHECK(m.Customers().size() == 2);
}

}  // namespace
}  // namespace proofline::test
