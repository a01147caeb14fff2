#include "lib/rpc/address.h"

#include <string>

#include "test/catch.h"

namespace proofline::rpc {

TEST_CASE("addresses are read and written in the same form") {
  for (const std::string text : {"127.0.0.1:4312", "photos.example:443", "[::1]:0",
                                 "unix:/run/proofline/control.sock", "localhost:65535"}) {
    INFO(text);
    const auto address = ParseAddress(text);
    REQUIRE(address.ok());
    CHECK(address->ToString() == text);
  }
  CHECK(ParseAddress("unix:///run/a.sock")->path == "/run/a.sock");
}

TEST_CASE("what is no address is refused with the forms there are") {
  for (const std::string text :
       {"", "host", "host:", ":80", "host:65536", "host:-1", "host:+1", "host:8x", "[::1]", "[]:1",
        "::1:80", "unix:", "a b:1", "http://host:1", "host:99999999999999"}) {
    INFO(text);
    const auto address = ParseAddress(text);
    CHECK(absl::IsInvalidArgument(address.status()));
    CHECK(std::string(address.status().message()).find("host:port") != std::string::npos);
  }
}

TEST_CASE("a unix path that the system cannot hold is refused with its length") {
  const auto address = ParseAddress("unix:/" + std::string(107, 'a'));
  REQUIRE(absl::IsInvalidArgument(address.status()));
  CHECK(std::string(address.status().message()).find("108 characters") != std::string::npos);
  CHECK(ParseAddress("unix:/" + std::string(106, 'a')).ok());
}

TEST_CASE("only this machine's own addresses are local") {
  for (const std::string text :
       {"localhost:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "unix:a"}) {
    INFO(text);
    CHECK(ParseAddress(text)->IsLocal());
  }
  for (const std::string text : {"0.0.0.0:1", "[::]:1", "192.168.1.2:1", "127.evil.example:1",
                                 "localhost.example:1", "example:1"}) {
    INFO(text);
    CHECK_FALSE(ParseAddress(text)->IsLocal());
  }
}

}  // namespace proofline::rpc
