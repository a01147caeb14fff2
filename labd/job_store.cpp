#include "labd/job_store.h"

#include <algorithm>
#include <utility>

#include "google/protobuf/util/time_util.h"
#include "labd/job_keys.h"
#include "labd/job_records.h"
#include "labd/job_rules.h"
#include "lib/base/check.h"
#include "lib/base/id.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/rpc/feed_gap.h"
#include "lib/rpc/status.h"

namespace proofline::lab {
namespace {

google::protobuf::Timestamp ToTimestamp(base::WallTime time) {
  return google::protobuf::util::TimeUtil::NanosecondsToTimestamp(
      std::chrono::nanoseconds(time.time_since_epoch()).count());
}

// Whether anything that is seen outside differs.
bool LooksDifferent(const record::Item& a, const record::Item& b) {
  return a.state() != b.state() || a.state_message() != b.state_message() ||
         a.printer() != b.printer();
}

std::string MessageOf(const JobView& view) {
  int held = 0;
  int failed = 0;
  const record::Item* first = nullptr;
  for (const record::Item& item : view.items) {
    if (item.state() == pb::ITEM_STATE_HELD) ++held;
    if (item.state() == pb::ITEM_STATE_FAILED) ++failed;
    const bool stuck = item.state() == pb::ITEM_STATE_HELD || item.state() == pb::ITEM_STATE_FAILED;
    if (stuck && first == nullptr) first = &item;
  }
  if (first == nullptr) return "";
  std::string message;
  if (held > 0) message = base::Concat(held, " held");
  if (failed > 0) message += base::Concat(held > 0 ? ", " : "", failed, " failed");
  return base::Concat(message, "; line ", first->line_number(), ": ", first->state_message());
}

void SetStateOfJob(JobView& view) {
  std::vector<pb::ItemState> states;
  for (const record::Item& item : view.items) {
    states.push_back(item.state());
    if (HasBegun(item.state())) view.job.set_begun(true);
  }
  view.job.set_state(StateOfJob(states, view.job.closed(), view.job.begun()));
  view.job.set_state_message(MessageOf(view));
}

}  // namespace

std::string ShortId(const record::Item& item) {
  const std::string& id = item.id();
  return id.size() <= 10 ? id : id.substr(id.size() - 10);
}

JobStore::JobStore(kv::Database database, const Options& options)
    : database_(std::move(database)), clock_(*options.clock) {}

absl::StatusOr<std::unique_ptr<JobStore>> JobStore::Open(const std::filesystem::path& path,
                                                         const Options& options) {
  PROOFLINE_CHECK(options.clock != nullptr, "a store needs a clock");
  kv::Database::Options database_options;
  database_options.cache_bytes = options.cache_bytes;
  database_options.column_families = keys::ColumnFamilies();
  absl::StatusOr<kv::Database> database = kv::Database::Open(path, database_options);
  if (!database.ok()) return database.status();
  std::unique_ptr<JobStore> store(new JobStore(*std::move(database), options));
  if (absl::Status status = store->CheckFormat(); !status.ok()) return status;
  if (absl::Status status = store->CompletePrinted(); !status.ok()) return status;
  return store;
}

absl::Status JobStore::CheckFormat() {
  const absl::StatusOr<std::string> stored = database_.Get(keys::kMeta, keys::Format());
  if (absl::IsNotFound(stored.status())) {
    record::Format format;
    format.set_version(keys::kFormatVersion);
    kv::Batch batch;
    batch.Put(keys::kMeta, keys::Format(), format.SerializeAsString());
    return database_.Commit(std::move(batch));
  }
  if (!stored.ok()) return stored.status();
  record::Format format;
  if (absl::Status status = Parse(*stored, "its format", format); !status.ok()) return status;
  if (format.version() != keys::kFormatVersion) {
    return absl::FailedPreconditionError(
        base::Concat("the lab's store ", database_.path(), " has format ", format.version(),
                     " and this program writes format ", keys::kFormatVersion,
                     "; use the version of proofline-labd that made it"));
  }
  const absl::StatusOr<std::string> revision = database_.Get(keys::kMeta, keys::Revision());
  if (revision.ok()) {
    revision_ = keys::RevisionOf(*revision);
    feed_.Publish(static_cast<std::uint64_t>(revision_));
  } else if (!absl::IsNotFound(revision.status())) {
    return revision.status();
  }
  const absl::StatusOr<std::string> gaps = database_.Get(keys::kMeta, keys::FeedGaps());
  if (gaps.ok()) return Parse(*gaps, "the gaps of its feed", gaps_);
  return absl::IsNotFound(gaps.status()) ? absl::OkStatus() : gaps.status();
}

absl::Status JobStore::CheckAfterRevision(std::int64_t after) const {
  if (after < 0) {
    return rpc::Error(absl::StatusCode::kInvalidArgument, "a revision is 0 or more",
                      "REVISION_INVALID");
  }
  const auto reached = static_cast<std::int64_t>(feed_.current());
  const std::lock_guard lock(gaps_mutex_);
  if (after <= reached && !rpc::IsInGap(after, gaps_.gaps())) return absl::OkStatus();
  return rpc::Error(absl::StatusCode::kOutOfRange,
                    "the lab's feed has never been there: it was set up anew, or restored from an "
                    "older copy; follow it from 0",
                    "REVISION_UNKNOWN", {{"revision", std::to_string(reached)}});
}

absl::Status JobStore::CompletePrinted() {
  // A crash may come between the two steps of the end of a job.
  std::vector<std::string> printed;
  absl::Status status = ForEachOpen([&](const JobView& view) {
    if (view.job.state() == pb::JOB_STATE_PRINTED) printed.push_back(view.job.id());
  });
  for (const std::string& job : printed) {
    if (!status.ok()) return status;
    status = Change(job, [](JobView&) { return absl::OkStatus(); }).status();
  }
  return status;
}

void JobStore::SetListener(Listener listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

absl::StatusOr<JobView> JobStore::Load(std::string_view job) const {
  const absl::StatusOr<std::string> bytes = database_.Get(keys::kJobs, keys::Job(job));
  if (absl::IsNotFound(bytes.status())) return JobNotFound(job);
  if (!bytes.ok()) return bytes.status();
  JobView view;
  absl::Status status = Parse(*bytes, base::Concat("job jobs/", job), view.job);
  if (!status.ok()) return status;
  const absl::Status scanned = database_.Scan(
      keys::kItems, keys::Items(job), "", [&](std::string_view, std::string_view value) {
        status = Parse(value, base::Concat("an item of jobs/", job), view.items.emplace_back());
        return status.ok();
      });
  if (!scanned.ok()) return scanned;
  if (!status.ok()) return status;
  return view;
}

absl::StatusOr<JobView> JobStore::Get(std::string_view job) const {
  const std::lock_guard lock(mutex_);
  return Load(job);
}

absl::StatusOr<record::Item> JobStore::GetItem(std::string_view job, int line) const {
  const absl::StatusOr<std::string> bytes = database_.Get(keys::kItems, keys::Item(job, line));
  if (absl::IsNotFound(bytes.status())) return JobNotFound(job);
  if (!bytes.ok()) return bytes.status();
  record::Item item;
  absl::Status status = Parse(*bytes, base::Concat("line ", line, " of jobs/", job), item);
  if (!status.ok()) return status;
  return item;
}

absl::StatusOr<JobView> JobStore::Known(const NewJob& job) const {
  const absl::StatusOr<std::string> known =
      database_.Get(keys::kIdentity, keys::Identity(job.studio, job.order, job.device));
  if (!known.ok()) return known.status();
  absl::StatusOr<JobView> view = Load(*known);
  if (absl::IsNotFound(view.status())) return Remembered(*known, job);
  if (!view.ok() || AskedFor(view->items) == AskedFor(job.items)) return view;
  return JobDiffers(*known);
}

absl::StatusOr<JobView> JobStore::Find(const NewJob& job) const {
  const std::lock_guard lock(mutex_);
  return Known(job);
}

absl::StatusOr<JobView> JobStore::Create(const NewJob& job) {
  const bool reprint = !job.reprint_of.empty();
  const std::lock_guard lock(mutex_);
  if (!reprint) {
    absl::StatusOr<JobView> known = Known(job);
    if (!absl::IsNotFound(known.status())) return known;
  }
  JobView view;
  view.job.set_id(base::NewId());
  view.job.set_studio(job.studio);
  view.job.set_order(job.order);
  view.job.set_device(job.device);
  view.job.set_closed(reprint);
  view.job.set_reprint_of(job.reprint_of);
  *view.job.mutable_create_time() = ToTimestamp(clock_.WallNow());
  view.items = job.items;
  kv::Batch batch;
  for (record::Item& item : view.items) {
    item.set_id(base::NewId());
    item.set_job(view.job.id());
    item.set_state(reprint ? pb::ITEM_STATE_READY : pb::ITEM_STATE_WAITING);
    const absl::StatusOr<base::Digest> digest = base::Digest::FromBytes(item.original_digest());
    if (!digest.ok()) return digest.status();
    batch.Put(keys::kNeeds, keys::Needs(job.studio, *digest, view.job.id()), "");
  }
  if (!reprint) {
    batch.Put(keys::kIdentity, keys::Identity(job.studio, job.order, job.device), view.job.id());
  }
  return Store(nullptr, std::move(view), std::move(batch));
}

absl::StatusOr<JobView> JobStore::Change(std::string_view job, const Edit& edit) {
  const std::lock_guard lock(mutex_);
  absl::StatusOr<JobView> before = Load(job);
  if (!before.ok()) return before;
  JobView after = *before;
  if (absl::Status status = edit(after); !status.ok()) return status;
  return Store(&*before, std::move(after), kv::Batch());
}

absl::Status JobStore::ChangeItem(std::string_view job, int line, const ItemEdit& edit) {
  return Change(job,
                [&](JobView& view) -> absl::Status {
                  for (record::Item& item : view.items) {
                    if (item.line_number() == line) return edit(item);
                  }
                  return JobNotFound(job);
                })
      .status();
}

absl::StatusOr<JobView> JobStore::Store(const JobView* before, JobView after, kv::Batch batch) {
  bool in_feed = before == nullptr || before->job.closed() != after.job.closed();
  for (std::size_t i = 0; i < after.items.size(); ++i) {
    const record::Item& item = after.items[i];
    if (before != nullptr) {
      const record::Item& old = before->items[i];
      PROOFLINE_CHECK(MayMove(old.state(), item.state()),
                      "an item moves by the table of job_rules");
      in_feed = in_feed || LooksDifferent(old, item);
      if (old.SerializeAsString() == item.SerializeAsString()) continue;
    }
    batch.Put(keys::kItems, keys::Item(after.job.id(), item.line_number()),
              item.SerializeAsString());
  }
  if (before == nullptr || !IsFinal(after.job.state())) SetStateOfJob(after);
  in_feed = in_feed || (before != nullptr && before->job.state() != after.job.state());
  if (in_feed || !batch.empty()) {
    if (absl::Status status = Commit(after, std::move(batch), in_feed); !status.ok()) return status;
  }
  if (after.job.state() != pb::JOB_STATE_PRINTED) return after;
  base::KillPoint("lab.job.printed");
  // Printed is a step of its own in the feed, so that everybody sees it.
  after.job.set_state(pb::JOB_STATE_COMPLETED);
  if (absl::Status status = Commit(after, kv::Batch(), true); !status.ok()) return status;
  base::KillPoint("lab.job.completed");
  return after;
}

absl::Status JobStore::Commit(JobView& view, kv::Batch batch, bool in_feed) {
  const std::int64_t revision =
      untouched_ ? rpc::RevisionAfterOpening(revision_, clock_.WallNow()) : revision_ + 1;
  record::FeedGaps gaps = gaps_;
  if (in_feed) {
    if (untouched_) {
      rpc::AddGap(revision_, revision, gaps);
      batch.Put(keys::kMeta, keys::FeedGaps(), gaps.SerializeAsString());
    }
    // A job's newest change stands for all earlier ones.
    if (view.job.revision() > 0) batch.Delete(keys::kFeed, keys::Feed(view.job.revision()));
    view.job.set_revision(revision);
    *view.job.mutable_update_time() = ToTimestamp(clock_.WallNow());
    record::FeedEntry entry;
    entry.set_job(view.job.id());
    entry.set_studio(view.job.studio());
    entry.set_hidden(!view.job.reprint_of().empty());
    batch.Put(keys::kFeed, keys::Feed(revision), entry.SerializeAsString());
    batch.Put(keys::kMeta, keys::Revision(), keys::Feed(revision));
    batch.Put(keys::kJobs, keys::Job(view.job.id()), view.job.SerializeAsString());
    if (IsFinal(view.job.state())) {
      batch.Delete(keys::kOpen, keys::Job(view.job.id()));
    } else {
      batch.Put(keys::kOpen, keys::Job(view.job.id()), "");
    }
  }
  if (absl::Status status = database_.Commit(std::move(batch)); !status.ok()) return status;
  if (in_feed) {
    revision_ = revision;
    untouched_ = false;
    {
      const std::lock_guard lock(gaps_mutex_);
      gaps_ = std::move(gaps);
    }
    feed_.Publish(static_cast<std::uint64_t>(revision_));
  }
  if (listener_) listener_(view);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<JobView>> JobStore::List(pb::JobState state, std::string_view before,
                                                    int limit) const {
  std::vector<std::string> jobs;
  const std::unique_ptr<kv::Cursor> cursor = database_.NewCursor(keys::kJobs, "");
  if (before.empty()) {
    cursor->SeekToLast();
  } else {
    const std::string key = keys::Job(before);
    cursor->Seek(key);
    if (!cursor->Valid()) {
      cursor->SeekToLast();
    } else {
      cursor->Prev();
    }
  }
  for (; cursor->Valid() && std::ssize(jobs) < limit; cursor->Prev()) {
    record::Job job;
    if (absl::Status status = Parse(cursor->value(), "a job", job); !status.ok()) return status;
    if (state == pb::JOB_STATE_UNSPECIFIED || job.state() == state) jobs.push_back(job.id());
  }
  if (!cursor->status().ok()) return cursor->status();
  std::vector<JobView> views;
  for (const std::string& job : jobs) {
    absl::StatusOr<JobView> view = Get(job);
    if (!view.ok()) return view.status();
    views.push_back(*std::move(view));
  }
  return views;
}

absl::Status JobStore::ForEachOpen(const std::function<void(const JobView&)>& visit) const {
  std::vector<std::string> jobs;
  absl::Status status =
      database_.Scan(keys::kOpen, "", "", [&](std::string_view key, std::string_view) {
        jobs.push_back(keys::IdOf(key));
        return true;
      });
  for (const std::string& job : jobs) {
    if (!status.ok()) return status;
    const absl::StatusOr<JobView> view = Get(job);
    status = view.status();
    if (view.ok() && !IsFinal(view->job.state())) visit(*view);
  }
  return status;
}

absl::Status JobStore::ReadFeed(
    std::int64_t after,
    const std::function<bool(std::int64_t revision, const record::FeedEntry&)>& visit) const {
  absl::Status parsed;
  const absl::Status scanned = database_.Scan(
      keys::kFeed, "", keys::Feed(after), [&](std::string_view key, std::string_view value) {
        record::FeedEntry entry;
        parsed = Parse(value, "a change", entry);
        return parsed.ok() && visit(keys::RevisionOf(key), entry);
      });
  return scanned.ok() ? parsed : scanned;
}

absl::StatusOr<bool> JobStore::IsPaused(std::string_view printer) const {
  const absl::StatusOr<std::string> bytes = database_.Get(keys::kPrinters, keys::Printer(printer));
  if (absl::IsNotFound(bytes.status())) return false;
  if (!bytes.ok()) return bytes.status();
  record::Printer settled;
  absl::Status status = Parse(*bytes, base::Concat("printers/", printer), settled);
  if (!status.ok()) return status;
  return settled.paused();
}

absl::Status JobStore::SetPaused(std::string_view printer, bool paused) {
  record::Printer settled;
  settled.set_paused(paused);
  kv::Batch batch;
  batch.Put(keys::kPrinters, keys::Printer(printer), settled.SerializeAsString());
  return database_.Commit(std::move(batch));
}

absl::StatusOr<bool> JobStore::RemoveOriginalIfUnneeded(std::string_view studio,
                                                        const base::Digest& digest,
                                                        base::WallTime over_before,
                                                        const std::function<void()>& remove) {
  const std::int64_t limit =
      std::chrono::duration_cast<std::chrono::nanoseconds>(over_before.time_since_epoch()).count();
  const std::lock_guard lock(mutex_);
  std::vector<std::string> jobs;
  absl::Status status = database_.Scan(keys::kNeeds, keys::NeedsOf(studio, digest), "",
                                       [&](std::string_view key, std::string_view) {
                                         jobs.push_back(keys::JobOfNeeds(key));
                                         return true;
                                       });
  if (!status.ok()) return status;
  for (const std::string& id : jobs) {
    const absl::StatusOr<std::string> bytes = database_.Get(keys::kJobs, keys::Job(id));
    if (!bytes.ok()) return bytes.status();
    record::Job job;
    if (status = Parse(*bytes, base::Concat("jobs/", id), job); !status.ok()) return status;
    const bool over =
        IsFinal(job.state()) &&
        google::protobuf::util::TimeUtil::TimestampToNanoseconds(job.update_time()) < limit;
    if (!over) return false;
  }
  remove();
  return true;
}

}  // namespace proofline::lab
