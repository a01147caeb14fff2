#include "lib/rpc/serving_config.h"

#include "test/catch.h"

namespace proofline::rpc {
namespace {

absl::StatusOr<ServingConfig> Read(const std::string& text) {
  base::ConfigTable table{.rows = ServingRows()};
  table.rows.push_back({"door.address", base::ConfigType::kString, "127.0.0.1:1", "", "The door."});
  const auto config = base::ParseConfig(text, "/etc/x.toml", table);
  REQUIRE(config.ok());
  return ReadServing(*config, {"door.address"});
}

bool Says(const absl::StatusOr<ServingConfig>& read, std::string_view words) {
  INFO(std::string(read.status().message()));
  return absl::IsInvalidArgument(read.status()) &&
         std::string_view(read.status().message().data(), read.status().message().size())
                 .find(words) != std::string_view::npos;
}

TEST_CASE("without a certificate a daemon serves nothing unless it is told to") {
  CHECK(Says(Read(""), "there is no certificate"));
  const auto plain = Read("insecure = true\n");
  REQUIRE(plain.ok());
  CHECK_FALSE(plain->has_tls());
  CHECK_FALSE(ServingOptions(*plain, "127.0.0.1:1", "door.address").tls.has_value());
}

TEST_CASE("plain text stays on the machine") {
  CHECK(Says(Read("insecure = true\n[door]\naddress = \"0.0.0.0:1\"\n"),
             "plain text is for this machine alone"));
  CHECK(Read("insecure = true\n[door]\naddress = \"[::1]:1\"\n").ok());
  const auto tls = Read(
      "[door]\naddress = \"0.0.0.0:1\"\n[tls]\ncert_file = \"/c.pem\"\nkey_file = \"/k.pem\"\n");
  REQUIRE(tls.ok());
  CHECK(ServingOptions(*tls, "0.0.0.0:1", "door.address").tls->cert_file == "/c.pem");
}

TEST_CASE("half a certificate and what is no address are refused by their keys") {
  CHECK(Says(Read("[tls]\ncert_file = \"/c.pem\"\n"), "a certificate needs its key"));
  CHECK(Says(Read("[tls]\nkey_file = \"/k.pem\"\n"), "a certificate needs its key"));
  CHECK(Says(Read("insecure = true\n[door]\naddress = \"nonsense\"\n"), "line 3"));
}

}  // namespace
}  // namespace proofline::rpc
