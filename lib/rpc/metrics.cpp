#include "lib/rpc/metrics.h"

#include <prometheus/exposer.h>
#include <prometheus/family.h>
#include <prometheus/registry.h>

#include <exception>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "lib/rpc/address.h"

namespace proofline::rpc {
namespace {

// Calls into the library, which throws std::invalid_argument for names it does not take.
template <typename Make>
auto& Checked(const std::string& name, const Make& make) {
  try {
    return make();
  } catch (const std::exception& error) {
    base::CheckFailed("metric", base::Concat("the metric ", name, " cannot be: ", error.what()),
                      __FILE__, __LINE__);
  }
}

}  // namespace

Metrics::Metrics()
    : registry_(
          std::make_shared<prometheus::Registry>(prometheus::Registry::InsertBehavior::Merge)) {}

Metrics::~Metrics() = default;

Counter& Metrics::AddCounter(const std::string& name, const std::string& help,
                             const Labels& labels) {
  return Checked(name, [&]() -> Counter& {
    return prometheus::BuildCounter().Name(name).Help(help).Register(*registry_).Add(labels);
  });
}

Gauge& Metrics::AddGauge(const std::string& name, const std::string& help, const Labels& labels) {
  return Checked(name, [&]() -> Gauge& {
    return prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add(labels);
  });
}

Histogram& Metrics::AddHistogram(const std::string& name, const std::string& help,
                                 const Labels& labels, std::vector<double> buckets) {
  if (buckets.empty()) {
    buckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
  }
  return Checked(name, [&]() -> Histogram& {
    return prometheus::BuildHistogram()
        .Name(name)
        .Help(help)
        .Register(*registry_)
        .Add(labels, buckets);
  });
}

absl::StatusOr<std::string> Metrics::Expose(const std::string& address, const std::string& where) {
  PROOFLINE_CHECK(exposer_ == nullptr, "metrics are exposed once");
  absl::StatusOr<Address> parsed = ParseAddress(address);
  if (!parsed.ok()) return parsed.status();
  if (parsed->is_unix) {
    return absl::InvalidArgumentError(
        base::Concat("metrics cannot be served on ", address, "; give host:port in ", where));
  }
  // The HTTP server resolves names to one family only; people mean the IPv4 one.
  Address listen = *parsed;
  if (listen.host == "localhost") listen.host = "127.0.0.1";
  try {
    exposer_ = std::make_unique<prometheus::Exposer>(listen.ToString(), 2);
  } catch (const std::exception& error) {
    absl::Status reason = ProbeListen(*parsed, where);
    if (!reason.ok()) return reason;
    return absl::FailedPreconditionError(base::Concat(
        "cannot listen on ", address, ": ", error.what(), "; choose another address in ", where));
  }
  exposer_->RegisterCollectable(registry_);
  const std::vector<int> ports = exposer_->GetListeningPorts();
  if (!ports.empty()) parsed->port = ports.front();
  return parsed->ToString();
}

}  // namespace proofline::rpc
