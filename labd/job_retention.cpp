// Old jobs leave the store, and what remains of them.
#include <map>
#include <optional>
#include <utility>

#include "google/protobuf/util/time_util.h"
#include "labd/job_keys.h"
#include "labd/job_records.h"
#include "labd/job_rules.h"
#include "labd/job_store.h"
#include "lib/base/kill_point.h"

namespace proofline::lab {

absl::Status JobStore::NoteFollowed(std::string_view studio, std::string_view device,
                                    std::int64_t revision) {
  record::Followed followed;
  followed.set_revision(revision);
  const std::string key = keys::Followed(studio, device);
  const std::lock_guard lock(mutex_);
  const absl::StatusOr<std::string> known = database_.Get(keys::kFollowed, key);
  if (!known.ok() && !absl::IsNotFound(known.status())) return known.status();
  // Less than before, too: a device that begins anew has forgotten what it knew.
  if (known.ok() && *known == followed.SerializeAsString()) return absl::OkStatus();
  kv::Batch batch;
  batch.Put(keys::kFollowed, key, followed.SerializeAsString());
  return database_.Commit(std::move(batch));
}

absl::StatusOr<bool> JobStore::IsKnownToDevice(const record::Job& job) const {
  if (!job.reprint_of().empty()) return true;  // studios do not see reprints
  const absl::StatusOr<std::string> bytes =
      database_.Get(keys::kFollowed, keys::Followed(job.studio(), job.device()));
  if (absl::IsNotFound(bytes.status())) return false;
  if (!bytes.ok()) return bytes.status();
  record::Followed followed;
  if (absl::Status status = Parse(*bytes, job.device(), followed); !status.ok()) return status;
  return job.revision() <= followed.revision();
}

absl::Status JobStore::Remove(const JobView& view) {
  kv::Batch batch;
  record::RemovedJob remains;
  *remains.mutable_job() = view.job;
  remains.set_asked_digest(std::string(base::Sha256Of(AskedFor(view.items)).bytes()));
  for (const record::Item& item : view.items) {
    record::Item& kept = *remains.add_items();
    kept.set_line_number(item.line_number());
    kept.set_product(item.product());
    kept.set_quantity(item.quantity());
    kept.set_state(item.state());
    batch.Delete(keys::kItems, keys::Item(view.job.id(), item.line_number()));
    const absl::StatusOr<base::Digest> digest = base::Digest::FromBytes(item.original_digest());
    if (!digest.ok()) return digest.status();
    batch.Delete(keys::kNeeds, keys::Needs(view.job.studio(), *digest, view.job.id()));
  }
  batch.Delete(keys::kJobs, keys::Job(view.job.id()));
  batch.Delete(keys::kFeed, keys::Feed(view.job.revision()));
  // Its identity stays, and leads here.
  if (view.job.reprint_of().empty()) {
    batch.Put(keys::kRemoved, keys::Job(view.job.id()), remains.SerializeAsString());
  }
  absl::Status removed = database_.Commit(std::move(batch));
  base::KillPoint("lab.job.removed");
  return removed;
}

absl::StatusOr<int> JobStore::RemoveOld(base::WallTime over_before) {
  const std::int64_t limit =
      std::chrono::duration_cast<std::chrono::nanoseconds>(over_before.time_since_epoch()).count();
  std::vector<std::string> old;
  absl::Status status;
  const absl::Status scanned =
      database_.Scan(keys::kJobs, "", "", [&](std::string_view key, std::string_view value) {
        record::Job job;
        status = Parse(value, "a job", job);
        const bool over =
            IsFinal(job.state()) &&
            google::protobuf::util::TimeUtil::TimestampToNanoseconds(job.update_time()) < limit;
        if (status.ok() && over) old.push_back(keys::IdOf(key));
        return status.ok();
      });
  if (!scanned.ok()) return scanned;
  int removed = 0;
  for (const std::string& id : old) {
    if (!status.ok()) return status;
    const std::lock_guard lock(mutex_);
    // A job that is over never changes again; only how far its device is may have.
    const absl::StatusOr<JobView> view = Load(id);
    if (!view.ok()) return view.status();
    const absl::StatusOr<bool> known = IsKnownToDevice(view->job);
    if (!known.ok()) return known.status();
    if (!*known) continue;
    status = Remove(*view);
    if (status.ok()) ++removed;
  }
  if (!status.ok()) return status;
  return removed;
}

absl::StatusOr<JobView> JobStore::GetRemoved(std::string_view job) const {
  const absl::StatusOr<std::string> bytes = database_.Get(keys::kRemoved, keys::Job(job));
  if (absl::IsNotFound(bytes.status())) return JobNotFound(job);
  if (!bytes.ok()) return bytes.status();
  record::RemovedJob remains;
  absl::Status status = Parse(*bytes, base::Concat("jobs/", job), remains);
  if (!status.ok()) return status;
  JobView view;
  view.job = std::move(*remains.mutable_job());
  for (record::Item& item : *remains.mutable_items()) {
    item.set_job(view.job.id());
    view.items.push_back(std::move(item));
  }
  return view;
}

absl::StatusOr<JobView> JobStore::Remembered(std::string_view id, const NewJob& job) const {
  const absl::StatusOr<std::string> bytes = database_.Get(keys::kRemoved, keys::Job(id));
  if (absl::IsNotFound(bytes.status())) {
    return absl::DataLossError(base::Concat("the lab's store knows jobs/", id,
                                            " by its order alone; restore the lab's state folder "
                                            "from a backup"));
  }
  if (!bytes.ok()) return bytes.status();
  record::RemovedJob remains;
  absl::Status status = Parse(*bytes, base::Concat("jobs/", id), remains);
  if (!status.ok()) return status;
  if (remains.asked_digest() != base::Sha256Of(AskedFor(job.items)).bytes()) return JobDiffers(id);
  absl::StatusOr<JobView> view = GetRemoved(id);
  if (!view.ok()) return view;
  std::map<int, pb::ItemState> ended;
  for (const record::Item& item : view->items) ended[item.line_number()] = item.state();
  // As it was brought, with how it ended.
  view->items = job.items;
  for (record::Item& item : view->items) {
    item.set_job(view->job.id());
    item.set_state(ended[item.line_number()]);
  }
  return view;
}

}  // namespace proofline::lab
