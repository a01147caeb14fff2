#include "lib/base/program.h"

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/shutdown.h"
#include "lib/base/text.h"

namespace proofline::base {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr std::string_view kLogLevel = "log.level";

std::string Join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

bool IsLive(const Program& program, const std::string& key) {
  return key == kLogLevel || std::any_of(program.live_keys.begin(), program.live_keys.end(),
                                         [&](const std::string& live) {
                                           return key == live ||
                                                  (live.ends_with('.') && key.starts_with(live));
                                         });
}

int Say(const Program& program, const absl::Status& status, int exit_code) {
  std::cerr << program.name << ": " << ToStd(status.message()) << '\n';
  return exit_code;
}

}  // namespace

RunningProgram::RunningProgram(const Program& program, std::filesystem::path config_file,
                               Config config)
    : program_(program),
      config_file_(std::move(config_file)),
      started_(config),
      current_(std::move(config)) {
  shutdown_ = std::make_unique<Shutdown>([this] {
    {
      const std::lock_guard lock(mutex_);
      hangup_ = true;
    }
    hung_up_.notify_all();
  });
}

RunningProgram::~RunningProgram() = default;

std::stop_token RunningProgram::token() const { return shutdown_->token(); }

void RunningProgram::Request(std::string_view reason) { shutdown_->Request(reason); }

void RunningProgram::Serve(const Hooks& hooks) {
  service_.Ready(StatusLine(hooks));
  const std::stop_token end = token();
  while (!end.stop_requested()) {
    bool hangup = false;
    {
      std::unique_lock lock(mutex_);
      const auto hung_up = [this] { return hangup_; };
      if (service_.alive_interval() > Duration::zero()) {
        hung_up_.wait_for(lock, end, service_.alive_interval(), hung_up);
      } else {
        hung_up_.wait(lock, end, hung_up);
      }
      hangup = std::exchange(hangup_, false);
    }
    if (end.stop_requested()) break;
    if (hangup) {
      service_.Reloading();
      Reload(hooks);
      service_.Ready(StatusLine(hooks));
    }
    if (service_.alive_interval() > Duration::zero()) {
      FeedWatchdog(hooks);
      service_.Status(StatusLine(hooks));
    }
  }
  const std::string reason = shutdown_->Wait();
  service_.Stopping(Concat("stopping: ", reason));
  spdlog::info("stopping: {}", reason);
}

bool RunningProgram::IsLate(const std::optional<SteadyTime>& since) const {
  const Duration allowed = 2 * service_.alive_interval();
  return since.has_value() && allowed > Duration::zero() && RealClock().Now() - *since > allowed;
}

std::string RunningProgram::StatusLine(const Hooks& hooks) const {
  std::string line = !stuck_.empty() ? Concat(stuck_, " does not get on")
                     : hooks.status  ? hooks.status()
                                     : "running";
  // A reload cannot fail for the service manager; whoever asks it for the status learns it here.
  if (!refused_config_.empty()) {
    line += Concat("; the configuration stays as it was: ", refused_config_);
  }
  return line;
}

void RunningProgram::FeedWatchdog(const Hooks& hooks) {
  std::string stuck = hooks.stuck ? hooks.stuck() : std::string();
  if (stuck.empty()) {
    service_.Alive();
  } else if (stuck != stuck_) {
    spdlog::error("{} does not get on; the service manager is not told that all is well", stuck);
  }
  stuck_ = std::move(stuck);
}

void RunningProgram::Reload(const Hooks& hooks) {
  absl::StatusOr<Config> read = LoadConfig(config_file_, program_.table);
  absl::Status status = read.status();
  if (status.ok() && hooks.reload) status = hooks.reload(config_file_);
  if (!status.ok()) {
    refused_config_ = ToStd(status.message());
    spdlog::error("SIGHUP: the configuration stays as it was: {}", refused_config_);
    return;
  }
  refused_config_.clear();
  std::vector<std::string> applied = ChangedKeys(current_, *read);
  std::erase_if(applied, [&](const std::string& key) { return !IsLive(program_, key); });
  // What needs a restart is compared with what runs, so that it is said until it is done.
  std::vector<std::string> later = ChangedKeys(started_, *read);
  std::erase_if(later, [&](const std::string& key) { return IsLive(program_, key); });
  current_ = *std::move(read);
  // The level was checked with the rest of the table.
  if (std::find(applied.begin(), applied.end(), kLogLevel) != applied.end()) {
    status = SetLogLevel(current_.GetString(kLogLevel));
  }
  if (applied.empty() && later.empty()) {
    spdlog::info("SIGHUP: the configuration was read again; nothing has changed");
    return;
  }
  if (!applied.empty()) spdlog::info("SIGHUP: now in force: {}", Join(applied));
  if (!later.empty()) spdlog::warn("SIGHUP: changed, but only after a restart: {}", Join(later));
}

int RunProgram(const Program& program, int argc, char** argv, const Program::Loader& load) {
  CLI::App app(program.purpose, program.name);
  std::string config_file;
  bool check_config = false;
  bool print_sample = false;
  app.add_option("--config", config_file, "The configuration file (TOML).");
  app.add_flag("--check-config", check_config, "Check the configuration and end.");
  app.add_flag("--print-sample-config", print_sample, "Print a commented configuration and end.");
  std::map<std::string, bool> wanted;
  for (const Program::Action& action : program.actions) {
    app.add_flag(action.flag, wanted[action.flag], action.help);
  }
  app.set_version_flag("--version", Concat(program.name, " ", program.version));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  if (print_sample) {
    std::cout << SampleConfig(program.table);
    return 0;
  }
  if (config_file.empty()) {
    return Say(program,
               absl::InvalidArgumentError("which configuration? Give it as --config FILE; "
                                          "--print-sample-config writes one to begin with"),
               kWrongUsage);
  }
  // What reading the configuration has to say comes in the log's form already.
  if (absl::Status log = SetUpLog("info", /*json=*/false); !log.ok()) {
    return Say(program, log, kFailed);
  }
  const absl::StatusOr<Program::Loaded> loaded = load(config_file);
  if (!loaded.ok()) return Say(program, loaded.status(), kWrongUsage);
  absl::StatusOr<Config> config = LoadConfig(config_file, program.table);
  if (!config.ok()) return Say(program, config.status(), kWrongUsage);
  if (check_config) {
    const absl::StatusOr<std::string> fine = loaded->check();
    if (!fine.ok()) return Say(program, fine.status(), kWrongUsage);
    std::cout << *fine << '\n';
    return 0;
  }
  for (const auto& [flag, given] : wanted) {
    if (!given) continue;
    const absl::StatusOr<std::string> done = loaded->actions.at(flag)();
    if (!done.ok()) return Say(program, done.status(), kFailed);
    std::cout << *done << '\n';
    return 0;
  }
  if (absl::Status level = SetLogLevel(config->GetString(kLogLevel)); !level.ok()) {
    return Say(program, level, kWrongUsage);
  }
  RunningProgram running(program, config_file, *std::move(config));
  const absl::Status status = loaded->run(running);
  return status.ok() ? 0 : Say(program, status, kFailed);
}

}  // namespace proofline::base
