// Who is signed in where: what `proofline customer` remembers between two calls.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace proofline::cli {

struct Session {
  std::string host;           // address, see rpc::Address
  std::string ca_file;        // PEM, absolute; empty: the system's authorities
  bool insecure = false;      // plain text
  std::string session_token;  // secret
  std::string customer;       // studios/{studio}/customers/{customer}
  std::string expire_time;    // for people
};

// $PROOFLINE_SESSION, else $XDG_CONFIG_HOME/proofline/session.json, else the same under
// $HOME/.config.
std::string DefaultSessionFile();

// FailedPrecondition, saying how to sign in, when there is no session; DataLoss when the file is
// not one.
absl::StatusOr<Session> ReadSession(const std::string& path);

// Durably, for its owner alone (mode 0600); makes the folder (0700) when it is missing.
absl::Status WriteSession(const std::string& path, const Session& session);

// A file that is not there is fine.
absl::Status RemoveSession(const std::string& path);

}  // namespace proofline::cli
