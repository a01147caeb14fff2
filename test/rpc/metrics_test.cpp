#include "lib/rpc/metrics.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "lib/base/unique_fd.h"
#include "lib/rpc/address.h"
#include "test/catch.h"

namespace proofline::rpc {
namespace {

std::string Get(const std::string& address, const std::string& path) {
  const auto parsed = ParseAddress(address);
  REQUIRE(parsed.ok());
  const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<std::uint16_t>(parsed->port));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0);
  const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
  REQUIRE(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::recv(fd.get(), buffer, sizeof(buffer), 0)) > 0;) {
    answer.append(buffer, static_cast<std::size_t>(got));
  }
  return answer;
}

}  // namespace

TEST_CASE("metrics are read over HTTP, on a port that was free") {
  Metrics metrics;
  Counter& photos = metrics.AddCounter("proofline_photos_total", "Photos.", {{"state", "sent"}});
  metrics.AddGauge("proofline_queue_items", "Waiting.").Set(3);
  metrics.AddHistogram("proofline_commit_seconds", "Commits.").Observe(0.02);
  photos.Increment();
  metrics.AddCounter("proofline_photos_total", "Photos.", {{"state", "sent"}}).Increment();
  const auto address = metrics.Expose("127.0.0.1:0");
  INFO(address.status().ToString());
  REQUIRE(address.ok());
  CHECK(ParseAddress(*address)->port > 0);
  const std::string page = Get(*address, "/metrics");
  CHECK(page.find("proofline_photos_total{state=\"sent\"} 2") != std::string::npos);
  CHECK(page.find("proofline_queue_items 3") != std::string::npos);
  CHECK(page.find("proofline_commit_seconds_bucket{le=\"0.025\"} 1") != std::string::npos);
}

TEST_CASE("a metrics port in use is a sentence") {
  Metrics first;
  const auto address = first.Expose("localhost:0");
  REQUIRE(address.ok());
  Metrics second;
  const auto refused = second.Expose(*address, "host.toml line 3");
  REQUIRE(absl::IsFailedPrecondition(refused.status()));
  CHECK(refused.status().message() == "cannot listen on " + *address +
                                          ": the port is in use by another program; choose "
                                          "another address in host.toml line 3");
  CHECK(absl::IsInvalidArgument(Metrics().Expose("unix:/tmp/x").status()));
  CHECK(absl::IsInvalidArgument(Metrics().Expose("nonsense").status()));
}

}  // namespace proofline::rpc
