// Makes renditions of the photos that wait for them.
#pragma once

#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "daemon/catalog.h"
#include "daemon/folder_file.h"
#include "daemon/folder_hands.h"
#include "daemon/ingest.h"
#include "daemon/selection.h"
#include "lib/base/unique_fd.h"
#include "lib/base/work_watch.h"
#include "lib/imaging/worker_pool.h"
#include "lib/rpc/metrics.h"

namespace proofline::studio {

// Threads that each take the next waiting photo, have the worker pool make its renditions, and
// commit them with everything that was learnt. What is made, the catalog's preferences say.
// Originals are opened read-only and never written; one that is not as it was when it settled goes
// back to settling, and one whose folder is away or does not answer waits until that is listed
// again. What lies on a share is read into memory first, by the share's own threads, so that no
// worker waits for it. Idle threads wait without polling. Everything given must outlive it.
class Renderer {
 public:
  struct Options {
    int threads = 1;
    // Told of every photo that is begun; none if null.
    base::WorkWatch* watch = nullptr;
    // Most time that one takes unless something hangs.
    base::Duration longest = std::chrono::hours(1);
    // Asked for originals; the renderer has hands of its own if this is null.
    FolderHands* hands = nullptr;
  };
  Renderer(const Options& options, Catalog& catalog, Ingest& ingest, imaging::WorkerPool& pool,
           rpc::Metrics& metrics);
  // As Stop().
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  void Start();
  // Breaks off what is under way; it waits for the next start.
  void Stop();

 private:
  void Run(const std::stop_token& stop);
  absl::Status RenderWatched(const RenderTask& task, const std::stop_token& stop);
  // The status of recording, not of rendering.
  absl::Status Render(const RenderTask& task, const std::stop_token& stop);
  // What is to be made, after a look into the original where the rules ask for one.
  absl::StatusOr<Selection> SelectFor(const Preferences& preferences, const RenderTask& task,
                                      int original, const std::string& sidecar,
                                      const std::stop_token& stop,
                                      std::optional<imaging::ImageFacts>& inspected);
  // After a look into the original. `original` is what a worker may read.
  absl::Status RenderFrom(const RenderTask& task, const FolderFile& file, int original,
                          const std::stop_token& stop);
  // Whether the file is as it was when it settled; an error if its folder does not answer.
  static absl::StatusOr<bool> IsAsSettled(const FolderFile& file, const FileStamp& stamp,
                                          const std::stop_token& stop);
  absl::Status Unsettled(const RenderTask& task, const std::stop_token& stop);
  // The disk or share could not give the original: it waits if that is away, and has failed if not.
  absl::Status Unreadable(const RenderTask& task, const absl::Status& why,
                          const std::stop_token& stop);
  absl::Status Failed(const RenderTask& task, const absl::Status& why, bool unreadable);

  const Options options_;
  Catalog& catalog_;
  Ingest& ingest_;
  imaging::WorkerPool& pool_;
  FolderCalls own_calls_;
  FolderHands own_hands_{own_calls_};
  FolderHands& hands_;
  rpc::Counter& rendered_;
  rpc::Counter& failed_;
  rpc::Histogram& seconds_;
  std::vector<std::jthread> threads_;
};

}  // namespace proofline::studio
