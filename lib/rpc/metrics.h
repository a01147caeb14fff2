// Metrics for Prometheus: made by the parts of a daemon, served over HTTP at /metrics.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace prometheus {
class Exposer;
class Registry;
}  // namespace prometheus

namespace proofline::rpc {

using Counter = prometheus::Counter;
using Gauge = prometheus::Gauge;
using Histogram = prometheus::Histogram;
using Labels = std::map<std::string, std::string>;

// All metrics of a process. Thread-safe, and so are the metrics. A metric lives as long as this
// object; asking again for the same name and labels gives the same metric. Names are
// `proofline_…` in Prometheus's convention (`_total` for counters, units as suffix); a name of
// another form, or used for another kind before, is a broken invariant.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter& AddCounter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& AddGauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // `buckets` are upper bounds in rising order; empty: 1 ms to 60 s, for durations in seconds.
  Histogram& AddHistogram(const std::string& name, const std::string& help,
                          const Labels& labels = {}, std::vector<double> buckets = {});

  // Serves them on "host:port" (port 0: any free one) until this object goes; returns the address
  // with its real port. Plain text, for whoever can reach the address: keep it local or inside
  // your own network. Errors as Server::Start. Once per object.
  absl::StatusOr<std::string> Expose(const std::string& address,
                                     const std::string& where = "the configuration");

 private:
  std::shared_ptr<prometheus::Registry> registry_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace proofline::rpc
