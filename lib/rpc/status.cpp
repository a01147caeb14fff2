#include "lib/rpc/status.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "lib/base/check.h"
#include "lib/base/text.h"
#include "lib/rpc/rpc_status.pb.h"
#include "proofline/v1/error.pb.h"

namespace proofline::rpc {
namespace {

namespace pb = proofline::v1;

constexpr std::string_view kDomain = "proofline";
// A trailer of more than 8 KiB ends the whole call without any answer. The sentence stands in it
// twice: percent-encoded (three bytes for one at worst) and in the details (base64, four for
// three).
constexpr std::size_t kMaxSentence = 1024;
constexpr std::size_t kMaxErrorInfo = 2048;
constexpr std::size_t kMaxValue = 512;

// Length of the UTF-8 character that begins at `at`, 0 if none does.
std::size_t CharacterLength(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte(at + 1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second >= 0xA0;
  const bool too_large = first == 0xF4 && second >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

// Names of files get into sentences, and need not be UTF-8, which protobuf insists on.
std::string Utf8(std::string_view text, std::size_t max_bytes) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = CharacterLength(text, at);
    if (result.size() + std::max<std::size_t>(length, 1) > max_bytes) break;
    if (length == 0) {
      result.push_back('?');
      ++at;
    } else {
      result.append(text.substr(at, length));
      at += length;
    }
  }
  return result;
}

absl::StatusCode CodeOf(int code) {
  const bool known = code >= 0 && code <= static_cast<int>(absl::StatusCode::kUnauthenticated);
  return known ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown;
}

std::optional<pb::ErrorInfo> InfoOf(const absl::Status& status) {
  const auto payload = status.GetPayload(base::ToAbsl(kErrorInfoUrl));
  pb::ErrorInfo info;
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) return std::nullopt;
  return info;
}

}  // namespace

absl::Status Error(absl::StatusCode code, std::string_view sentence, std::string_view reason,
                   const std::map<std::string, std::string>& details) {
  PROOFLINE_CHECK(code != absl::StatusCode::kOk, "a refusal has a code other than OK");
  pb::ErrorInfo info;
  info.set_reason(Utf8(reason, kMaxValue));
  info.set_domain(std::string(kDomain));
  for (const auto& [name, value] : details) {
    (*info.mutable_metadata())[Utf8(name, kMaxValue)] = Utf8(value, kMaxValue);
  }
  absl::Status status(code, base::ToAbsl(sentence));
  status.SetPayload(base::ToAbsl(kErrorInfoUrl), absl::Cord(info.SerializeAsString()));
  return status;
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string sentence = Utf8(base::ToStd(status.message()), kMaxSentence);
  std::optional<pb::ErrorInfo> info = InfoOf(status);
  if (!info.has_value()) return grpc::Status(code, sentence);

  if (info->ByteSizeLong() > kMaxErrorInfo) info->clear_metadata();
  RpcStatus details;
  details.set_code(static_cast<int>(code));
  details.set_message(sentence);
  google::protobuf::Any* any = details.add_details();
  any->set_type_url(std::string(kErrorInfoUrl));
  any->set_value(info->SerializeAsString());
  return grpc::Status(code, sentence, details.SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(CodeOf(static_cast<int>(status.error_code())), status.error_message());
  RpcStatus details;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& any : details.details()) {
      result.SetPayload(any.type_url(), absl::Cord(any.value()));
    }
  }
  return result;
}

std::string ReasonOf(const absl::Status& status) {
  const std::optional<pb::ErrorInfo> info = InfoOf(status);
  return info.has_value() ? info->reason() : std::string();
}

std::optional<std::string> DetailOf(const absl::Status& status, std::string_view name) {
  const std::optional<pb::ErrorInfo> info = InfoOf(status);
  if (!info.has_value()) return std::nullopt;
  const auto found = info->metadata().find(std::string(name));
  if (found == info->metadata().end()) return std::nullopt;
  return found->second;
}

bool IsRetryable(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
      return true;
    default:
      return false;
  }
}

std::string Describe(const absl::Status& status, std::string_view peer) {
  if (status.ok()) return "all is well";
  const std::string_view message = base::ToStd(status.message());
  if (InfoOf(status).has_value()) return std::string(message);
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return base::Concat(
          peer, " cannot be reached: see whether it runs and the address is right (", message, ")");
    case absl::StatusCode::kDeadlineExceeded:
      return base::Concat(peer, " did not answer in time");
    case absl::StatusCode::kUnimplemented:
      return base::Concat(peer,
                          " does not know this call: it is another program or another version");
    case absl::StatusCode::kCancelled:
      return "the call was stopped before it ended";
    default:
      if (message.empty()) {
        return base::Concat(peer, " refused with ", absl::StatusCodeToString(status.code()));
      }
      return std::string(message);
  }
}

std::string Describe(const grpc::Status& status, std::string_view peer) {
  return Describe(FromGrpc(status), peer);
}

}  // namespace proofline::rpc
