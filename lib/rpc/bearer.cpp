#include "lib/rpc/bearer.h"

#include <grpcpp/security/auth_context.h>

#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::rpc {
namespace {

constexpr std::size_t kMaxTokenBytes = 1024;

absl::Status Missing(std::string_view sentence) {
  return Error(absl::StatusCode::kUnauthenticated, sentence, "CREDENTIAL_MISSING");
}

}  // namespace

absl::StatusOr<std::string> BearerToken(const grpc::ServerContextBase& context) {
  const auto [first, last] = context.client_metadata().equal_range("authorization");
  if (first == last) {
    return Missing("the call carries no credential; send it as 'authorization: Bearer …'");
  }
  if (std::next(first) != last) return Missing("the call carries several credentials; send one");
  std::string_view value(first->second.data(), first->second.size());
  constexpr std::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(base::ToAbsl(value), base::ToAbsl(kScheme))) {
    return Missing("the call's credential is of an unknown kind; send 'authorization: Bearer …'");
  }
  value.remove_prefix(kScheme.size());
  value = base::ToStd(absl::StripAsciiWhitespace(base::ToAbsl(value)));
  if (value.empty() || value.size() > kMaxTokenBytes) {
    return Missing("the call's credential is empty or too long; send the one that was issued");
  }
  return std::string(value);
}

std::string ClientCertificateName(const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (auth == nullptr || !auth->IsPeerAuthenticated()) return {};
  const std::vector<grpc::string_ref> names = auth->FindPropertyValues("x509_common_name");
  return names.empty() ? std::string() : std::string(names.front().data(), names.front().size());
}

}  // namespace proofline::rpc
