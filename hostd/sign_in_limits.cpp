#include "hostd/sign_in_limits.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::host {
namespace {

absl::Status TooMany(double missing, double per_second) {
  const auto seconds = static_cast<long>(std::ceil(std::max(missing / per_second, 1.0)));
  return rpc::Error(absl::StatusCode::kResourceExhausted,
                    base::Concat("too many tries to sign in; wait ", seconds,
                                 seconds == 1 ? " second" : " seconds", " and try again"),
                    "TOO_MANY_TRIES", {{"retry_after_seconds", base::Concat(seconds)}});
}

}  // namespace

SignInLimits::SignInLimits(const base::Clock& clock, const Options& options)
    : clock_(clock), options_(options), overall_{options.tries_overall, clock.Now()} {}

void SignInLimits::Refill(Bucket& bucket, double most, double per_second) const {
  const base::SteadyTime now = clock_.Now();
  const double passed = std::chrono::duration<double>(now - bucket.filled).count();
  bucket.tries = std::min(most, bucket.tries + passed * per_second);
  bucket.filled = now;
}

absl::Status SignInLimits::Take(const std::string& address) {
  const std::lock_guard lock(mutex_);
  Refill(overall_, options_.tries_overall, options_.overall_per_second);
  if (addresses_.size() >= options_.max_addresses && !addresses_.contains(address)) {
    addresses_.erase(std::min_element(
        addresses_.begin(), addresses_.end(),
        [](const auto& a, const auto& b) { return a.second.filled < b.second.filled; }));
  }
  const auto [at, is_new] =
      addresses_.try_emplace(address, Bucket{options_.tries_per_address, clock_.Now()});
  Bucket& own = at->second;
  if (!is_new) Refill(own, options_.tries_per_address, options_.per_address_per_second);
  if (own.tries < 1) return TooMany(1 - own.tries, options_.per_address_per_second);
  if (overall_.tries < 1) return TooMany(1 - overall_.tries, options_.overall_per_second);
  own.tries -= 1;
  overall_.tries -= 1;
  return absl::OkStatus();
}

void SignInLimits::GiveBack(const std::string& address) {
  const std::lock_guard lock(mutex_);
  overall_.tries = std::min(options_.tries_overall, overall_.tries + 1);
  const auto at = addresses_.find(address);
  if (at == addresses_.end()) return;
  at->second.tries = std::min(options_.tries_per_address, at->second.tries + 1);
}

std::string AddressOfPeer(std::string_view peer) {
  if (peer.starts_with("ipv4:")) return std::string(peer.substr(0, peer.rfind(':')));
  if (!peer.starts_with("ipv6:")) return std::string(peer);
  // "ipv6:[2001:db8::7]:5000", with the brackets as %5B and %5D by some versions.
  std::string_view host = peer.substr(5, peer.rfind(':') - 5);
  for (const std::string_view opening : {"[", "%5B"}) {
    if (host.starts_with(opening)) host.remove_prefix(opening.size());
  }
  for (const std::string_view end : {"]", "%5D", "%"}) host = host.substr(0, host.find(end));
  struct in6_addr address {};
  if (::inet_pton(AF_INET6, std::string(host).c_str(), &address) != 1) return std::string(peer);
  if (IN6_IS_ADDR_V4MAPPED(&address) || IN6_IS_ADDR_LOOPBACK(&address)) {
    return base::Concat("ipv6:", host);
  }
  std::fill_n(address.s6_addr + 8, 8, std::uint8_t{0});
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, &address, text.data(), text.size());
  return base::Concat("ipv6:", std::string_view(text.data()), "/64");
}

}  // namespace proofline::host
