#include "labd/spool_cleaner.h"

#include <spdlog/spdlog.h>

#include <set>
#include <string>

#include "google/protobuf/util/time_util.h"
#include "labd/job_rules.h"
#include "lib/base/backoff.h"
#include "lib/base/text.h"

namespace proofline::lab {
namespace {

// Jobs read at a time.
constexpr int kPage = 200;

// The items whose pages may still be wanted: those of jobs that are not over for long enough.
absl::StatusOr<std::set<std::string>> WantedPages(const JobStore& store, base::WallTime limit) {
  const std::int64_t limit_ns = std::chrono::nanoseconds(limit.time_since_epoch()).count();
  std::set<std::string> wanted;
  std::string before;
  while (true) {
    const auto views = store.List(pb::JOB_STATE_UNSPECIFIED, before, kPage);
    if (!views.ok()) return views.status();
    for (const JobView& view : *views) {
      const std::int64_t updated =
          google::protobuf::util::TimeUtil::TimestampToNanoseconds(view.job.update_time());
      if (IsFinal(view.job.state()) && updated < limit_ns) continue;
      for (const record::Item& item : view.items) wanted.insert(item.id());
    }
    if (std::ssize(*views) < kPage) return wanted;
    before = views->back().job.id();
  }
}

}  // namespace

void CleanSpool(JobStore& store, Spool& spool, const base::Clock& clock,
                std::chrono::milliseconds keep) {
  const base::WallTime limit =
      clock.WallNow() - std::chrono::duration_cast<base::WallTime::duration>(keep);
  int removed = 0;
  absl::Status status =
      spool.ForEachOriginal([&](const std::string& studio, const base::Digest& digest, bool) {
        const auto gone = store.RemoveOriginalIfUnneeded(
            studio, digest, limit, [&] { spool.RemoveOriginal(studio, digest); });
        if (gone.ok() && *gone) ++removed;
        if (!gone.ok())
          spdlog::error("cannot clean the spool: {}", base::ToStd(gone.status().message()));
      });
  // The pages are listed before the jobs are read: one that appears later is not looked at.
  std::set<std::string> pages;
  if (status.ok()) {
    status = spool.ForEachPage([&](const std::string& item) { pages.insert(item); });
  }
  const absl::StatusOr<std::set<std::string>> wanted = WantedPages(store, limit);
  if (status.ok()) status = wanted.status();
  if (!status.ok()) {
    spdlog::error("cannot clean the spool: {}", base::ToStd(status.message()));
    return;
  }
  for (const std::string& item : pages) {
    if (wanted->contains(item)) continue;
    spool.RemovePage(item);
    ++removed;
  }
  if (removed > 0)
    spdlog::info("removed {} originals and pages that are no longer needed", removed);
}

void RemoveOldJobs(JobStore& store, const base::Clock& clock, std::chrono::milliseconds keep) {
  const absl::StatusOr<int> removed =
      store.RemoveOld(clock.WallNow() - std::chrono::duration_cast<base::WallTime::duration>(keep));
  if (!removed.ok()) {
    spdlog::error("cannot remove old jobs: {}", base::ToStd(removed.status().message()));
  } else if (*removed > 0) {
    spdlog::info("removed {} jobs that are finished and old", *removed);
  }
}

SpoolCleaner::SpoolCleaner(JobStore& store, Spool& spool, const base::Clock& clock,
                           std::chrono::milliseconds keep_spool,
                           std::chrono::milliseconds keep_jobs)
    : thread_([&store, &spool, &clock, keep_spool, keep_jobs](const std::stop_token& stop) {
        do {
          // First: what no job needs any more goes in the same pass.
          RemoveOldJobs(store, clock, keep_jobs);
          CleanSpool(store, spool, clock, keep_spool);
        } while (base::WaitFor(stop, std::chrono::hours(1)));
      }) {}

}  // namespace proofline::lab
