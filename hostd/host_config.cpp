#include "hostd/host_config.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace proofline::host {
namespace {

using base::ConfigRow;
using base::ConfigType;

absl::StatusOr<HostConfig> Read(const base::Config& config) {
  HostConfig host;
  host.state = config.GetPath("state");
  host.log_level = config.GetString("log.level");
  host.sync_address = config.GetString("sync.address");
  host.storefront_address = config.GetString("storefront.address");
  host.store_cache = config.GetSize("store.cache");
  host.session_lifetime = config.GetDuration("session.lifetime");
  host.metrics_address = config.GetString("metrics.address");

  absl::StatusOr<rpc::ServingConfig> serving =
      rpc::ReadServing(config, {"sync.address", "storefront.address"});
  if (!serving.ok()) return serving.status();
  host.serving = *std::move(serving);
  return host;
}

std::vector<ConfigRow> Rows() {
  std::vector<ConfigRow> rows{
      {"state", ConfigType::kPath, base::kRequired, "",
       "The folder for everything the host keeps."},
      {"log.level", ConfigType::kString, "info", "trace|debug|info|warn|error",
       "How much is written to the log."},
      {"sync.address", ConfigType::kString, "127.0.0.1:7410", "",
       "Where studios' devices connect."},
      {"storefront.address", ConfigType::kString, "127.0.0.1:7420", "",
       "Where customers' apps connect."},
      {"store.cache", ConfigType::kSize, "256MiB", "8MiB..",
       "Memory for the store's cache and write buffers."},
      {"session.lifetime", ConfigType::kDuration, "12h", "1m..365d",
       "How long a customer stays signed in."},
      {"metrics.address", ConfigType::kString, "", "",
       "Where Prometheus finds the metrics, host:port; empty for off."},
  };
  std::ranges::move(rpc::ServingRows(), std::back_inserter(rows));
  return rows;
}

}  // namespace

const base::ConfigTable& HostConfigTable() {
  static const base::ConfigTable table{.rows = Rows()};
  return table;
}

absl::StatusOr<HostConfig> ReadHostConfig(const std::filesystem::path& path) {
  const absl::StatusOr<base::Config> config = base::LoadConfig(path, HostConfigTable());
  if (!config.ok()) return config.status();
  return Read(*config);
}

absl::StatusOr<HostConfig> ParseHostConfig(std::string_view text,
                                           const std::filesystem::path& path) {
  const absl::StatusOr<base::Config> config = base::ParseConfig(text, path, HostConfigTable());
  if (!config.ok()) return config.status();
  return Read(*config);
}

}  // namespace proofline::host
