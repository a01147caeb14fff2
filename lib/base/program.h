// What all daemons have in common from the command line to the exit code.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/base/config.h"
#include "lib/base/service_manager.h"

namespace proofline::base {

class RunningProgram;
class Shutdown;

// A program that runs until it is told to stop.
struct Program {
  std::string name;     // "proofline-studiod"
  std::string purpose;  // one sentence for --help
  std::string version;
  // Every key of its configuration; log.level is one of them.
  const ConfigTable& table;
  // Keys that Hooks::reload applies while the program runs: a key, an array's name, or the
  // beginning of keys ("renditions."). log.level always is one. The others need a restart.
  std::vector<std::string> live_keys = {};
  // Flags that do one thing and end, beside --check-config.
  struct Action {
    std::string flag;  // "--rebuild-catalog"
    std::string help;
  };
  std::vector<Action> actions = {};

  // What a configuration that was read is good for.
  struct Loaded {
    // For --check-config: looks closer where that needs no start; the sentence says what is fine.
    std::function<absl::StatusOr<std::string>()> check;
    // For every one of Program::actions, by its flag; the sentence says what was done.
    std::map<std::string, std::function<absl::StatusOr<std::string>()>> actions = {};
    // Everything from the store to the end of the process; calls RunningProgram::Serve().
    std::function<absl::Status(RunningProgram&)> run;
  };
  using Loader = std::function<absl::StatusOr<Loaded>(const std::filesystem::path& config)>;
};

// The program while it runs: its signals and its service manager. Used on the thread that
// Loaded::run is called on, but for token() and Request().
class RunningProgram {
 public:
  struct Hooks {
    // SIGHUP: reads the file again and applies what can be changed while running. An error changes
    // nothing. Empty: nothing but the log level can be.
    std::function<absl::Status(const std::filesystem::path& config)> reload;
    // Asked when the watchdog is due: what does not get on with its work, or nothing.
    std::function<std::string()> stuck;
    // One line for the service manager, asked now and then. Empty: "running".
    std::function<std::string()> status;
  };

  RunningProgram(const Program& program, std::filesystem::path config_file, Config config);
  ~RunningProgram();
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  // Requested when the program is to end.
  std::stop_token token() const;
  // True if what has begun at `since` (nothing: there is none) has not ended in the time that the
  // service manager allows the program to say nothing; without a service manager never.
  bool IsLate(const std::optional<SteadyTime>& since) const;
  // Asks for the end, from any thread.
  void Request(std::string_view reason);

  // Says that the program is ready and blocks until it is to end; logs why it ends. Meanwhile takes
  // SIGHUP and feeds the watchdog. With no watchdog it wakes for signals only.
  void Serve(const Hooks& hooks);

 private:
  void Reload(const Hooks& hooks);
  void FeedWatchdog(const Hooks& hooks);
  // One line for the service manager.
  std::string StatusLine(const Hooks& hooks) const;

  const Program& program_;
  const std::filesystem::path config_file_;
  // As the program was started, and as it was last reloaded.
  const Config started_;
  Config current_;
  ServiceManager service_;
  std::mutex mutex_;
  std::condition_variable_any hung_up_;
  bool hangup_ = false;
  std::string stuck_;
  // Why the configuration that is in the file is not the one in force.
  std::string refused_config_;
  std::unique_ptr<Shutdown> shutdown_;
};

// The whole of main(): reads the command line (--config, --check-config, --print-sample-config,
// --version, --help) and the configuration, sets up the log and the signals, runs. What goes wrong
// is one sentence on standard error. Returns the exit code: 0 ended as asked, 1 failed while
// running, 2 wrong usage or configuration.
int RunProgram(const Program& program, int argc, char** argv, const Program::Loader& load);

}  // namespace proofline::base
