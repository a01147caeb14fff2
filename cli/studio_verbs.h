// Between the files of the studio group.
#pragma once

#include <memory>
#include <string>

#include "cli/program.h"
#include "cli/studio_names.h"

namespace proofline::cli {

// The group's own flag; shared by its verbs.
struct StudioTarget {
  std::string state;
};

absl::StatusOr<StudioClient> DialStudio(const Program& program, const StudioTarget& target);

// `edit`.
void AddStudioEditVerbs(CLI::App& group, Program& program,
                        const std::shared_ptr<StudioTarget>& target);
// `roster`.
void AddStudioRosterVerb(CLI::App& group, Program& program,
                         const std::shared_ptr<StudioTarget>& target);
// `set` and `roster`.
void AddStudioMetadataVerbs(CLI::App& group, Program& program,
                            const std::shared_ptr<StudioTarget>& target);
// `share`, `customers`, `revoke` and `expire`.
void AddStudioCustomerVerbs(CLI::App& group, Program& program,
                            const std::shared_ptr<StudioTarget>& target);
// `status` and `wait`.
void AddStudioStatusVerbs(CLI::App& group, Program& program,
                          const std::shared_ptr<StudioTarget>& target);

// A table from a file, or from standard input for "-"; at most 16 MiB.
absl::StatusOr<std::string> ReadRoster(Program& program, const std::string& file);

// One photo with everything known about it; the message itself with --json.
void PrintLocalPhoto(Output& output, const v1::LocalPhoto& photo);

}  // namespace proofline::cli
