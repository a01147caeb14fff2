// Between the files of the host group.
#pragma once

#include <memory>
#include <string>
#include <string_view>

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

// The sub-groups.
void AddHostStudioVerbs(CLI::App& group, Program& program,
                        const std::shared_ptr<HostTarget>& target);
void AddHostDeviceVerbs(CLI::App& group, Program& program,
                        const std::shared_ptr<HostTarget>& target);
void AddHostCustomerVerbs(CLI::App& group, Program& program,
                          const std::shared_ptr<HostTarget>& target);

}  // namespace proofline::cli
