// Removes what nobody will print again.
#pragma once

#include <chrono>
#include <thread>

#include "labd/job_store.h"
#include "labd/spool.h"
#include "lib/base/clock.h"

namespace proofline::lab {

// Originals and pages stay for a set time after the last job that needs them is over, for reprints.
// One pass of it; errors are logged, and the next pass tries again.
void CleanSpool(JobStore& store, Spool& spool, const base::Clock& clock,
                std::chrono::milliseconds keep);

// Removes the records of jobs that are over for a set time. One pass, as above.
void RemoveOldJobs(JobStore& store, const base::Clock& clock, std::chrono::milliseconds keep);

// Does both at once and then every hour, on a thread of its own, until it goes. What it is made of
// must outlive it.
class SpoolCleaner {
 public:
  SpoolCleaner(JobStore& store, Spool& spool, const base::Clock& clock,
               std::chrono::milliseconds keep_spool, std::chrono::milliseconds keep_jobs);

 private:
  std::jthread thread_;
};

}  // namespace proofline::lab
