// Between the files of the host group.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "cli/list.h"
#include "cli/names.h"
#include "cli/program.h"
#include "cli/target.h"
#include "proofline/v1/admin_service.grpc.pb.h"

namespace proofline::cli {

using HostClient = Client<v1::AdminService>;

// The group's own flag; shared by its verbs.
struct HostTarget {
  std::string state;
};

absl::StatusOr<HostClient> DialHost(const Program& program, const HostTarget& target);

// The full name that `text` means (see RequireName). The studio may be left out where the host has
// only one.
absl::StatusOr<std::string> HostName(const HostClient& client, std::string_view pattern,
                                     const std::string& text, std::string_view what);

// Most entries in one answer; lists are read to their end.
inline constexpr int kHostPageSize = 1000;

// Names one resource (see HostName) in a request that may have more in it already, calls the
// method, and gives the answer to `show`.
template <typename Request, typename Answer, typename Show>
absl::Status CallNamed(const Program& program, const HostTarget& target,
                       HostClient::Method<Request, Answer> method, std::string_view pattern,
                       const std::string& text, std::string_view what, const Show& show,
                       std::type_identity_t<Request> request = {}) {
  const absl::StatusOr<HostClient> client = DialHost(program, target);
  if (!client.ok()) return client.status();
  absl::StatusOr<std::string> name = HostName(*client, pattern, text, what);
  if (!name.ok()) return name.status();
  request.set_name(*std::move(name));
  const absl::StatusOr<Answer> answer = client->Call(method, request);
  if (!answer.ok()) return answer.status();
  show(*answer);
  return absl::OkStatus();
}

// Prints everything of one kind that a studio has (see PrintList).
template <typename Request, typename Response, typename Item, typename Row>
absl::Status PrintListOfStudio(Program& program, const HostTarget& target,
                               HostClient::Method<Request, Response> method,
                               const std::string& studio,
                               const google::protobuf::RepeatedPtrField<Item>& (Response::*items)()
                                   const,
                               Table table, const Row& row, std::string_view none) {
  const absl::StatusOr<HostClient> client = DialHost(program, target);
  if (!client.ok()) return client.status();
  const absl::StatusOr<std::string> parent = HostName(*client, kStudioPattern, studio, "a studio");
  if (!parent.ok()) return parent.status();
  Request request;
  request.set_parent(*parent);
  request.set_page_size(kHostPageSize);
  return PrintList(program.output, *client, method, request, items, std::move(table), row, none);
}

// The sub-groups.
void AddHostStudioVerbs(CLI::App& group, Program& program,
                        const std::shared_ptr<HostTarget>& target);
void AddHostDeviceVerbs(CLI::App& group, Program& program,
                        const std::shared_ptr<HostTarget>& target);
void AddHostCustomerVerbs(CLI::App& group, Program& program,
                          const std::shared_ptr<HostTarget>& target);

}  // namespace proofline::cli
