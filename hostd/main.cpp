// proofline-hostd: stores renditions and metadata of many studios, shows them to customers, and
// takes orders.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "hostd/access.h"
#include "hostd/admin_service.h"
#include "hostd/host_config.h"
#include "hostd/host_metrics.h"
#include "hostd/live_streams.h"
#include "hostd/not_served.h"
#include "hostd/order_feed.h"
#include "hostd/store.h"
#include "hostd/storefront_service.h"
#include "hostd/sync_service.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/program.h"
#include "lib/base/text.h"
#include "lib/rpc/endpoints.h"
#include "lib/rpc/executor.h"
#include "lib/rpc/metrics.h"
#include "lib/rpc/server.h"

namespace proofline::host {
namespace {

constexpr std::chrono::seconds kGrace{3};
constexpr std::chrono::seconds kIdle{30};
// A photo with the largest proof that anybody makes of it; packs of many photos are smaller.
constexpr int kMaxPublishBytes = 16 << 20;
// An order of many lines.
constexpr int kMaxCustomerBytes = 256 << 10;

// Everything from the store to the end of the process.
absl::Status Run(const HostConfig& config, base::RunningProgram& program) {
  if (absl::Status made = base::MakeDirectories(config.state, 0700); !made.ok()) return made;
  const auto lock = base::DirectoryLock::Acquire(config.state, "host");
  if (!lock.ok()) return lock.status();

  base::Clock& clock = base::RealClock();
  rpc::Metrics all_metrics;
  HostMetrics metrics(all_metrics);
  const auto store = Store::Open(config.state / "store", config.store_cache, clock);
  if (!store.ok()) return store.status();
  const absl::StatusOr<bool> in_use = (*store)->HasIdentifiers();
  if (!in_use.ok()) return in_use.status();
  const auto hasher = IdentifierHasher::Load(config.state / "identifier.key", *in_use);
  if (!hasher.ok()) return hasher.status();
  Access access(**store, clock, *hasher,
                std::chrono::floor<std::chrono::seconds>(config.session_lifetime));

  const int threads = std::max(4, 2 * static_cast<int>(std::thread::hardware_concurrency()));
  rpc::Executor sync_executor(threads, 4'096);
  rpc::Executor storefront_executor(threads, 4'096);
  rpc::Executor feed_executor(4, 65'536);
  rpc::Executor admin_executor(2, 256);
  LiveStreams streams;
  OrderFeed feed(**store, feed_executor, metrics, kIdle);
  SyncService sync({**store, access, feed, streams, sync_executor, metrics});
  EnrolmentService enrolment;
  StorefrontService storefront({**store, access, feed, streams, storefront_executor, metrics});
  AdminService admin({**store, access, streams, admin_executor});
  // Also when starting fails: servers go first, then what they have begun, then what that needs.
  const absl::Cleanup finish_begun = [&] {
    feed_executor.Stop();
    storefront_executor.Stop();
    sync_executor.Stop();
    admin_executor.Stop();
  };

  rpc::ServerOptions sync_options =
      rpc::ServingOptions(config.serving, config.sync_address, "sync.address");
  sync_options.max_receive_bytes = kMaxPublishBytes;
  const auto sync_server = rpc::Server::Start(sync_options, {&sync, &enrolment});
  if (!sync_server.ok()) return sync_server.status();
  rpc::ServerOptions storefront_options =
      rpc::ServingOptions(config.serving, config.storefront_address, "storefront.address");
  storefront_options.max_receive_bytes = kMaxCustomerBytes;
  const auto storefront_server = rpc::Server::Start(storefront_options, {&storefront});
  if (!storefront_server.ok()) return storefront_server.status();
  const auto control_server = rpc::Server::Start(rpc::ControlOptions(config.state), {&admin});
  if (!control_server.ok()) return control_server.status();
  rpc::Endpoints endpoints{{"sync", (*sync_server)->addresses().front()},
                           {"storefront", (*storefront_server)->addresses().front()},
                           {"control", (*control_server)->addresses().front()},
                           {"pid", std::to_string(::getpid())}};
  if (!config.metrics_address.empty()) {
    const auto exposed = all_metrics.Expose(config.metrics_address, "metrics.address");
    if (!exposed.ok()) return exposed.status();
    endpoints["metrics"] = *exposed;
  }
  if (absl::Status told = rpc::WriteEndpoints(config.state, endpoints); !told.ok()) return told;
  spdlog::info("the host serves devices on {} and customers on {}", endpoints["sync"],
               endpoints["storefront"]);

  // Once, for stores from before headers were counted.
  const std::jthread counting([&store](const std::stop_token& stop) {
    const absl::Status status = (*store)->CountHeaders(stop);
    if (status.ok() || absl::IsCancelled(status)) return;
    spdlog::error("JPEG headers cannot be counted, the next start tries again: {}",
                  base::ToStd(status.message()));
  });

  // A store that answers nobody, or takes nothing, keeps the watchdog from being fed.
  const auto stuck = [&]() -> std::string {
    if (program.IsLate((*store)->oldest_change()) || !(*store)->HasIdentifiers().ok()) {
      return "the store";
    }
    if (program.IsLate(sync_executor.oldest())) return "the work for devices";
    if (program.IsLate(storefront_executor.oldest())) return "the work for customers";
    return program.IsLate(feed_executor.oldest()) ? "the feed of orders" : "";
  };
  program.Serve({.stuck = stuck});
  streams.FinishAll(absl::UnavailableError("the host is shutting down; connect again in a moment"));
  (*control_server)->Drain(kGrace);
  (*storefront_server)->Drain(kGrace);
  (*sync_server)->Drain(kGrace);
  admin_executor.Stop();
  feed_executor.Stop();
  storefront_executor.Stop();
  sync_executor.Stop();
  return rpc::RemoveEndpoints(config.state);
}

base::Program::Loaded Loaded(HostConfig config) {
  base::Program::Loaded loaded;
  loaded.check = [config] {
    return absl::StatusOr<std::string>(base::Concat("the configuration is fine: devices on ",
                                                    config.sync_address, ", customers on ",
                                                    config.storefront_address));
  };
  loaded.run = [config](base::RunningProgram& program) { return Run(config, program); };
  return loaded;
}

}  // namespace
}  // namespace proofline::host

int main(int argc, char** argv) {
  using namespace proofline;
  const base::Program program{
      "proofline-hostd",
      "The Proofline host: stores renditions of many studios, takes customers' orders.",
      PROOFLINE_VERSION, host::HostConfigTable()};
  return base::RunProgram(
      program, argc, argv,
      [](const std::filesystem::path& file) -> absl::StatusOr<base::Program::Loaded> {
        absl::StatusOr<host::HostConfig> config = host::ReadHostConfig(file);
        if (!config.ok()) return config.status();
        return host::Loaded(*std::move(config));
      });
}
