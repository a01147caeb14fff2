#include "lib/rpc/serving_config.h"

#include "lib/base/text.h"
#include "lib/rpc/address.h"

namespace proofline::rpc {
namespace {

absl::Status Wrong(const base::Config& config, std::string_view key, std::string_view what) {
  return absl::InvalidArgumentError(base::Concat(config.Where(key), ": ", what));
}

absl::Status CheckAddress(const base::Config& config, std::string_view key, bool plain_text) {
  const absl::StatusOr<Address> address = ParseAddress(config.GetString(key));
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

}  // namespace

std::vector<base::ConfigRow> ServingRows() {
  using base::ConfigType;
  return {
      {"tls.cert_file", ConfigType::kPath, "", "", "The server's certificate with its chain, PEM."},
      {"tls.key_file", ConfigType::kPath, "", "", "The key of that certificate, PEM."},
      {"insecure", ConfigType::kBool, "false", "",
       "Serve plain text, which is allowed on loopback addresses alone."}};
}

absl::StatusOr<ServingConfig> ReadServing(const base::Config& config,
                                          std::initializer_list<std::string_view> address_keys) {
  ServingConfig serving{config.GetPath("tls.cert_file"), config.GetPath("tls.key_file")};
  if (serving.cert_file.empty() != serving.key_file.empty()) {
    return Wrong(config, serving.cert_file.empty() ? "tls.key_file" : "tls.cert_file",
                 "a certificate needs its key: set both tls.cert_file and tls.key_file");
  }
  if (!serving.has_tls() && !config.GetBool("insecure")) {
    return Wrong(config, "insecure",
                 "there is no certificate: set tls.cert_file and tls.key_file, or insecure = true "
                 "for plain text on this machine alone");
  }
  for (const std::string_view key : address_keys) {
    if (absl::Status good = CheckAddress(config, key, !serving.has_tls()); !good.ok()) return good;
  }
  return serving;
}

ServerOptions ServingOptions(const ServingConfig& serving, const std::string& address,
                             std::string_view address_key) {
  ServerOptions options;
  options.addresses = {address};
  if (serving.has_tls()) options.tls = ServerTls{serving.cert_file, serving.key_file, ""};
  options.where = base::Concat(address_key, " of the configuration");
  return options;
}

ServerOptions ControlOptions(const std::filesystem::path& state) {
  ServerOptions options;
  options.addresses = {base::Concat("unix:", state / "control.sock")};
  options.where = "state of the configuration";
  return options;
}

}  // namespace proofline::rpc
