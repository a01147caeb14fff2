#include "daemon/renderer.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "lib/base/backoff.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::studio {
namespace {

// The pool says nothing of the picture: it was told to stop, or could start no worker.
bool IsNoVerdict(const absl::Status& status) {
  return absl::IsCancelled(status) || absl::IsUnavailable(status);
}

bool IsAsSettled(int fd, const FileStamp& stamp) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return false;
  const Reading reading = ReadingOf(status);
  return reading.is_file() && reading.stamp.SameContent(stamp);
}

// Digest of an open file, read without moving its offset.
absl::StatusOr<base::Digest> DigestOf(int fd, const std::string& path,
                                      const std::stop_token& stop) {
  base::Sha256 sha;
  std::string buffer(std::size_t{1} << 20, '\0');
  off_t offset = 0;
  while (true) {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::ErrnoStatus(errno, base::Concat("cannot read ", Readable(path)));
    if (got == 0) return sha.Finish();
    sha.Update(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
    offset += got;
  }
}

// What a raw developer has put beside the original; empty if there is nothing, or nothing usable. A
// sidecar that changes or goes has its photo rendered again, so what is read here may be old.
std::string ReadSidecar(const std::string& path) {
  if (path.empty()) return {};
  absl::StatusOr<std::string> xmp = base::ReadFile(path, imaging::kMaxSidecar);
  if (xmp.ok()) return *std::move(xmp);
  if (!absl::IsNotFound(xmp.status())) {
    spdlog::warn("{}; the photo is read without it", base::ToStd(xmp.status().message()));
  }
  return {};
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

absl::Status Renderer::Render(const RenderTask& task, const std::stop_token& stop) {
  const base::UniqueFd fd(
      ::open(task.path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR || error == ELOOP) return Unsettled(task, stop);
    return Failed(task, base::ErrnoStatus(error, "the original cannot be opened"),
                  /*unreadable=*/true);
  }
  if (!IsAsSettled(fd.get(), task.stamp)) return Unsettled(task, stop);

  if (task.maybe_known) {
    const absl::StatusOr<base::Digest> digest = DigestOf(fd.get(), task.path, stop);
    if (absl::IsCancelled(digest.status())) return digest.status();
    if (!digest.ok()) return Failed(task, digest.status(), /*unreadable=*/true);
    if (!IsAsSettled(fd.get(), task.stamp)) return Unsettled(task, stop);
    const absl::StatusOr<bool> known = catalog_.FinishIfKnown(task, *digest, stop);
    if (!known.ok()) return known.status();
    if (*known) return absl::OkStatus();
  }

  std::string sidecar = ReadSidecar(task.sidecar_path);
  std::optional<imaging::ImageFacts> inspected;
  const std::shared_ptr<const Preferences> preferences = catalog_.preferences();
  const absl::StatusOr<Selection> selection =
      SelectFor(*preferences, task, fd.get(), sidecar, stop, inspected);
  if (IsNoVerdict(selection.status())) return selection.status();
  if (!IsAsSettled(fd.get(), task.stamp)) return Unsettled(task, stop);
  if (!selection.ok()) {
    return Failed(task, selection.status(), IsReadFailure(selection.status()));
  }
  if (selection->renditions.empty()) {
    return catalog_.FinishKept(task, inspected.has_value() ? &*inspected : nullptr,
                               selection->reason);
  }
  imaging::RenditionRequest request;
  request.specs = selection->renditions;
  request.edit = task.edit;
  request.watermark = preferences->watermark;
  request.sidecar_xmp = std::move(sidecar);
  const absl::StatusOr<imaging::Renditions> made = pool_.MakeRenditions(fd.get(), request, stop);
  if (IsNoVerdict(made.status())) return made.status();
  // A file that was written meanwhile may well look broken.
  if (absl::IsAborted(made.status()) || !IsAsSettled(fd.get(), task.stamp)) {
    return Unsettled(task, stop);
  }
  if (!made.ok()) return Failed(task, made.status(), IsReadFailure(made.status()));
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
