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

// `set` and `edit`.
void AddStudioEditVerbs(CLI::App& group, Program& program,
                        const std::shared_ptr<StudioTarget>& target);
// `status` and `wait`.
void AddStudioStatusVerbs(CLI::App& group, Program& program,
                          const std::shared_ptr<StudioTarget>& target);

// One photo with everything known about it; the message itself with --json.
void PrintLocalPhoto(Output& output, const v1::LocalPhoto& photo);

}  // namespace proofline::cli
