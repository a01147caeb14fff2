// Group commit: many writers, one sync.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "absl/status/status.h"
#include "lib/base/clock.h"
#include "lib/kv/database.h"

namespace proofline::kv {

// Takes batches from any number of threads and commits whatever is waiting as one write with one
// sync. Batches are applied in the order in which they were submitted; each is atomic. The database
// must outlive the committer. Every method may be called from any thread.
class Committer {
 public:
  struct Options {
    // Waiting and being written together; a submission above either limit waits. A single batch
    // larger than max_bytes is taken when nothing else waits.
    std::size_t max_batches = 1024;
    std::size_t max_bytes = std::size_t{32} << 20;
    // One write merges at most this many bytes (at least one batch).
    std::size_t max_write_bytes = std::size_t{8} << 20;
  };
  // OK: the batch is durable. Otherwise as Database::Commit, or Cancelled: the batch was never
  // taken.
  using Callback = std::function<void(absl::Status)>;

  explicit Committer(Database& database);
  Committer(Database& database, const Options& options);
  // As Stop().
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Blocks while the limits are reached. `done` is called exactly once: on the committer's thread,
  // in the order of submission, without locks held; or, with Cancelled, on this thread before
  // Submit returns, if `stop` is requested or the committer stops first. `done` must be quick and
  // must not call Submit or Commit of this committer, which could wait for itself (TrySubmit is
  // fine).
  void Submit(Batch batch, Callback done, std::stop_token stop = {});

  // Never blocks. False, with both arguments untouched, if the limits are reached or the committer
  // has stopped.
  bool TrySubmit(Batch&& batch, Callback&& done);

  // Blocks until the batch is durable or has failed. `stop` ends only the wait for room: what has
  // been taken is waited for.
  absl::Status Commit(Batch batch, std::stop_token stop = {});

  // Takes nothing more, commits everything taken, calls all callbacks, and returns. Not from a
  // callback.
  void Stop();

  // Since when the oldest batch waits that is not durable; nothing when none does. A store that
  // hangs shows in it.
  std::optional<base::SteadyTime> oldest() const;

  // Number of writes (each one sync) so far: for metrics and tests.
  std::uint64_t writes() const;

 private:
  struct Waiting {
    Batch batch;
    Callback done;
    base::SteadyTime since;
  };

  bool HasRoom(std::size_t bytes) const;
  void Add(Batch&& batch, Callback&& done);
  void Run();
  std::deque<Waiting> TakeGroup();

  Database& database_;
  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable_any room_;
  std::condition_variable_any filled_;
  std::deque<Waiting> waiting_;
  std::optional<base::SteadyTime> writing_since_;
  std::size_t held_batches_ = 0;  // waiting and being written
  std::size_t held_bytes_ = 0;
  bool stopping_ = false;
  std::uint64_t writes_ = 0;
  std::once_flag joined_;
  std::jthread thread_;
};

}  // namespace proofline::kv
