#include "hostd/access.h"

#include "lib/rpc/status.h"
#include "test/catch.h"
#include "test/hostd/photo_samples.h"
#include "test/temp_dir.h"

namespace proofline::host {
namespace {

namespace pb = proofline::v1;
using std::chrono::hours;
using std::chrono::minutes;

constexpr std::uint64_t kCache = std::uint64_t{8} << 20;

// A host's access over a real store, with a clock in hand.
struct Door {
  Door() { Open(); }

  void Open() {
    access.reset();
    store.reset();
    auto opened = Store::Open(dir / "store", kCache, clock);
    REQUIRE(opened.ok());
    store = *std::move(opened);
    access =
        std::make_unique<Access>(*store, clock, IdentifierHasher(std::string(32, 'k')), hours(12));
  }

  pb::Customer AddCustomer(const std::string& id, const std::string& identifier = "") {
    pb::Customer customer;
    customer.set_name("studios/north/customers/" + id);
    customer.set_identifier(identifier);
    const auto made = access->CreateCustomer(customer);
    REQUIRE(made.ok());
    return *made;
  }

  proofline::test::TempDir dir;
  base::FakeClock clock;
  std::unique_ptr<Store> store;
  std::unique_ptr<Access> access;
};

}  // namespace

TEST_CASE("A customer signs in with what it was given, and its session survives a restart") {
  Door door;
  test::FillStudio(*door.store, "north");
  const pb::Customer customer = door.AddCustomer("anna");
  CHECK(customer.identifier().size() == 19);
  auto session = door.access->SignIn(customer.identifier(), "a");
  REQUIRE(session.ok());
  CHECK(session->customer.name() == customer.name());
  CHECK(session->customer.identifier().empty());
  door.Open();
  const auto caller = door.access->CheckSession(session->token);
  REQUIRE(caller.ok());
  CHECK(caller->studio == "north");
  CHECK(caller->customer == "anna");
  CHECK(caller->record.has_last_sign_in_time());

  REQUIRE(door.access->SignOut(*caller).ok());
  CHECK(rpc::ReasonOf(door.access->CheckSession(session->token).status()) == "SESSION_ENDED");
}

TEST_CASE("Every miss has the same answer") {
  Door door;
  test::FillStudio(*door.store, "north");
  const pb::Customer revoked = door.AddCustomer("revoked");
  const pb::Customer expired = door.AddCustomer("expired");
  REQUIRE(door.store
              ->UpdateCustomer("north", "revoked",
                               [](pb::Customer& at) {
                                 at.set_revoked(true);
                                 return absl::OkStatus();
                               })
              .ok());
  REQUIRE(door.store
              ->UpdateCustomer("north", "expired",
                               [](pb::Customer& at) {
                                 at.mutable_expire_time()->set_seconds(1);
                                 return absl::OkStatus();
                               })
              .ok());
  const absl::Status unknown = door.access->SignIn("AAAA-BBBB-CCCC-DDDD", "a").status();
  CHECK(absl::IsUnauthenticated(unknown));
  CHECK(rpc::ReasonOf(unknown) == "SIGN_IN_FAILED");
  for (const std::string& identifier :
       {revoked.identifier(), expired.identifier(), std::string(), std::string("\xFF\xFE"),
        std::string(5'000, 'A'), std::string("studios/north/customers/revoked")}) {
    CHECK(door.access->SignIn(identifier, "b").status() == unknown);
  }
}

TEST_CASE("A session ends in time, with its identifier, and by revocation at once") {
  Door door;
  test::FillStudio(*door.store, "north");
  const pb::Customer anna = door.AddCustomer("anna");
  auto session = door.access->SignIn(anna.identifier(), "a");
  REQUIRE(session.ok());
  door.clock.Advance(hours(11));
  CHECK(door.access->CheckSession(session->token).ok());
  door.clock.Advance(hours(1));
  CHECK(rpc::ReasonOf(door.access->CheckSession(session->token).status()) == "SESSION_ENDED");

  session = door.access->SignIn(anna.identifier(), "a");
  REQUIRE(session.ok());
  const auto now = door.access->Now();
  REQUIRE(door.store
              ->UpdateCustomer("north", "anna",
                               [&](pb::Customer& at) {
                                 at.mutable_expire_time()->set_seconds(now.seconds() + 60);
                                 return absl::OkStatus();
                               })
              .ok());
  CHECK(door.access->CheckSession(session->token).ok());
  const auto shorter = door.access->SignIn(anna.identifier(), "a");
  REQUIRE(shorter.ok());
  CHECK(shorter->expire_time.seconds() == now.seconds() + 60);
  door.clock.Advance(minutes(1));
  CHECK_FALSE(door.access->CheckSession(session->token).ok());

  const pb::Customer ben = door.AddCustomer("ben");
  session = door.access->SignIn(ben.identifier(), "a");
  REQUIRE(session.ok());
  REQUIRE(door.store
              ->UpdateCustomer("north", "ben",
                               [](pb::Customer& at) {
                                 at.set_revoked(true);
                                 return absl::OkStatus();
                               })
              .ok());
  CHECK(rpc::ReasonOf(door.access->CheckSession(session->token).status()) == "SESSION_ENDED");
}

TEST_CASE("Tokens that nobody was given open nothing") {
  Door door;
  test::FillStudio(*door.store, "north");
  const pb::Customer anna = door.AddCustomer("anna");
  const auto session = door.access->SignIn(anna.identifier(), "a");
  REQUIRE(session.ok());
  std::string other = session->token;
  other.back() = other.back() == 'A' ? 'B' : 'A';
  for (const std::string& token :
       {std::string(), std::string("x"), other, std::string("south") + session->token.substr(5),
        std::string("north."), session->token + ".x", std::string("../north.secret")}) {
    CHECK(rpc::ReasonOf(door.access->CheckSession(token).status()) == "SESSION_ENDED");
  }
}

TEST_CASE("An identifier given by the studio is checked, unique and forgiving") {
  Door door;
  test::FillStudio(*door.store, "north");
  test::FillStudio(*door.store, "south");
  CHECK(door.AddCustomer("anna", "Smith-2031").identifier() == "Smith-2031");
  CHECK(door.access->SignIn("sm1th 2o31", "a").ok());
  pb::Customer other;
  other.set_name("studios/south/customers/eve");
  other.set_identifier("SMITH2031");
  CHECK(rpc::ReasonOf(door.access->CreateCustomer(other).status()) == "IDENTIFIER_IN_USE");
  // Not stored either.
  CHECK(absl::IsNotFound(door.store->GetCustomer("south", "eve").status()));
  other.set_identifier("short");
  CHECK(rpc::ReasonOf(door.access->CreateCustomer(other).status()) == "IDENTIFIER_INVALID");
  other.set_name("studios/nowhere/customers/eve");
  other.set_identifier("");
  CHECK(rpc::ReasonOf(door.access->CreateCustomer(other).status()) == "STUDIO_NOT_FOUND");
  other.set_name("studios/north/customers/anna");
  CHECK(rpc::ReasonOf(door.access->CreateCustomer(other).status()) == "CUSTOMER_EXISTS");
}

TEST_CASE("An identifier claimed for a customer that was never stored is free again later") {
  Door door;
  test::FillStudio(*door.store, "north");
  const std::string hash = *door.access->HashIdentifier("ABCD-1234");
  REQUIRE(door.store->ClaimIdentifier("north", "ghost", hash).ok());
  CHECK(absl::IsAlreadyExists(door.store->ClaimIdentifier("north", "anna", hash).status()));
  CHECK_FALSE(door.access->SignIn("ABCD-1234", "a").ok());
  door.clock.Advance(minutes(2));
  door.AddCustomer("anna", "ABCD-1234");
  const auto session = door.access->SignIn("ABCD-1234", "a");
  REQUIRE(session.ok());
  CHECK(session->customer.name() == "studios/north/customers/anna");
}

TEST_CASE("An identifier stays its customer's however long storing the customer takes") {
  Door door;
  test::FillStudio(*door.store, "north");
  test::FillStudio(*door.store, "south");
  const std::string hash = *door.access->HashIdentifier("ABCD-1234");
  pb::Customer eve;
  eve.set_name("studios/south/customers/eve");
  eve.set_identifier("ABCD-1234");
  PublishedChange tom;
  tom.sequence = 1;
  tom.kind = PublishedChange::Kind::kCustomer;
  tom.customer.set_name("studios/north/customers/tom");
  tom.identifier_hash = hash;
  {
    auto claim = door.store->ClaimIdentifier("north", "tom", hash);
    REQUIRE(claim.ok());
    // The disk is full of other things for a while.
    door.clock.Advance(minutes(10));
    CHECK(rpc::ReasonOf(door.access->CreateCustomer(eve).status()) == "IDENTIFIER_IN_USE");
    CHECK(door.store->ClaimIdentifier("north", "tom", hash).ok());
    tom.identifier_claim = *std::move(claim);
  }
  SECTION("it is stored at last") {
    const auto outcome = test::PublishNow(*door.store, "north", "one", "cat", {std::move(tom)});
    REQUIRE(outcome.ok());
    CHECK(outcome->refusals.empty());
    door.clock.Advance(minutes(10));
    CHECK(rpc::ReasonOf(door.access->CreateCustomer(eve).status()) == "IDENTIFIER_IN_USE");
    CHECK(door.access->SignIn("ABCD-1234", "a")->customer.name() == "studios/north/customers/tom");
  }
  SECTION("it is given up: the other one has it, and who comes too late is refused") {
    tom.identifier_claim = nullptr;
    REQUIRE(door.access->CreateCustomer(eve).ok());
    const auto outcome = test::PublishNow(*door.store, "north", "one", "cat", {std::move(tom)});
    REQUIRE(outcome.ok());
    REQUIRE(outcome->refusals.size() == 1);
    CHECK(outcome->refusals[0].reason() == "IDENTIFIER_IN_USE");
    CHECK(absl::IsNotFound(door.store->GetCustomer("north", "tom").status()));
    CHECK(door.access->SignIn("ABCD-1234", "a")->customer.name() == eve.name());
  }
}

TEST_CASE("Guessing is slowed down") {
  Door door;
  test::FillStudio(*door.store, "north");
  absl::Status last;
  for (int i = 0; i < 30 && !absl::IsResourceExhausted(last); ++i) {
    last = door.access->SignIn("AAAA-BBBB-CCCC-DDDD", "a").status();
  }
  CHECK(rpc::ReasonOf(last) == "TOO_MANY_TRIES");
  const pb::Customer anna = door.AddCustomer("anna");
  CHECK(door.access->SignIn(anna.identifier(), "b").ok());
  CHECK(absl::IsResourceExhausted(door.access->SignIn(anna.identifier(), "a").status()));
}

TEST_CASE("A device is known by its key until it is revoked") {
  Door door;
  test::FillStudio(*door.store, "north");
  pb::Device device;
  device.set_name("studios/north/devices/desk");
  const auto key = door.access->CreateDevice(device);
  REQUIRE(key.ok());
  CHECK(key->substr(0, 11) == "north.desk.");
  const auto caller = door.access->CheckDevice(*key);
  REQUIRE(caller.ok());
  CHECK(caller->studio == "north");
  CHECK(caller->device == "desk");
  for (const std::string& wrong : {std::string(), std::string("north.desk.x"), *key + "x",
                                   "north.one" + key->substr(10), "south.desk" + key->substr(10)}) {
    CHECK(rpc::ReasonOf(door.access->CheckDevice(wrong).status()) == "CREDENTIAL_UNKNOWN");
  }
  REQUIRE(door.store->RevokeDevice("north", "desk").ok());
  const absl::Status revoked = door.access->CheckDevice(*key).status();
  CHECK(absl::IsPermissionDenied(revoked));
  CHECK(rpc::ReasonOf(revoked) == "DEVICE_REVOKED");
}

TEST_CASE("A device's last call is noted at most once a minute") {
  Door door;
  test::FillStudio(*door.store, "north");
  CHECK_FALSE(door.store->GetDevice("north", "one")->has_last_seen_time());
  door.store->TouchDevice("north", "one");
  // Anything that waits for the studio's next change comes after it.
  REQUIRE(door.store->OpenCatalog("north", "two", "c").ok());
  const auto first = door.store->GetDevice("north", "one")->last_seen_time().seconds();
  CHECK(first == door.access->Now().seconds());
  door.clock.Advance(std::chrono::seconds(59));
  door.store->TouchDevice("north", "one");
  REQUIRE(door.store->OpenCatalog("north", "two", "d").ok());
  CHECK(door.store->GetDevice("north", "one")->last_seen_time().seconds() == first);
  door.clock.Advance(std::chrono::seconds(1));
  door.store->TouchDevice("north", "one");
  REQUIRE(door.store->OpenCatalog("north", "two", "e").ok());
  CHECK(door.store->GetDevice("north", "one")->last_seen_time().seconds() == first + 60);
}

}  // namespace proofline::host
