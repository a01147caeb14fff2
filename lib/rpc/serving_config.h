// How a daemon that other machines call is configured: its certificate, or plain text.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/config.h"
#include "lib/rpc/server.h"

namespace proofline::rpc {

struct ServingConfig {
  std::filesystem::path cert_file;  // both empty: plain text
  std::filesystem::path key_file;

  bool has_tls() const { return !cert_file.empty(); }
};

// The keys tls.cert_file, tls.key_file and insecure, for the daemon's table.
std::vector<base::ConfigRow> ServingRows();

// Reads those keys, and checks the addresses that `address_keys` name. InvalidArgument, with a
// sentence that names file and line, for half a certificate, for none without `insecure`, for plain
// text where other machines can reach it, and for what is no address.
absl::StatusOr<ServingConfig> ReadServing(const base::Config& config,
                                          std::initializer_list<std::string_view> address_keys);

// For the server on `address`, which the key `address_key` names.
ServerOptions ServingOptions(const ServingConfig& serving, const std::string& address,
                             std::string_view address_key);

// For the control socket in a daemon's state folder.
ServerOptions ControlOptions(const std::filesystem::path& state);

}  // namespace proofline::rpc
