// proofline-labd: receives jobs from studios, renders them, and prints each page once.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "labd/control_service.h"
#include "labd/file_printer.h"
#include "labd/intake_service.h"
#include "labd/ipp_printer.h"
#include "labd/job_store.h"
#include "labd/lab_config.h"
#include "labd/print_queue.h"
#include "labd/spool.h"
#include "labd/spool_cleaner.h"
#include "labd/studio_access.h"
#include "labd/upload.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/program.h"
#include "lib/base/text.h"
#include "lib/rpc/endpoints.h"
#include "lib/rpc/executor.h"
#include "lib/rpc/metrics.h"
#include "lib/rpc/server.h"

namespace proofline::lab {
namespace {

constexpr std::chrono::seconds kGrace{3};

absl::StatusOr<StudioAccess> ReadKeys(const LabConfig& config) {
  StudioAccess access;
  for (const StudioConfig& studio : config.studios) {
    const absl::StatusOr<std::string> key = base::ReadSecretFile(studio.key_file);
    if (!key.ok()) return key.status();
    if (absl::Status added = access.Add(studio.id, *key); !added.ok()) return added;
  }
  return access;
}

absl::StatusOr<std::vector<PrintQueue::Setup>> MakePrinters(const LabConfig& config) {
  std::vector<PrintQueue::Setup> printers;
  for (const PrinterConfig& printer : config.printers) {
    if (printer.kind == PrinterKind::kFile) {
      printers.push_back({printer.id, std::make_unique<FilePrinter>(printer.folder)});
      continue;
    }
    absl::StatusOr<std::unique_ptr<IppClient>> client = MakeIppClient(printer.uri);
    if (!client.ok()) return client.status();
    printers.push_back({printer.id, std::make_unique<IppPrinter>(printer.uri, *std::move(client))});
  }
  return printers;
}

imaging::WorkerPool::Options ImagingOptions(const LabConfig& config) {
  imaging::WorkerPool::Options options;
  options.worker_path = config.imaging_worker;
  options.workers = config.imaging_workers > 0
                        ? config.imaging_workers
                        : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  options.memory_limit = config.imaging_memory;
  options.time_limit = config.imaging_time_limit;
  options.max_pixels = config.imaging_max_pixels;
  options.max_file_bytes = std::max(options.max_file_bytes, config.max_original);
  return options;
}

// Everything from the store to the end of the process.
absl::Status Run(const LabConfig& config, base::RunningProgram& program) {
  if (absl::Status made = base::MakeDirectories(config.state, 0700); !made.ok()) return made;
  const absl::StatusOr<base::DirectoryLock> lock =
      base::DirectoryLock::Acquire(config.state, "lab daemon");
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<StudioAccess> access = ReadKeys(config);
  if (!access.ok()) return access.status();

  base::Clock& clock = base::RealClock();
  JobStore::Options store_options;
  store_options.clock = &clock;
  const auto store = JobStore::Open(config.state / "store", store_options);
  if (!store.ok()) return store.status();
  const auto spool = Spool::Open(config.state / "spool", config.spool_limit);
  if (!spool.ok()) return spool.status();
  const auto pool = imaging::WorkerPool::Create(ImagingOptions(config));
  if (!pool.ok()) return pool.status();
  absl::StatusOr<std::vector<PrintQueue::Setup>> printers = MakePrinters(config);
  if (!printers.ok()) return printers.status();

  rpc::Metrics metrics;
  rpc::Executor executor(8, 1024);
  PrintQueue queue(**store, **spool, **pool, config.products, metrics, *std::move(printers));
  IntakeService intake(config, *access, **store, **spool, executor, metrics);
  ControlService control(config, PROOFLINE_VERSION, clock, **store, **spool, queue, executor);
  // Also when starting fails: servers go first, then what they have begun, then what that needs.
  const absl::Cleanup finish_begun = [&] { executor.Stop(); };

  if (absl::Status recovered = queue.Recover(); !recovered.ok()) return recovered;
  rpc::ServerOptions intake_options =
      rpc::ServingOptions(config.serving, config.intake_address, "intake.address");
  // A chunk of an original with what goes around it.
  intake_options.max_receive_bytes = static_cast<int>(Upload::kMaxChunk) + (64 << 10);
  const auto intake_server = rpc::Server::Start(intake_options, {&intake});
  if (!intake_server.ok()) return intake_server.status();
  const auto control_server = rpc::Server::Start(rpc::ControlOptions(config.state), {&control});
  if (!control_server.ok()) return control_server.status();
  rpc::Endpoints endpoints{{"intake", (*intake_server)->addresses().front()},
                           {"control", (*control_server)->addresses().front()},
                           {"pid", std::to_string(::getpid())}};
  if (!config.metrics_address.empty()) {
    const auto exposed = metrics.Expose(config.metrics_address, "metrics.address");
    if (!exposed.ok()) return exposed.status();
    endpoints["metrics"] = *exposed;
  }
  queue.Start();
  const SpoolCleaner cleaner(**store, **spool, clock, config.spool_keep, config.jobs_keep);
  if (absl::Status written = rpc::WriteEndpoints(config.state, endpoints); !written.ok()) {
    return written;
  }
  spdlog::info("lab {} takes jobs on {}", config.lab_id, endpoints["intake"]);

  // A store that answers nobody, and calls that do not end, keep the watchdog from being fed.
  const auto stuck = [&]() -> std::string {
    if (!(*store)->IsPaused("").ok()) return "the store";
    return program.IsLate(executor.oldest()) ? "the work for studios" : "";
  };
  program.Serve({.stuck = stuck});
  const absl::Status ending = absl::UnavailableError("the lab is being stopped");
  intake.FinishStreams(ending);
  control.FinishStreams(ending);
  (*intake_server)->Drain(kGrace);
  (*control_server)->Drain(kGrace);
  queue.Stop();
  executor.Stop();
  return rpc::RemoveEndpoints(config.state);
}

// What can be learnt about a configuration without a start.
absl::StatusOr<std::string> Check(const LabConfig& config) {
  absl::Status status = ReadKeys(config).status();
  if (status.ok()) status = MakePrinters(config).status();
  if (!status.ok()) return status;
  return base::Concat("the configuration is fine: ", config.studios.size(), " studios, ",
                      config.printers.size(), " printers, ", config.products.size(), " products");
}

base::Program::Loaded Loaded(const LabConfig& config) {
  base::Program::Loaded loaded;
  loaded.check = [config] { return Check(config); };
  loaded.run = [config](base::RunningProgram& program) { return Run(config, program); };
  return loaded;
}

}  // namespace
}  // namespace proofline::lab

int main(int argc, char** argv) {
  using namespace proofline;
  const base::Program program{
      "proofline-labd",
      "The Proofline lab daemon: receives ordered originals, renders and prints them.",
      PROOFLINE_VERSION, lab::LabConfigTable()};
  return base::RunProgram(
      program, argc, argv,
      [](const std::filesystem::path& file) -> absl::StatusOr<base::Program::Loaded> {
        const absl::StatusOr<lab::LabConfig> config = lab::ReadLabConfig(file);
        if (!config.ok()) return config.status();
        return lab::Loaded(*config);
      });
}
