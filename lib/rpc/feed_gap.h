// Revisions that a feed leaves out, so that a follower who is ahead of a restored store is found
// out.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "lib/base/clock.h"

namespace proofline::rpc {

// A store that was restored from an older copy knows nothing of the revisions that it gave since,
// and would give them again, to other things. So the first revision after each opening of a store
// is that of the time, in milliseconds since 1970: above all that was given before as long as fewer
// than a thousand are given in a second. The store keeps the gap (`last`, `next`), and a revision
// inside of a gap is none of its own: whoever has made it durable has heard it from the store as it
// was before.
//
// The first revision of a feed is 1.
inline std::int64_t RevisionAfterOpening(std::int64_t last, base::WallTime now) {
  if (last == 0) return 1;
  const std::int64_t ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  return std::max(last + 1, ms);
}

// `gaps` are those of the feed, records with last() and next().
template <typename Gaps>
bool IsInGap(std::int64_t revision, const Gaps& gaps) {
  return std::any_of(gaps.begin(), gaps.end(), [&](const auto& gap) {
    return revision > gap.last() && revision < gap.next();
  });
}

// As many openings are remembered; older gaps can only be asked about by somebody who has been away
// for all of them.
inline constexpr int kMostGaps = 1'000;

template <typename Record>
void AddGap(std::int64_t last, std::int64_t next, Record& record) {
  if (next <= last + 1) return;
  if (record.gaps_size() >= kMostGaps) record.mutable_gaps()->DeleteSubrange(0, 1);
  record.add_gaps()->set_last(last);
  record.mutable_gaps()->rbegin()->set_next(next);
}

}  // namespace proofline::rpc
