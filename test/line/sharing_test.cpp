// A studio shares while its host is away, and each customer sees exactly what was shared.
#include <csignal>
#include <fstream>
#include <set>
#include <sstream>

#include "lib/rpc/channel.h"
#include "test/catch.h"
#include "test/line/shoot.h"

namespace proofline::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

// The command line at the studio's machine; what it prints.
std::string Studio(const Line& line, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {fs::path(PROOFLINE_PROGRAMS) / "proofline", "studio"});
  arguments.insert(arguments.end(), {"--state", line.state(Part::kStudio)});
  const RunResult result = Run(arguments, line.folder());
  INFO(result.output);
  REQUIRE(result.exit_code == 0);
  return result.output;
}

// The identifiers of an exported list, by what its customers are called.
std::map<std::string, std::string> IdentifiersIn(const fs::path& list) {
  std::map<std::string, std::string> identifiers;
  std::istringstream lines(ReadText(list));
  std::string text;
  std::getline(lines, text);
  while (std::getline(lines, text)) {
    const size_t comma = text.find(',');
    identifiers[text.substr(0, comma)] = text.substr(comma + 1, 19);
  }
  return identifiers;
}

grpc::Status SignIn(const Line& line, const std::string& identifier, std::string& session) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  rpc::WithDeadline(context, seconds(30));
  v1::SignInRequest request;
  request.set_identifier(identifier);
  v1::SignInResponse response;
  const grpc::Status status = line.Storefront()->SignIn(&context, request, &response);
  session = response.session_token();
  return status;
}

std::set<std::string> Seen(const Line& line, const std::string& session) {
  std::set<std::string> files;
  for (const auto& [file, photo] : VisiblePhotos(line, session)) files.insert(file);
  return files;
}

bool AllAtHost(const Line& line) {
  return Studio(line, {"customers"}).find("waiting") == std::string::npos;
}

}  // namespace

TEST_CASE("what was shared while the host was away opens exactly that when it is back") {
  StartVips("test_line");
  Line line;
  line.Start(Part::kHost);
  line.EnrolDevice();
  CHECK(line.Stop(Part::kHost) == 0);
  line.Start(Part::kStudio);
  const std::vector<fs::path> files = EightOrientations(line.folder() / "own");
  const auto name = [&](size_t i) { return files[i].filename().string(); };
  Bring(line, "3b", {files[0], files[1], files[2]});
  Bring(line, "3c", {files[3], files[4]});
  Bring(line, "party", {files[5], files[6]});
  REQUIRE(WaitUntil([&] { return line.StudioStatus().rendered() == 7; }, seconds(120)));

  // Number 17 is one child in 3b and another one in 3c.
  const fs::path roster = line.folder() / "roster.csv";
  std::ofstream(roster) << "\xEF\xBB\xBF"
                        << "File;Number;Name\r\n"
                        << name(0) << ";17;Ada\r\n"
                        << name(1) << ";17;Ada\r\n"
                        << name(2) << ";18;\"Ben\"\r\n"
                        << name(3) << ";17;Cy\r\n";
  const std::string imported =
      Studio(line, {"roster", roster, "--map", "Number=subject", "--map", "Name=fields.name"});
  CHECK(imported.find("4 of 4 rows match 4 photos; changed 4 photos") != std::string::npos);
  const fs::path list = line.folder() / "3b.csv";
  Studio(line, {"share", "3b", "--each-subject", "--name-field", "fields.name", "--csv", list});
  const fs::path party = line.folder() / "party.csv";
  Studio(line, {"share", "party", "--name", "Party", "--csv", party});
  std::map<std::string, std::string> identifiers = IdentifiersIn(list);
  identifiers.merge(IdentifiersIn(party));
  REQUIRE(identifiers.size() == 3);
  line.Kill(Part::kStudio);
  line.Start(Part::kStudio);

  line.Start(Part::kHost);
  line.WaitForPhotos(7);
  REQUIRE(WaitUntil([&] { return AllAtHost(line); }, seconds(60)));
  std::string ada;
  std::string ben;
  std::string guests;
  REQUIRE(SignIn(line, identifiers.at("Ada"), ada).ok());
  REQUIRE(SignIn(line, identifiers.at("Ben"), ben).ok());
  REQUIRE(SignIn(line, identifiers.at("Party"), guests).ok());
  CHECK(Seen(line, ada) == std::set<std::string>{name(0), name(1)});
  CHECK(Seen(line, ben) == std::set<std::string>{name(2)});
  CHECK(Seen(line, guests) == std::set<std::string>{name(5), name(6)});
  const v1::Photo foreign = VisiblePhotos(line, ben).begin()->second;
  {
    grpc::ClientContext context;
    rpc::WithDeadline(context, seconds(30));
    v1::GetRenditionRequest request;
    request.set_photo(foreign.name());
    request.set_kind(v1::RENDITION_KIND_THUMBNAIL);
    v1::GetRenditionResponse response;
    CHECK(line.Storefront(ada)->GetRendition(&context, request, &response).error_code() ==
          grpc::StatusCode::NOT_FOUND);
  }

  // A photo that becomes Ada's later opens to her, and only its record is sent for that.
  Bring(line, "3b", {files[7]});
  const int64_t sent = line.WaitForPhotos(8).sent_bytes();
  Studio(line, {"set", (line.watched() / "3b" / name(7)).string(), "--subject", "17"});
  REQUIRE(WaitUntil([&] { return Seen(line, ada).size() == 3; }, seconds(60)));
  CHECK(Seen(line, ada).count(name(7)) == 1);
  CHECK(line.WaitForPhotos(8).sent_bytes() - sent < 2'000);

  // Shared again, everybody keeps the identifier; revoked, it opens nothing.
  Studio(line, {"share", "3b", "--each-subject", "--csv", list});
  CHECK(IdentifiersIn(list).at("Ada") == identifiers.at("Ada"));
  Studio(line, {"revoke", identifiers.at("Ada")});
  REQUIRE(WaitUntil([&] { return AllAtHost(line); }, seconds(60)));
  std::string again;
  CHECK(SignIn(line, identifiers.at("Ada"), again).error_code() ==
        grpc::StatusCode::UNAUTHENTICATED);
  CHECK(SignIn(line, identifiers.at("Ben"), again).ok());
}

TEST_CASE("a studio daemon that dies after a share or a change has made it, once") {
  StartVips("test_line");
  Line line;
  line.Start(Part::kHost);
  line.EnrolDevice();
  CHECK(line.Stop(Part::kHost) == 0);
  const auto start_to_die_at = [&](const std::string& point) {
    line.SetEnvironment(Part::kStudio, {"PROOFLINE_KILL_POINT=" + point});
    line.Start(Part::kStudio);
    line.SetEnvironment(Part::kStudio, {});
  };
  const auto restart = [&] {
    CHECK(line.WaitForEnd(Part::kStudio, seconds(60)) == 128 + SIGKILL);
    line.Start(Part::kStudio);
  };

  v1::ShareWithCustomerRequest share;
  share.mutable_customer()->mutable_share()->add_galleries("studios/demo/galleries/later");
  share.set_request_id("once");
  const auto ask = [&](v1::Customer& customer) {
    grpc::ClientContext context;
    rpc::WithDeadline(context, seconds(30));
    return line.Studio()->ShareWithCustomer(&context, share, &customer);
  };
  v1::Customer customer;
  start_to_die_at("studio.customers.changed");
  CHECK_FALSE(ask(customer).ok());
  restart();
  REQUIRE(ask(customer).ok());
  {
    grpc::ClientContext context;
    rpc::WithDeadline(context, seconds(30));
    v1::ListLocalCustomersResponse list;
    REQUIRE(line.Studio()->ListLocalCustomers(&context, {}, &list).ok());
    REQUIRE(list.customers_size() == 1);
    CHECK(list.customers(0).identifier() == customer.identifier());
  }

  const fs::path file = EightOrientations(line.folder() / "own").front();
  Bring(line, "day", {file});
  REQUIRE(WaitUntil([&] { return line.StudioStatus().rendered() == 1; }, seconds(120)));
  CHECK(line.Stop(Part::kStudio) == 0);
  v1::BatchUpdateLocalPhotosRequest batch;
  batch.add_names((line.watched() / "day" / file.filename()).string());
  batch.mutable_values()->mutable_metadata()->set_event("Fair");
  batch.mutable_update_mask()->add_paths("metadata.event");
  const auto change = [&](v1::BatchUpdateLocalPhotosResponse& response) {
    grpc::ClientContext context;
    rpc::WithDeadline(context, seconds(30));
    return line.Studio()->BatchUpdateLocalPhotos(&context, batch, &response);
  };
  v1::BatchUpdateLocalPhotosResponse changed;
  start_to_die_at("studio.catalog.group_updated");
  CHECK_FALSE(change(changed).ok());
  restart();
  REQUIRE(change(changed).ok());
  CHECK(changed.photos() == 1);
  CHECK(changed.changed() == 0);
}

}  // namespace proofline::test
