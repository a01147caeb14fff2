#include "hostd/host_config.h"

#include "lib/base/text.h"
#include "lib/rpc/address.h"

namespace proofline::host {
namespace {

using base::ConfigRow;
using base::ConfigType;

absl::Status Wrong(const base::Config& config, std::string_view key, std::string_view what) {
  return absl::InvalidArgumentError(base::Concat(config.Where(key), ": ", what));
}

absl::Status CheckAddress(const base::Config& config, std::string_view key, bool plain_text) {
  const absl::StatusOr<rpc::Address> address = rpc::ParseAddress(config.GetString(key));
  if (!address.ok()) {
    return Wrong(config, key, base::Concat(key, ": ", address.status().message()));
  }
  if (plain_text && !address->IsLocal()) {
    return Wrong(config, key,
                 base::Concat("other machines can reach ", config.GetString(key),
                              ", and plain text is for this machine alone; set tls.cert_file and "
                              "tls.key_file, or choose a loopback address for ",
                              key));
  }
  return absl::OkStatus();
}

absl::StatusOr<HostConfig> Read(const base::Config& config) {
  HostConfig host;
  host.state = config.GetPath("state");
  host.log_level = config.GetString("log.level");
  host.sync_address = config.GetString("sync.address");
  host.storefront_address = config.GetString("storefront.address");
  host.tls_cert_file = config.GetPath("tls.cert_file");
  host.tls_key_file = config.GetPath("tls.key_file");
  host.insecure = config.GetBool("insecure");
  host.store_cache = config.GetSize("store.cache");
  host.session_lifetime = config.GetDuration("session.lifetime");
  host.metrics_address = config.GetString("metrics.address");

  if (host.tls_cert_file.empty() != host.tls_key_file.empty()) {
    return Wrong(config, host.tls_cert_file.empty() ? "tls.key_file" : "tls.cert_file",
                 "a certificate needs its key: set both tls.cert_file and tls.key_file");
  }
  const bool has_tls = !host.tls_cert_file.empty();
  if (!has_tls && !host.insecure) {
    return Wrong(config, "insecure",
                 "there is no certificate: set tls.cert_file and tls.key_file, or insecure = true "
                 "for plain text on this machine alone");
  }
  for (const std::string_view key : {"sync.address", "storefront.address"}) {
    if (absl::Status good = CheckAddress(config, key, !has_tls); !good.ok()) return good;
  }
  return host;
}

}  // namespace

const base::ConfigTable& HostConfigTable() {
  static const base::ConfigTable table{
      .rows = {
          {"state", ConfigType::kPath, base::kRequired, "",
           "The folder for everything the host keeps."},
          {"log.level", ConfigType::kString, "info", "trace|debug|info|warn|error",
           "How much is written to the log."},
          {"sync.address", ConfigType::kString, "127.0.0.1:7410", "",
           "Where studios' devices connect."},
          {"storefront.address", ConfigType::kString, "127.0.0.1:7420", "",
           "Where customers' apps connect."},
          {"tls.cert_file", ConfigType::kPath, "", "",
           "The server's certificate with its chain, PEM."},
          {"tls.key_file", ConfigType::kPath, "", "", "The key of that certificate, PEM."},
          {"insecure", ConfigType::kBool, "false", "",
           "Serve plain text, which is allowed on loopback addresses alone."},
          {"store.cache", ConfigType::kSize, "256MiB", "8MiB..",
           "Memory for the store's cache and write buffers."},
          {"session.lifetime", ConfigType::kDuration, "12h", "1m..365d",
           "How long a customer stays signed in."},
          {"metrics.address", ConfigType::kString, "", "",
           "Where Prometheus finds the metrics, host:port; empty for off."},
      }};
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
