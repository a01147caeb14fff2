#include "hostd/sign_in_limits.h"

#include "lib/rpc/status.h"
#include "test/catch.h"

namespace proofline::host {
namespace {

using std::chrono::seconds;

SignInLimits::Options Few() {
  SignInLimits::Options options;
  options.tries_per_address = 3;
  options.per_address_per_second = 0.5;
  options.tries_overall = 5;
  options.overall_per_second = 1;
  options.max_addresses = 4;
  return options;
}

}  // namespace

TEST_CASE("An address that guesses is stopped and told how long to wait") {
  base::FakeClock clock;
  SignInLimits limits(clock, Few());
  for (int i = 0; i < 3; ++i) CHECK(limits.Take("a").ok());
  const absl::Status refused = limits.Take("a");
  CHECK(absl::IsResourceExhausted(refused));
  CHECK(rpc::ReasonOf(refused) == "TOO_MANY_TRIES");
  CHECK(rpc::DetailOf(refused, "retry_after_seconds") == "2");
  // Others are not stopped with it.
  CHECK(limits.Take("b").ok());
  clock.Advance(seconds(2));
  CHECK(limits.Take("a").ok());
  CHECK_FALSE(limits.Take("a").ok());
}

TEST_CASE("Many addresses together are stopped too") {
  base::FakeClock clock;
  SignInLimits limits(clock, Few());
  int taken = 0;
  for (const char* address : {"a", "b", "c", "d", "e", "f", "g"}) {
    if (limits.Take(address).ok()) ++taken;
  }
  CHECK(taken == 5);
  clock.Advance(seconds(1));
  CHECK(limits.Take("x").ok());
  CHECK_FALSE(limits.Take("y").ok());
}

TEST_CASE("Who signs in is not counted") {
  base::FakeClock clock;
  SignInLimits limits(clock, Few());
  for (int i = 0; i < 100; ++i) {
    REQUIRE(limits.Take("a").ok());
    limits.GiveBack("a");
  }
}

TEST_CASE("The address of a peer leaves out what one caller can change at will") {
  CHECK(AddressOfPeer("ipv4:10.1.2.3:5000") == "ipv4:10.1.2.3");
  CHECK(AddressOfPeer("unix:/run/x") == "unix:/run/x");
  CHECK(AddressOfPeer("ipv6:[2001:db8:1:2:3:4:5:6]:99") ==
        AddressOfPeer("ipv6:[2001:db8:1:2:a:b:c:d]:77"));
  CHECK(AddressOfPeer("ipv6:[2001:db8:1:2:3:4:5:6]:99") !=
        AddressOfPeer("ipv6:[2001:db8:1:9:3:4:5:6]:99"));
  CHECK(AddressOfPeer("ipv6:[::1]:99") == AddressOfPeer("ipv6:[::1]:98"));
  // Shortened, in gRPC's other spelling, and where zeros are not where they mostly are.
  CHECK(AddressOfPeer("ipv6:[2001:db8::1]:99") == AddressOfPeer("ipv6:[2001:db8::a:b:c:d]:98"));
  CHECK(AddressOfPeer("ipv6:%5B2001:db8::1%5D:99") == AddressOfPeer("ipv6:[2001:db8::2]:98"));
  CHECK(AddressOfPeer("ipv6:[2001:db8:1:2::]:99") == AddressOfPeer("ipv6:[2001:db8:1:2::7]:99"));
  CHECK(AddressOfPeer("ipv6:[2001:db8:0:1::1]:99") != AddressOfPeer("ipv6:[2001:db8:0:2::1]:99"));
  // All of the old internet is not one caller.
  CHECK(AddressOfPeer("ipv6:[::ffff:10.1.2.3]:99") != AddressOfPeer("ipv6:[::ffff:10.1.2.4]:99"));
}

}  // namespace proofline::host
