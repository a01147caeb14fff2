// proofline-studiod: watches a studio's folders, makes renditions, brings them to the host, and
// sends ordered originals to labs.
#include <spdlog/spdlog.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/catalog.h"
#include "daemon/control_service.h"
#include "daemon/folder_calls.h"
#include "daemon/folder_hands.h"
#include "daemon/folder_names.h"
#include "daemon/folder_watcher.h"
#include "daemon/ingest.h"
#include "daemon/lab_sender.h"
#include "daemon/order_book.h"
#include "daemon/order_follower.h"
#include "daemon/progress_reporter.h"
#include "daemon/proof_publisher.h"
#include "daemon/rebuild.h"
#include "daemon/renderer.h"
#include "daemon/selection_clock.h"
#include "daemon/studio_config.h"
#include "daemon/watermark_trial.h"
#include "daemon/withdrawer.h"
#include "daemon/working_hours.h"
#include "lib/base/end_guard.h"
#include "lib/base/file.h"
#include "lib/base/program.h"
#include "lib/base/rate_limit.h"
#include "lib/base/text.h"
#include "lib/base/work_watch.h"
#include "lib/imaging/worker_pool.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/endpoints.h"
#include "lib/rpc/metrics.h"
#include "lib/rpc/server.h"
#include "lib/rpc/serving_config.h"

namespace proofline::studio {
namespace {

constexpr auto kPatience = std::chrono::minutes(5);
// Everything that is recorded is durable: whoever does not end in this time is left behind.
constexpr auto kLongestEnd = std::chrono::seconds(10);

constexpr char kRebuildFlag[] = "--rebuild-catalog";

using Labs = std::vector<std::unique_ptr<LabSender>>;

absl::StatusOr<std::unique_ptr<OrderBook>> OpenOrders(const StudioConfig& config,
                                                      Catalog& catalog) {
  std::set<std::string> ids;
  for (const Peer& lab : config.labs) ids.insert(lab.id);
  return OrderBook::Open(catalog.database(), config.device, std::move(ids), base::RealClock());
}

absl::StatusOr<Labs> MakeLabs(const StudioConfig& config, Catalog& catalog, OrderBook& orders,
                              rpc::Metrics& metrics, base::RateLimit& limit, FolderHands& hands) {
  Labs labs;
  for (const Peer& lab : config.labs) {
    const absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = rpc::MakeChannel(lab.channel);
    if (!channel.ok()) return channel.status();
    labs.push_back(std::make_unique<LabSender>(lab.id, *channel, lab.title, catalog, orders,
                                               metrics, &limit, &hands));
  }
  return labs;
}

// The control socket and the metrics page; `endpoints` tells what is listened on.
absl::StatusOr<std::unique_ptr<rpc::Server>> StartServers(const StudioConfig& config,
                                                          ControlService& control,
                                                          rpc::Metrics& metrics,
                                                          rpc::Endpoints& endpoints) {
  rpc::ServerOptions options = rpc::ControlOptions(config.state);
  // A roster of the largest size, and what is around it.
  options.max_receive_bytes = 20 << 20;
  absl::StatusOr<std::unique_ptr<rpc::Server>> server = rpc::Server::Start(options, {&control});
  if (!server.ok()) return server;
  endpoints["control"] = (*server)->addresses().front();
  if (!config.metrics_address.empty()) {
    const absl::StatusOr<std::string> address =
        metrics.Expose(config.metrics_address, "metrics.address in the configuration");
    if (!address.ok()) return address.status();
    endpoints["metrics"] = *address;
  }
  return server;
}

Renderer::Options RendererOptions(const StudioConfig& config, base::WorkWatch& watch,
                                  FolderHands& hands) {
  // An attempt, another in a fresh worker, an inspection before, and time to wait for a worker.
  return {config.imaging.workers, &watch, 6 * config.imaging.time_limit + kPatience, &hands};
}

Catalog::Options CatalogOptions(const StudioConfig& config, FolderHands& hands) {
  Catalog::Options options{
      config.state / "catalog", config.catalog_cache, config.device, config.grace,
      config.raw_is_original,   /*ask_host=*/true};
  options.look = [&hands](const std::string& root, const std::string& path) {
    const absl::StatusOr<Reading> reading =
        hands.Ask(root, path, [root, path] { return ReadListed(root, path); });
    return reading.value_or(Reading{Reading::Kind::kUnknown, {}});
  };
  return options;
}

// What a changed configuration reaches while the daemon runs.
struct LiveParts {
  Catalog& catalog;
  imaging::WorkerPool& pool;
  HoursKeeper& hours;
  base::RateLimit& upload_limit;
  base::RateLimit& lab_limit;
};

absl::Status Reload(const std::filesystem::path& file, const LiveParts& parts) {
  const absl::StatusOr<StudioConfig> config = LoadStudioConfig(file);
  if (!config.ok()) return config.status();
  if (absl::Status good = TryWatermark(config->preferences, parts.pool); !good.ok()) return good;
  const absl::StatusOr<std::int64_t> decided = parts.catalog.UsePreferences(config->preferences);
  if (!decided.ok()) return decided.status();
  if (*decided > 0) spdlog::info("{} photos are selected otherwise than before", *decided);
  parts.hours.Set(config->hours);
  parts.upload_limit.SetRate(config->upload_rate);
  parts.lab_limit.SetRate(config->lab_upload_rate);
  return absl::OkStatus();
}

// What does not get on, for the watchdog. A catalog that answers nobody keeps this from returning,
// which the watchdog notices as well.
std::string Stuck(const Catalog& catalog, const base::WorkWatch& watch) {
  if (!catalog.ListGalleries("", 1).ok()) return "the catalog";
  return watch.Late();
}

std::string StatusLine(const Catalog& catalog) {
  const CatalogCounts counts = catalog.counts();
  const std::int64_t failed = counts.in(v1::LOCAL_PHOTO_STATE_FAILED);
  return base::Concat(counts.in(v1::LOCAL_PHOTO_STATE_PUBLISHED), " photos at the host, ",
                      counts.in(v1::LOCAL_PHOTO_STATE_RENDERED), " to send, ",
                      counts.in(v1::LOCAL_PHOTO_STATE_WAITING), " to render, ", failed, " failed",
                      counts.paused ? "; paused" : "");
}

absl::Status Run(const StudioConfig& config, base::RunningProgram& program) {
  // Goes last: a share that does not answer may hold up everything below.
  FolderCalls calls;
  base::EndGuard guard;
  FolderHands hands(calls);

  // Store.
  absl::Status status = base::MakeDirectories(config.state, 0700);
  if (!status.ok()) return status;
  const auto lock = base::DirectoryLock::Acquire(config.state, "proofline-studiod");
  if (!lock.ok()) return lock.status();
  const auto catalog = Catalog::Open(CatalogOptions(config, hands), base::RealClock());
  if (!catalog.ok()) return catalog.status();
  const auto orders = OpenOrders(config, **catalog);
  if (!orders.ok()) return orders.status();
  const auto pool = imaging::WorkerPool::Create(config.imaging);
  if (!pool.ok()) return pool.status();
  if (status = TryWatermark(config.preferences, **pool, program.token()); !status.ok()) {
    return status;
  }
  const absl::StatusOr<std::int64_t> decided = (*catalog)->UsePreferences(config.preferences);
  if (!decided.ok()) return decided.status();
  if (*decided > 0) spdlog::info("{} photos are selected otherwise than before", *decided);

  // Parts in flow order. Each is stopped by its destructor, the last one first.
  rpc::Metrics metrics;
  const auto host = rpc::MakeChannel(config.host.channel);
  if (!host.ok()) return host.status();
  base::WorkWatch watch;
  Ingest ingest(config.settle, **catalog, base::RealClock(), config.rules, &calls, &watch, &hands);
  FolderWatcher watcher({.roots = config.roots,
                         .rescan_interval = config.scan_interval,
                         .poll_interval = config.poll_interval,
                         .poll = config.poll,
                         .rules = config.rules,
                         .calls = &calls},
                        ingest);
  Renderer renderer(RendererOptions(config, watch, hands), **catalog, ingest, **pool, metrics);
  base::RateLimit upload_limit(config.upload_rate);
  ProofPublisher publisher(*host, config.host.title, **catalog, metrics, &upload_limit, &watch);
  Rebuild rebuild({**catalog, ingest, watcher, publisher, config.state});
  Withdrawer withdrawer(**catalog, **orders, config.rules, &hands);
  OrderFollower follower(*host, config.host.title, **orders);
  base::RateLimit lab_limit(config.lab_upload_rate);
  const auto labs = MakeLabs(config, **catalog, **orders, metrics, lab_limit, hands);
  if (!labs.ok()) return labs.status();
  ProgressReporter reporter(*host, config.host.title, **orders);
  SelectionClock selection_clock(**catalog);
  HoursKeeper hours(config.hours, [&](bool rest) { (*catalog)->SetResting(rest); });
  ControlService control({**catalog, **orders, ingest, watcher, publisher, pool->get(),
                          [&hours] { return hours.message(); }, &rebuild});

  // The server before the threads: it changes the umask for a moment.
  rpc::Endpoints endpoints;
  const auto server = StartServers(config, control, metrics, endpoints);
  if (!server.ok()) return server.status();
  if (status = watcher.Start(); !status.ok()) return status;
  hours.Start();
  ingest.Start();
  renderer.Start();
  publisher.Start();
  rebuild.Start();
  withdrawer.Start();
  follower.Start();
  for (const std::unique_ptr<LabSender>& lab : *labs) lab->Start();
  reporter.Start();
  selection_clock.Start();
  if (status = rpc::WriteEndpoints(config.state, endpoints); !status.ok()) return status;
  spdlog::info("{} watches {} folders", config.device.ToString(), config.roots.size());

  program.Serve({[&](const std::filesystem::path& file) {
                   return Reload(file, {**catalog, **pool, hours, upload_limit, lab_limit});
                 },
                 [&] { return Stuck(**catalog, watch); }, [&] { return StatusLine(**catalog); }});
  guard.Arm(kLongestEnd, [&calls] { return calls.AnyHanging(); });
  status = rpc::RemoveEndpoints(config.state);
  control.Stop();
  (*server)->Drain(std::chrono::seconds(2));
  return status;
}

base::Program::Loaded Loaded(StudioConfig config, const std::filesystem::path& file) {
  base::Program::Loaded loaded;
  loaded.check = [file, preferences = config.preferences,
                  imaging = config.imaging]() -> absl::StatusOr<std::string> {
    const auto pool = imaging::WorkerPool::Create(imaging);
    if (!pool.ok()) return pool.status();
    if (absl::Status good = TryWatermark(preferences, **pool); !good.ok()) return good;
    return file.string() + " is fine";
  };
  loaded.actions[kRebuildFlag] = [state = config.state] { return SetCatalogAside(state); };
  loaded.run = [config = std::move(config)](base::RunningProgram& program) {
    return Run(config, program);
  };
  return loaded;
}

}  // namespace
}  // namespace proofline::studio

int main(int argc, char** argv) {
  using namespace proofline;
  const base::Program program{
      "proofline-studiod",
      "Watches a studio's folders and brings its photos to the host and to labs.",
      PROOFLINE_VERSION,
      studio::StudioConfigTable(),
      studio::LiveStudioKeys(),
      {{studio::kRebuildFlag,
        "Set the catalog aside, so that the next start makes a new one from the folders and the "
        "host, and end."}}};
  return base::RunProgram(
      program, argc, argv,
      [](const std::filesystem::path& file) -> absl::StatusOr<base::Program::Loaded> {
        absl::StatusOr<studio::StudioConfig> config = studio::LoadStudioConfig(file);
        if (!config.ok()) return config.status();
        return studio::Loaded(*std::move(config), file);
      });
}
