#include "cli/command_line.h"

#include <CLI/CLI.hpp>

#include "cli/arguments.h"
#include "cli/program.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

struct GlobalFlags {
  bool json = false;
  bool quiet = false;
  std::string timeout;
};

void AddGlobalFlags(CLI::App& root, GlobalFlags& flags) {
  root.set_help_all_flag("--help-all", "Print the help of every verb and exit");
  root.set_version_flag("--version", "proofline " PROOFLINE_VERSION, "Print the version and exit");
  root.add_flag("--json", flags.json,
                "Print protobuf JSON: one object, or a line for each thing of a list");
  root.add_flag("--quiet", flags.quiet, "No remarks and no progress, only what was asked for");
  root.add_option("--timeout", flags.timeout,
                  "How long to wait for an answer, e.g. 500ms, 30s, 5m (default 30s; wait and "
                  "watch wait for ever without it)")
      ->type_name("TIME");
  root.footer(
      "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 daemon not reachable, 4 not "
      "found, 5 gave up waiting.\nHelp on a verb: proofline GROUP VERB --help");
}

// The sentence for a command line that CLI11 refuses, with where to read on.
absl::Status ParseFailure(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App* verb = &root;
  std::string path = "proofline";
  while (!verb->get_subcommands().empty()) {
    verb = verb->get_subcommands().front();
    path += " " + verb->get_name();
  }
  std::string verbs;
  for (const CLI::App* known : verb->get_subcommands([](const CLI::App*) { return true; })) {
    verbs += (verbs.empty() ? "" : ", ") + known->get_name();
  }
  std::string sentence = error.what();
  sentence.erase(sentence.find_last_not_of(" \n") + 1);
  // A group without a verb, or with a word that is none.
  if (!verbs.empty() && error.get_name() == "RequiredError") {
    const std::vector<std::string> unknown = root.remaining(true);
    sentence = unknown.empty() ? path + " needs a verb: " + verbs
                               : base::Concat("\"", unknown.front(), "\" is no verb of ", path,
                                              "; there are: ", verbs);
  }
  return UsageError(base::Concat(sentence, "; see: ", path, " --help"));
}

absl::Status RunAction(const GlobalFlags& flags, Program& program) {
  if (!flags.timeout.empty()) {
    const absl::StatusOr<base::Duration> timeout = ParseDuration(flags.timeout);
    if (!timeout.ok()) return timeout.status();
    program.timeout = *timeout;
  }
  return program.action();
}

}  // namespace

ExitCode RunCommandLine(const std::vector<std::string>& arguments, const Streams& streams) {
  Output output(streams.out, streams.err, streams.out_is_terminal, streams.err_is_terminal);
  Program program{output, streams.in, std::nullopt, {}};
  GlobalFlags flags;
  CLI::App root("One command line for Proofline's studio, host and lab", "proofline");
  root.require_subcommand(1);
  AddGlobalFlags(root, flags);
  AddStudioCommands(root, program);
  AddHostCommands(root, program);
  AddLabCommands(root, program);
  AddCustomerCommands(root, program);
  AddImageCommands(root, program);
  AddKeyCommands(root, program);
  absl::Status status;
  try {
    // CLI11 takes the words from the back.
    root.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      root.exit(error, streams.out, streams.err);
      return ExitCode::kOk;
    }
    status = ParseFailure(root, error);
  }
  output.set_json(flags.json);
  output.set_quiet(flags.quiet);
  if (status.ok()) status = RunAction(flags, program);
  if (!status.ok()) output.Error(status);
  return ExitCodeFor(status);
}

}  // namespace proofline::cli
