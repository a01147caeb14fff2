// proofline studio status and wait.
#include <chrono>
#include <cmath>
#include <optional>

#include "cli/exit_code.h"
#include "cli/pace.h"
#include "cli/progress.h"
#include "cli/studio_verbs.h"
#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Service = v1::StudioControlService;
using Status = v1::GetStudioStatusResponse;
using base::Concat;
using Target = std::shared_ptr<StudioTarget>;

struct WaitFlags {
  std::int64_t published = -1;
  bool idle = false;
};

std::string Brief(const Status& status) {
  std::string text =
      Concat(status.published(), " published, ", status.rendered(), " to send, ", status.waiting(),
             " to render, ", status.settling(), " settling, ", status.failed(), " failed");
  if (status.kept() > 0) text += Concat(", ", status.kept(), " kept");
  if (status.paused()) text += ", paused";
  if (!status.resting_message().empty()) text += ", resting";
  if (!status.host_connected()) text += ", host not connected";
  return text;
}

std::string CatalogText(const Status& status) {
  if (!status.has_taken_over_time()) return status.catalog_message();
  return Concat(status.catalog_message(), status.catalog_message().empty() ? "" : "; ",
                "what people had said about ", status.taken_over_photos(), " photos and ",
                status.taken_over_customers(), " customers was taken over from the host on ",
                LocalTime(status.taken_over_time()));
}

void PrintStatus(Output& output, const Status& status) {
  if (output.json()) {
    output.Json(status);
    return;
  }
  Facts facts = {{"version", status.version()},
                 {"running since", LocalTime(status.start_time())},
                 {"device", status.device()},
                 {"host", status.host_connected() ? "connected" : "not connected"},
                 {"host message", status.host_message()},
                 {"work", status.paused()                    ? std::string("paused")
                          : status.resting_message().empty() ? std::string("running")
                                                             : status.resting_message()},
                 {"catalog", CatalogText(status)},
                 {"settling", std::to_string(status.settling())},
                 {"waiting", std::to_string(status.waiting())},
                 {"rendered", std::to_string(status.rendered())},
                 {"published", std::to_string(status.published())},
                 {"failed", std::to_string(status.failed())},
                 {"kept", std::to_string(status.kept())},
                 {"originals", SizeText(status.original_bytes())},
                 {"sent to host", SizeText(status.sent_bytes())},
                 {"sent to labs", SizeText(status.lab_sent_bytes())},
                 {"open orders", std::to_string(status.open_orders())}};
  for (const v1::WatchedFolder& folder : status.folders()) {
    const std::string path =
        folder.polled() ? Concat(folder.path(), " (looked through at intervals)") : folder.path();
    const std::string& message = folder.message();
    facts.emplace_back("folder", message.empty() ? path : Concat(path, ": ", message));
  }
  output.Print(facts);
}

absl::Status FollowStatus(Program& program, const StudioTarget& target, Progress& progress,
                          const std::function<absl::StatusOr<bool>(const Status&)>& on_status) {
  return Follow<Service, Status>(
      [&] { return DialControl(kStudioDaemon, target.state, program.call_timeout()); },
      [](Service::Stub& stub, grpc::ClientContext* context) {
        return stub.WatchStudioStatus(context, v1::WatchStudioStatusRequest());
      },
      program.wait_limit(), on_status,
      [&](const absl::Status& why) {
        const std::string text =
            Concat("the studio daemon is away (", base::ToStd(why.message()), "); waiting for it");
        if (program.output.shows_progress()) {
          progress.Show(text);
        } else {
          program.output.Note(text);
        }
      });
}

// Paces of what is under way, for one who watches.
class Live {
 public:
  // The figures with their paces, in one line: "… 312 to render (4.2/s, 1m 14s left)".
  // Where that is longer than `columns` (0: any length), what is over is left out.
  std::string Take(const Status& status, std::size_t columns) {
    const base::SteadyTime now = base::RealClock().Now();
    rendered_.Add(now, status.rendered() + status.published() + status.kept() + status.failed());
    published_.Add(now, status.published());
    bytes_.Add(now, status.sent_bytes());
    std::string text;
    const auto add = [&text](const Pace& pace, std::string_view what, std::int64_t left) {
      const std::optional<double> per_second = pace.PerSecond();
      if (left == 0 || !per_second.has_value() || *per_second <= 0) return;
      text += Concat("; ", what, " ", NumberText(std::round(*per_second * 10) / 10), "/s");
      if (const auto time = pace.TimeFor(left)) text += Concat(", ", TimeLeft(*time), " left");
    };
    add(rendered_, "rendering", status.waiting());
    add(published_, "sending", status.rendered() + status.waiting());
    const std::optional<double> bytes = bytes_.PerSecond();
    if (status.rendered() > 0 && bytes.has_value() && *bytes > 0) {
      text += Concat(", ", SizeText(static_cast<std::int64_t>(*bytes)), "/s");
    }
    const std::string all = Brief(status) + text;
    if (columns == 0 || text.empty() || DisplayWidth(all) < columns) return all;
    return Concat(status.waiting(), " to render, ", status.rendered(), " to send", text);
  }

 private:
  static std::string TimeLeft(base::Duration time) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(time).count();
    if (seconds < 60) return Concat(seconds, " s");
    if (seconds < 3600) return Concat(seconds / 60, " min ", seconds % 60, " s");
    return Concat(seconds / 3600, " h ", seconds % 3600 / 60, " min");
  }

  Pace rendered_;
  Pace published_;
  Pace bytes_;
};

// On a terminal one line that changes, elsewhere one line for each change.
absl::Status WatchStatus(Program& program, const StudioTarget& target) {
  Live live;
  Progress progress(program.output);
  const absl::Status watched = FollowStatus(program, target, progress, [&](const Status& status) {
    const std::string text =
        live.Take(status, program.output.shows_progress() ? TerminalColumns() : 0);
    if (program.output.json()) {
      program.output.Json(status);
    } else if (program.output.shows_progress()) {
      progress.Show(text);
    } else {
      program.output.Line(Printable(text));
    }
    return false;
  });
  // Watching for a while is what was asked for: its end is no failure.
  return absl::IsDeadlineExceeded(watched) ? absl::OkStatus() : watched;
}

absl::Status ShowStatus(Program& program, const StudioTarget& target, bool watch) {
  if (watch) return WatchStatus(program, target);
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  const auto status = client->Call(&Service::Stub::GetStudioStatus, v1::GetStudioStatusRequest());
  if (!status.ok()) return status.status();
  PrintStatus(program.output, *status);
  return absl::OkStatus();
}

absl::Status Wait(Program& program, const StudioTarget& target, const WaitFlags& flags) {
  const bool idle = flags.idle || flags.published < 0;
  Progress progress(program.output);
  std::string last = "the daemon has said nothing";
  const absl::Status waited = FollowStatus(program, target, progress, [&](const Status& status) {
    last = Brief(status);
    progress.Show(last);
    const bool is_idle = status.settling() + status.waiting() + status.rendered() == 0;
    if (status.published() < flags.published || (idle && !is_idle)) return false;
    progress.Clear();
    program.output.Done(status, last);
    return true;
  });
  if (!absl::IsDeadlineExceeded(waited)) return waited;
  return absl::DeadlineExceededError(Concat("gave up waiting: ", last));
}

}  // namespace

void AddStudioStatusVerbs(CLI::App& group, Program& program, const Target& target) {
  auto watch = std::make_shared<bool>(false);
  CLI::App* status = AddVerb(group, program, "status", "Say what is done, waiting and failed",
                             "proofline studio status --watch", [&program, target, watch] {
                               return ShowStatus(program, *target, *watch);
                             });
  status->add_flag("--watch", *watch, "As the verb watch");
  AddVerb(group, program, "watch",
          "Watch the work with its pace and the time left; on a terminal in one line",
          "proofline studio watch", [&program, target] { return WatchStatus(program, *target); });

  auto flags = std::make_shared<WaitFlags>();
  CLI::App* wait =
      AddVerb(group, program, "wait",
              "Wait until photos are published or nothing is under way; without --timeout for ever",
              "proofline studio wait --published 30 --idle --timeout 10m",
              [&program, target, flags] { return Wait(program, *target, *flags); });
  wait->add_option("--published", flags->published, "Until this many photos are at the host")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  wait->add_flag("--idle", flags->idle,
                 "Until nothing is settling, waiting or rendered (so without --published)");
}

}  // namespace proofline::cli
