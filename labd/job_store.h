// The lab's durable record: jobs, their items, the feed of changes, and what the operator has
// settled about printers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "labd/record.pb.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/kv/database.h"
#include "lib/rpc/feed.h"
#include "proofline/v1/lab.pb.h"

namespace proofline::lab {

namespace pb = proofline::v1;

// A job with its items, ordered by line. A copy: changing it changes nothing in the store.
struct JobView {
  record::Job job;
  std::vector<record::Item> items;
};

// Owns the store. Thread-safe. Every change is one atomic, synced write before it returns, follows
// the table of job_rules.h, and gives the job a new place in the feed when anything of it that is
// seen outside has changed. Methods block on the disk.
class JobStore {
 public:
  struct Options {
    std::uint64_t cache_bytes = std::uint64_t{32} << 20;
    // Must outlive the store.
    const base::Clock* clock = nullptr;
  };

  // What is brought by a studio, or by a reprint: items carry line_number, product, quantity,
  // original, edit and crop.
  struct NewJob {
    std::string studio;
    std::string order;
    std::string device;
    std::vector<record::Item> items;
    // Not empty: a reprint, whose job is closed from the beginning and has no identity of its own.
    std::string reprint_of;
  };

  // Called after each durable change with the job as it is then, in the order of the changes, with
  // the store's lock held: it must be quick and must not call the store.
  using Listener = std::function<void(const JobView&)>;
  // Changes a job; what it returns, if not OK, is returned by Change and nothing is changed.
  using Edit = std::function<absl::Status(JobView&)>;
  using ItemEdit = std::function<absl::Status(record::Item&)>;

  // Opens or makes the store. Errors as kv::Database::Open; FailedPrecondition for a store of
  // another version.
  static absl::StatusOr<std::unique_ptr<JobStore>> Open(const std::filesystem::path& path,
                                                        const Options& options);
  JobStore(const JobStore&) = delete;
  JobStore& operator=(const JobStore&) = delete;

  // Before other threads use the store; an empty one takes it away again.
  void SetListener(Listener listener);

  // The job of this studio, order and device: a new one, or the one there is, or what is known of
  // the one there was. AlreadyExists (reason JOB_DIFFERS) when that one has other items.
  absl::StatusOr<JobView> Create(const NewJob& job);
  // The same, but NotFound instead of a new one.
  absl::StatusOr<JobView> Find(const NewJob& job) const;

  // NotFound (reason JOB_NOT_FOUND).
  absl::StatusOr<JobView> Get(std::string_view job) const;
  absl::StatusOr<record::Item> GetItem(std::string_view job, int line) const;

  // Reads, edits and writes a job as one step. Errors of the edit, of Get, and of the disk.
  absl::StatusOr<JobView> Change(std::string_view job, const Edit& edit);
  absl::Status ChangeItem(std::string_view job, int line, const ItemEdit& edit);

  // Newest first, at most `limit`, those before the job `before` (empty: all), in one state or any.
  absl::StatusOr<std::vector<JobView>> List(pb::JobState state, std::string_view before,
                                            int limit) const;
  // Every job that is not over, oldest first.
  absl::Status ForEachOpen(const std::function<void(const JobView&)>& visit) const;

  // Rings after each change.
  rpc::FeedSignal& feed() { return feed_; }
  // OK if a follower may begin after this revision: OutOfRange (reason REVISION_UNKNOWN) if this
  // feed has never given it out, as after the lab was set up anew or restored from an older copy.
  // Never blocks.
  absl::Status CheckAfterRevision(std::int64_t after) const;
  // Entries after a revision, in order, until `visit` returns false.
  absl::Status ReadFeed(
      std::int64_t after,
      const std::function<bool(std::int64_t revision, const record::FeedEntry&)>& visit) const;

  // Old jobs; job_retention.cpp.
  // A device of the studio ("studios/S/devices/D") has made everything up to this revision durable.
  absl::Status NoteFollowed(std::string_view studio, std::string_view device,
                            std::int64_t revision);
  // Removes what is over since before `over_before` and known to be over by its device; returns how
  // many jobs that were. Of a studio's job its end is remembered, see Create and GetRemoved.
  absl::StatusOr<int> RemoveOld(base::WallTime over_before);
  // What is known of a job that was removed: state, revision, and of its items line, product,
  // quantity and state. NotFound (reason JOB_NOT_FOUND).
  absl::StatusOr<JobView> GetRemoved(std::string_view job) const;

  absl::StatusOr<bool> IsPaused(std::string_view printer) const;
  absl::Status SetPaused(std::string_view printer, bool paused);

  // Calls `remove` if every job that needs the original is over since before `over_before`; no job
  // that needs it can be made or closed meanwhile. True if it was called.
  absl::StatusOr<bool> RemoveOriginalIfUnneeded(std::string_view studio, const base::Digest& digest,
                                                base::WallTime over_before,
                                                const std::function<void()>& remove);

 private:
  JobStore(kv::Database database, const Options& options);

  absl::Status CheckFormat();
  absl::Status CompletePrinted();
  absl::StatusOr<JobView> Load(std::string_view job) const;
  // Writes what differs between the two; `before` is null for a new job. Lock held.
  absl::StatusOr<JobView> Store(const JobView* before, JobView after, kv::Batch batch);
  absl::Status Commit(JobView& view, kv::Batch batch, bool in_feed);
  // As Find; lock held.
  absl::StatusOr<JobView> Known(const NewJob& job) const;
  // The answer to a job that was removed and is brought again.
  absl::StatusOr<JobView> Remembered(std::string_view id, const NewJob& job) const;
  absl::StatusOr<bool> IsKnownToDevice(const record::Job& job) const;
  // Lock held.
  absl::Status Remove(const JobView& view);

  kv::Database database_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;
  Listener listener_;
  std::int64_t revision_ = 0;
  // No revision was given out since the store was opened.
  bool untouched_ = true;
  // Changed under both locks; under its own it is never waited for long.
  mutable std::mutex gaps_mutex_;
  record::FeedGaps gaps_;
  rpc::FeedSignal feed_;
};

// 10 characters that tell an item apart from all others, for names at printers.
std::string ShortId(const record::Item& item);

}  // namespace proofline::lab
