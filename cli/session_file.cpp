#include "cli/session_file.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "cli/output.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using base::Concat;

constexpr std::uint64_t kMaxSessionBytes = 64 << 10;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string DefaultSessionFile() {
  if (const std::string file = Environment("PROOFLINE_SESSION"); !file.empty()) return file;
  const std::string config = Environment("XDG_CONFIG_HOME");
  if (!config.empty()) return config + "/proofline/session.json";
  return Environment("HOME") + "/.config/proofline/session.json";
}

absl::StatusOr<Session> ReadSession(const std::string& path) {
  const absl::StatusOr<std::string> json = base::ReadFile(path, kMaxSessionBytes);
  if (absl::IsNotFound(json.status())) {
    return absl::FailedPreconditionError(
        Concat("nobody is signed in (no session in ", path,
               "); sign in with: proofline customer sign-in IDENTIFIER --host ADDRESS"));
  }
  if (!json.ok()) return json.status();
  google::protobuf::Struct stored;
  const bool parsed = google::protobuf::util::JsonStringToMessage(*json, &stored).ok();
  const auto text = [&](const char* field) {
    const auto it = stored.fields().find(field);
    return it == stored.fields().end() ? std::string() : it->second.string_value();
  };
  Session session;
  session.host = text("host");
  session.ca_file = text("ca_file");
  session.session_token = text("session_token");
  session.customer = text("customer");
  session.expire_time = text("expire_time");
  const auto insecure = stored.fields().find("insecure");
  session.insecure = insecure != stored.fields().end() && insecure->second.bool_value();
  if (!parsed || session.host.empty() || session.session_token.empty()) {
    return absl::DataLossError(Concat("the session file ", path, " cannot be read; sign in again"));
  }
  return session;
}

absl::Status WriteSession(const std::string& path, const Session& session) {
  google::protobuf::Struct stored;
  auto& fields = *stored.mutable_fields();
  fields["host"].set_string_value(session.host);
  fields["ca_file"].set_string_value(session.ca_file);
  fields["insecure"].set_bool_value(session.insecure);
  fields["session_token"].set_string_value(session.session_token);
  fields["customer"].set_string_value(session.customer);
  fields["expire_time"].set_string_value(session.expire_time);
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) {
    if (absl::Status status = base::MakeDirectories(folder, 0700); !status.ok()) return status;
  }
  return base::WriteFileDurably(path, ToJson(stored) + "\n", 0600);
}

absl::Status RemoveSession(const std::string& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) return base::ErrnoStatus(error.value(), Concat("cannot remove ", path));
  return absl::OkStatus();
}

}  // namespace proofline::cli
