// Image work in processes of their own: a picture that breaks its decoder breaks nothing else.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/imaging/image_facts.h"
#include "lib/imaging/print_spec.h"
#include "lib/imaging/rendition.h"
#include "lib/imaging/similarity.h"

namespace proofline::imaging {

// A number of worker processes (the program proofline-imaging-worker), started when first needed.
// A worker gets a read-only descriptor of the original and hands back a sealed memory file; it has
// a memory limit, a time limit, and a limited number of pictures before it is replaced. One that
// crashes or overruns its time is replaced and the picture tried once more in the fresh one.
//
// Thread-safe. Every call blocks until its picture is done, failed, or `stop` is requested; a call
// waits while all workers are busy. The pool must outlive its calls; its destructor ends the
// workers. Workers also end by themselves when this process ends, however it ends.
//
// Errors of all calls, each with a sentence about the picture, in valid UTF-8, on one line:
//   InvalidArgument     the picture is broken, cut short, or of a format that is not supported; or
//                       the request is wrong
//   ResourceExhausted   it is above the limits of pixels, bytes or memory
//   DeadlineExceeded    it took longer than the time limit, twice
//   Internal            it made the decoder crash, twice
//   FailedPrecondition  the picture cannot give what is asked (a camera RAW of an unknown kind,
//                       without a preview of the size)
//   DataLoss            the file could not be read to its end
//   Unavailable         no worker process could be started or spoken to (memory, descriptors, the
//                       program itself): not the picture's fault; ask again later
//   Aborted             the file changed or became shorter while it was read: not the picture's
//                       fault; ask again when it has settled
//   Cancelled           `stop` was requested
class WorkerPool {
 public:
  struct Options {
    // The worker program; when empty, proofline-imaging-worker beside the running program.
    std::filesystem::path worker_path = {};
    // Processes at once, 1 to 256: one for each core that may be used.
    int workers = 2;
    // Address space of one worker in bytes, at least 256 MiB. Not enforced in builds with
    // sanitizers, which reserve terabytes of it.
    std::uint64_t memory_limit = std::uint64_t{4} << 30;
    // Wall-clock time for one attempt at one picture.
    std::chrono::milliseconds time_limit = std::chrono::seconds(60);
    // Pictures after which a worker is replaced, at least 1.
    int recycle_after = 200;
    // Width times height above which a picture is refused before it is decoded.
    std::uint64_t max_pixels = 400'000'000;
    // Size above which a file is refused before it is read.
    std::uint64_t max_file_bytes = std::uint64_t{2} << 30;
    // Added to the workers' niceness, 0 to 19. Above 0 their reading comes after that of others;
    // at 19 they get processor and disk only while nobody else wants them.
    int nice = 0;
  };

  // Counters since the pool was made, and processes now.
  struct Stats {
    std::uint64_t pictures = 0;
    std::uint64_t failed = 0;
    std::uint64_t retries = 0;
    std::uint64_t workers_started = 0;
    int workers_alive = 0;
  };

  // Starts no process. FailedPrecondition if the worker program is not there, InvalidArgument for
  // options out of range.
  static absl::StatusOr<std::unique_ptr<WorkerPool>> Create(Options options);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // `original_fd` stays the caller's; it must be a regular file opened read-only, and is read
  // without moving its offset.
  absl::StatusOr<Renditions> MakeRenditions(int original_fd, const RenditionRequest& request,
                                            const std::stop_token& stop = {});
  absl::StatusOr<PrintRendering> RenderPrint(int original_fd, const PrintRequest& request,
                                             const std::stop_token& stop = {});
  // Facts only; decodes no pixels. `sidecar_xmp` as in RenditionRequest.
  absl::StatusOr<ImageFacts> Inspect(int original_fd, const std::stop_token& stop = {},
                                     std::string_view sidecar_xmp = {});

  // Pictures in memory, in any supported format. `b` is scaled to the size of `a`.
  absl::StatusOr<Similarity> Compare(std::string_view a, std::string_view b,
                                     const std::stop_token& stop = {});
  // One JPEG with the pictures in rows of `columns` (1 to 100), each fitted into a square of
  // `cell_px` (16 to 2000). 1 to 1000 pictures; no labels, or one in UTF-8 below each.
  absl::StatusOr<std::string> ContactSheet(const std::vector<std::string>& pictures, int columns,
                                           int cell_px, const std::vector<std::string>& labels = {},
                                           const std::stop_token& stop = {});

  Stats stats() const;
  // Process ids of the living workers.
  std::vector<int> WorkerPids() const;

 private:
  class Impl;
  explicit WorkerPool(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace proofline::imaging
