#include "lib/rpc/endpoints.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::rpc {
namespace {

constexpr std::uint64_t kMaxBytes = 64 << 10;

std::filesystem::path FileIn(const std::filesystem::path& state_dir) {
  return state_dir / "endpoints.json";
}

}  // namespace

absl::Status WriteEndpoints(const std::filesystem::path& state_dir, const Endpoints& endpoints) {
  google::protobuf::Struct object;
  for (const auto& [purpose, address] : endpoints) {
    (*object.mutable_fields())[purpose].set_string_value(address);
  }
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(object, &text, options).ok()) {
    return absl::InvalidArgumentError("an address that is not UTF-8 cannot be written down");
  }
  return base::WriteFileDurably(FileIn(state_dir), text);
}

absl::StatusOr<Endpoints> ReadEndpoints(const std::filesystem::path& state_dir) {
  absl::StatusOr<std::string> text = base::ReadFile(FileIn(state_dir), kMaxBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(base::Concat("no daemon runs on ", state_dir.string(),
                                            "; start it, or give its state folder"));
  }
  if (!text.ok()) return text.status();
  google::protobuf::Struct object;
  const absl::Status damaged = absl::DataLossError(base::Concat(
      FileIn(state_dir).string(), " is damaged; restart the daemon, it writes it anew"));
  if (!google::protobuf::util::JsonStringToMessage(*text, &object).ok()) return damaged;
  Endpoints endpoints;
  for (const auto& [purpose, value] : object.fields()) {
    if (!value.has_string_value()) return damaged;
    endpoints[purpose] = value.string_value();
  }
  return endpoints;
}

absl::Status RemoveEndpoints(const std::filesystem::path& state_dir) {
  const std::filesystem::path file = FileIn(state_dir);
  if (::unlink(file.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return base::ErrnoStatus(errno, base::Concat("cannot remove ", file.string()));
}

}  // namespace proofline::rpc
