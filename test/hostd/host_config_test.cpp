#include "hostd/host_config.h"

#include <sstream>

#include "test/catch.h"

namespace proofline::host {
namespace {

absl::StatusOr<HostConfig> Parse(const std::string& text) {
  return ParseHostConfig(text, "/etc/proofline/host.toml");
}

bool Says(const absl::StatusOr<HostConfig>& config, const std::string& words) {
  const std::string sentence(config.status().message().data(), config.status().message().size());
  INFO(sentence);
  return !config.ok() && sentence.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("A small host config has sensible defaults") {
  const auto config = Parse("state = \"data\"\ninsecure = true\n");
  REQUIRE(config.ok());
  CHECK(config->state == "/etc/proofline/data");
  CHECK(config->sync_address == "127.0.0.1:7410");
  CHECK(config->storefront_address == "127.0.0.1:7420");
  CHECK(config->store_cache == std::uint64_t{256} << 20);
  CHECK(config->session_lifetime == std::chrono::hours(12));
  CHECK(config->metrics_address.empty());
}

TEST_CASE("A host config that cannot be right says so with file and line") {
  CHECK(Says(Parse("insecure = true\n"), "state"));
  CHECK(Says(Parse("state = \"d\"\n"), "insecure = true"));
  CHECK(Says(Parse("state = \"d\"\ninsecure = true\n[sync]\naddres = \"x\"\n"), "sync.address"));
  CHECK(Says(Parse("state = \"d\"\ninsecure = true\n[sync]\naddress = \"x\"\n"), "line 4"));
  CHECK(Says(Parse("state = \"d\"\ninsecure = true\n[sync]\naddress = \"0.0.0.0:1\"\n"),
             "plain text"));
  CHECK(Says(Parse("state = \"d\"\n[tls]\ncert_file = \"c.pem\"\n"), "tls.key_file"));
}

TEST_CASE("The sample host config is a config") {
  const std::string sample = base::SampleConfig(HostConfigTable());
  CHECK(sample.find("storefront") != std::string::npos);
  // What a person fills in; the sample's own line of a key gives way to it.
  std::string filled = "state = \"data\"\ninsecure = true\n";
  std::istringstream lines(sample);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("insecure") && !line.starts_with("state")) filled.append(line + '\n');
  }
  CHECK(Parse(filled).ok());
}

}  // namespace proofline::host
