#include "daemon/renderer.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <string>
#include <utility>

#include "daemon/volume.h"
#include "lib/base/backoff.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::studio {
namespace {

// The pool says nothing of the picture: it was told to stop, or could start no worker.
bool IsNoVerdict(const absl::Status& status) {
  return absl::IsCancelled(status) || absl::IsUnavailable(status);
}

// More is read where it lies, also on a share.
constexpr std::int64_t kMostInMemory = std::int64_t{256} << 20;

// What a raw developer has put beside the original; empty if there is nothing, or nothing usable. A
// sidecar that changes or goes has its photo rendered again, so what is read here may be old.
absl::StatusOr<std::string> ReadSidecar(FolderHands& hands, const RenderTask& task,
                                        const std::stop_token& stop) {
  const std::string& path = task.sidecar_path;
  if (path.empty()) return std::string();
  absl::StatusOr<std::string> xmp = hands.Ask(
      task.root, path, [path] { return base::ReadFile(path, imaging::kMaxSidecar); }, stop);
  if (xmp.ok() || absl::IsDeadlineExceeded(xmp.status()) || absl::IsCancelled(xmp.status())) {
    return xmp;
  }
  if (!absl::IsNotFound(xmp.status())) {
    spdlog::warn("{}; the photo is read without it", base::ToStd(xmp.status().message()));
  }
  return std::string();
}

// The disk or share could not give the file, which says nothing about the picture in it.
bool IsReadFailure(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDataLoss(status) ||
         absl::IsPermissionDenied(status) || absl::IsNotFound(status);
}

}  // namespace

Renderer::Renderer(const Options& options, Catalog& catalog, Ingest& ingest,
                   imaging::WorkerPool& pool, rpc::Metrics& metrics)
    : options_(options),
      catalog_(catalog),
      ingest_(ingest),
      pool_(pool),
      hands_(options.hands != nullptr ? *options.hands : own_hands_),
      rendered_(metrics.AddCounter("proofline_studio_rendered_total", "Photos rendered.")),
      failed_(metrics.AddCounter("proofline_studio_render_failures_total",
                                 "Photos that could not be rendered.")),
      seconds_(metrics.AddHistogram("proofline_studio_render_seconds",
                                    "Time from taking a photo to its durable record.")) {}

Renderer::~Renderer() { Stop(); }

void Renderer::Start() {
  for (int i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { Run(stop); });
  }
}

void Renderer::Stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void Renderer::Run(const std::stop_token& stop) {
  base::Backoff backoff(std::chrono::milliseconds(200), std::chrono::seconds(30));
  while (std::optional<RenderTask> task = catalog_.TakeWaiting(stop)) {
    const auto begin = std::chrono::steady_clock::now();
    const absl::Status status = RenderWatched(*task, stop);
    if (status.ok()) {
      backoff.Reset();
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      seconds_.Observe(took.count());
      continue;
    }
    if (!stop.stop_requested()) {
      // The disk of the catalog fails, or no worker starts: nothing is lost, and trying again at
      // once helps nobody.
      spdlog::error("the photo {} waits: {}", Readable(task->path), base::ToStd(status.message()));
      base::WaitFor(stop, backoff.Next());
    }
    catalog_.Release(*task);
  }
}

absl::Status Renderer::RenderWatched(const RenderTask& task, const std::stop_token& stop) {
  if (options_.watch == nullptr) return Render(task, stop);
  const base::WorkWatch::Busy busy = options_.watch->Begin(
      base::Concat("the rendering of ", Readable(task.path)), options_.longest);
  return Render(task, stop);
}

absl::Status Renderer::Unsettled(const RenderTask& task, const std::stop_token& stop) {
  if (absl::Status status = catalog_.FinishUnsettled(task); !status.ok()) return status;
  ingest_.LookAgain(task.root, task.path, stop);
  return absl::OkStatus();
}

absl::Status Renderer::Failed(const RenderTask& task, const absl::Status& why, bool unreadable) {
  failed_.Increment();
  spdlog::warn("{}: {}", Readable(task.path), base::ToStd(why.message()));
  return catalog_.FinishFailed(task, std::string(base::ToStd(why.message())), unreadable);
}

absl::StatusOr<Selection> Renderer::SelectFor(const Preferences& preferences,
                                              const RenderTask& task, int original,
                                              const std::string& sidecar,
                                              const std::stop_token& stop,
                                              std::optional<imaging::ImageFacts>& inspected) {
  Selection selection = Select(task.facts, preferences);
  if (!selection.needs_inspection) return selection;
  absl::StatusOr<imaging::ImageFacts> facts = pool_.Inspect(original, stop, sidecar);
  if (!facts.ok()) return facts.status();
  inspected = *std::move(facts);
  return Select(catalog_.FactsAfter(task, *inspected), preferences);
}

absl::Status Renderer::Unreadable(const RenderTask& task, const absl::Status& why,
                                  const std::stop_token& stop) {
  const absl::StatusOr<bool> away =
      absl::IsDeadlineExceeded(why)
          ? true
          : hands_.Ask(
                task.root, task.root,
                [task] {
                  return IsVolumeAway(task.root, task.path, task.stamp,
                                      MainPlace(task.record)->on_submount());
                },
                stop);
  if (absl::IsCancelled(away.status())) return away.status();
  if (away.ok() && !*away) return Failed(task, why, /*unreadable=*/true);
  spdlog::warn("{} waits until its folder can be read: {}", Readable(task.path),
               base::ToStd(why.message()));
  return catalog_.FinishUnsettled(task);
}

absl::StatusOr<bool> Renderer::IsAsSettled(const FolderFile& file, const FileStamp& stamp,
                                           const std::stop_token& stop) {
  const absl::StatusOr<struct stat> facts = file.Facts(stop);
  if (absl::IsDeadlineExceeded(facts.status()) || absl::IsCancelled(facts.status())) {
    return facts.status();
  }
  if (!facts.ok()) return false;
  const Reading reading = ReadingOf(*facts);
  return reading.is_file() && reading.stamp.SameContent(stamp);
}

absl::Status Renderer::Render(const RenderTask& task, const std::stop_token& stop) {
  const absl::StatusOr<FolderFile> file = FolderFile::Open(hands_, task.root, task.path, stop);
  if (absl::IsCancelled(file.status())) return file.status();
  if (absl::IsNotFound(file.status())) return Unsettled(task, stop);
  if (!file.ok()) return Unreadable(task, file.status(), stop);
  const absl::StatusOr<bool> settled = IsAsSettled(*file, task.stamp, stop);
  if (absl::IsCancelled(settled.status())) return settled.status();
  if (!settled.ok()) return Unreadable(task, settled.status(), stop);
  if (!*settled) return Unsettled(task, stop);
  if (!file->on_share() || static_cast<std::int64_t>(task.stamp.size) > kMostInMemory) {
    return RenderFrom(task, *file, file->fd(), stop);
  }
  const absl::StatusOr<base::UniqueFd> copy = file->CopyToMemory(stop);
  if (absl::IsCancelled(copy.status())) return copy.status();
  if (!copy.ok()) return Unreadable(task, copy.status(), stop);
  return RenderFrom(task, *file, copy->get(), stop);
}

absl::Status Renderer::RenderFrom(const RenderTask& task, const FolderFile& file, int original,
                                  const std::stop_token& stop) {
  if (task.maybe_known) {
    const absl::StatusOr<base::Digest> digest = file.Sha256(stop);
    if (absl::IsCancelled(digest.status())) return digest.status();
    if (!digest.ok()) return Unreadable(task, digest.status(), stop);
    const absl::StatusOr<bool> settled = IsAsSettled(file, task.stamp, stop);
    if (!settled.ok()) return Unreadable(task, settled.status(), stop);
    if (!*settled) return Unsettled(task, stop);
    const absl::StatusOr<bool> known = catalog_.FinishIfKnown(task, *digest, stop);
    if (!known.ok()) return known.status();
    if (*known) return absl::OkStatus();
  }

  absl::StatusOr<std::string> sidecar = ReadSidecar(hands_, task, stop);
  if (absl::IsCancelled(sidecar.status())) return sidecar.status();
  if (!sidecar.ok()) return Unreadable(task, sidecar.status(), stop);
  std::optional<imaging::ImageFacts> inspected;
  const std::shared_ptr<const Preferences> preferences = catalog_.preferences();
  const absl::StatusOr<Selection> selection =
      SelectFor(*preferences, task, original, *sidecar, stop, inspected);
  if (IsNoVerdict(selection.status())) return selection.status();
  absl::StatusOr<bool> settled = IsAsSettled(file, task.stamp, stop);
  if (!settled.ok()) return Unreadable(task, settled.status(), stop);
  if (!*settled) return Unsettled(task, stop);
  if (!selection.ok()) {
    return IsReadFailure(selection.status()) ? Unreadable(task, selection.status(), stop)
                                             : Failed(task, selection.status(), false);
  }
  if (selection->renditions.empty()) {
    return catalog_.FinishKept(task, inspected.has_value() ? &*inspected : nullptr,
                               selection->reason);
  }
  imaging::RenditionRequest request;
  request.specs = selection->renditions;
  request.edit = task.edit;
  request.watermark = preferences->watermark;
  request.sidecar_xmp = *std::move(sidecar);
  const absl::StatusOr<imaging::Renditions> made = pool_.MakeRenditions(original, request, stop);
  if (IsNoVerdict(made.status())) return made.status();
  settled = IsAsSettled(file, task.stamp, stop);
  if (!settled.ok()) return Unreadable(task, settled.status(), stop);
  // A file that was written meanwhile may well look broken.
  if (absl::IsAborted(made.status()) || !*settled) return Unsettled(task, stop);
  if (!made.ok()) {
    return IsReadFailure(made.status()) ? Unreadable(task, made.status(), stop)
                                        : Failed(task, made.status(), /*unreadable=*/false);
  }
  RenderTask done = task;
  done.recipe = selection->Recipe();
  done.reason = selection->reason;
  if (absl::Status status = catalog_.FinishRendered(done, *made, selection->sent); !status.ok()) {
    return status;
  }
  rendered_.Increment();
  return absl::OkStatus();
}

}  // namespace proofline::studio
