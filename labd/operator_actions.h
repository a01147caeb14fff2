// What the lab's operator can do to jobs and items.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "labd/job_store.h"
#include "labd/spool.h"

namespace proofline::lab {

// Each takes "jobs/JOB" or "jobs/JOB/items/ITEM" and returns the job as it is then, durably.
// NotFound (reason JOB_NOT_FOUND or ITEM_NOT_FOUND), and FailedPrecondition where nothing named is
// in a state for it. They may be called from any thread, and block on the disk.

// Items that no printer prints yet wait until they are released.
absl::StatusOr<JobView> HoldItems(JobStore& store, const std::string& name);
// Held items go on, failed ones are tried again. What the lab cannot know is printed (again).
absl::StatusOr<JobView> ReleaseItems(JobStore& store, const std::string& name);
// Held items count as printed: what was on its way to the printer, or else all of the item. Copies
// beyond that are printed.
absl::StatusOr<JobView> ConfirmItems(JobStore& store, const std::string& name);
// Items that are neither in a printer nor over are cancelled. Reason TOO_LATE.
absl::StatusOr<JobView> CancelItems(JobStore& store, const std::string& name);
// What was printed is printed again as a job of the lab's own, which is returned; where nothing was
// printed, what failed is tried again. Reason ORIGINAL_GONE when the spool no longer has an
// original.
absl::StatusOr<JobView> ReprintItems(JobStore& store, const Spool& spool, const std::string& name);

}  // namespace proofline::lab
