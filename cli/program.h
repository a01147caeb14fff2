// What all verbs share: the flags before them, and how they are added to the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <istream>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "cli/follow.h"
#include "cli/output.h"
#include "cli/target.h"

namespace proofline::cli {

// One run of the program. The verb that the command line names leaves its action here.
struct Program {
  Output& output;
  std::istream& in;
  // As --timeout gave it, if it did.
  std::optional<base::Duration> timeout;
  std::function<absl::Status()> action;

  // For one call.
  base::Duration call_timeout() const { return timeout.value_or(std::chrono::seconds(30)); }
  // For a verb that waits for something to happen: without --timeout it waits for ever.
  WaitLimit wait_limit() const {
    if (!timeout) return std::nullopt;
    return base::RealClock().Now() + *timeout;
  }
};

// A verb group under `parent`: `proofline lab …`. One of its verbs is required.
inline CLI::App* AddGroup(CLI::App& parent, const std::string& name, const std::string& about) {
  CLI::App* group = parent.add_subcommand(name, about);
  group->require_subcommand(1);
  group->fallthrough();
  return group;
}

// A verb, with an example for its help. `action` runs after the whole command line has been read.
inline CLI::App* AddVerb(CLI::App& group, Program& program, const std::string& name,
                         const std::string& about, const std::string& example,
                         std::function<absl::Status()> action) {
  CLI::App* verb = group.add_subcommand(name, about);
  verb->fallthrough();
  verb->footer("Example:\n  " + example +
               "\n\nFlags for every verb (see proofline --help): --json --timeout --quiet");
  verb->callback([&program, action = std::move(action)] { program.action = action; });
  return verb;
}

// --state of a group that speaks to a daemon on this machine.
inline void AddStateOption(CLI::App& group, const DaemonKind& daemon, std::string& state) {
  state = daemon.state_folder;
  group
      .add_option("--state", state,
                  std::string("State folder of the running daemon (see its config)"))
      ->envname(daemon.state_env)
      ->capture_default_str()
      ->type_name("FOLDER");
}

// The groups, each in its own file.
void AddStudioCommands(CLI::App& root, Program& program);
void AddHostCommands(CLI::App& root, Program& program);
void AddLabCommands(CLI::App& root, Program& program);
void AddCustomerCommands(CLI::App& root, Program& program);
void AddImageCommands(CLI::App& root, Program& program);
void AddKeyCommands(CLI::App& root, Program& program);

}  // namespace proofline::cli
