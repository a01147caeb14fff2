// How often somebody may try to sign in.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/base/clock.h"

namespace proofline::host {

// Two token buckets for each try: one of the address it comes from, one of all together. A try that
// succeeds is given back, so people are not counted, only guesses. Thread-safe, never blocks.
class SignInLimits {
 public:
  struct Options {
    double tries_per_address = 20;
    double per_address_per_second = 0.2;
    double tries_overall = 500;
    double overall_per_second = 50;
    // Addresses remembered; beyond it those that tried longest ago are forgotten.
    std::size_t max_addresses = 10'000;
  };

  explicit SignInLimits(const base::Clock& clock) : SignInLimits(clock, Options()) {}
  SignInLimits(const base::Clock& clock, const Options& options);

  // Counts a try. ResourceExhausted (reason TOO_MANY_TRIES, detail retry_after_seconds) when there
  // have been too many.
  absl::Status Take(const std::string& address);
  void GiveBack(const std::string& address);

 private:
  struct Bucket {
    double tries = 0;
    base::SteadyTime filled;
  };

  void Refill(Bucket& bucket, double most, double per_second) const;

  const base::Clock& clock_;
  const Options options_;
  std::mutex mutex_;
  Bucket overall_;
  std::map<std::string, Bucket> addresses_;
};

// The address of a gRPC peer without its port: "ipv4:10.1.2.3:5000" is "ipv4:10.1.2.3". Addresses
// of IPv6 count by their /64, which is what one customer has.
std::string AddressOfPeer(std::string_view peer);

}  // namespace proofline::host
