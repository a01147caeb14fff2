// How items and jobs may move. Pure: no store, no clock, no printer.
#pragma once

#include <span>
#include <string_view>

#include "proofline/v1/lab.pb.h"

namespace proofline::lab {

namespace pb = proofline::v1;

// Whether an item may go from one state to another. Staying is always allowed.
bool MayMove(pb::ItemState from, pb::ItemState to);

// PRINTED and CANCELLED.
bool IsFinal(pb::ItemState state);
// COMPLETED and CANCELLED.
bool IsFinal(pb::JobState state);

// The operator may hold it: it is not in a printer yet.
bool MayHold(pb::ItemState state);
// HELD, and FAILED, which is tried again.
bool MayRelease(pb::ItemState state);
// It is not in a printer, and not over.
bool MayCancel(pb::ItemState state);
// Something will happen to it without a person.
bool IsActive(pb::ItemState state);

// The state of a job with these items. `closed`: the studio has closed it. `begun`: an item has
// begun at some time, which the items' states alone may no longer show. A job whose items are all
// over is PRINTED (the caller completes it) or CANCELLED. An empty job is a broken invariant.
pb::JobState StateOfJob(std::span<const pb::ItemState> items, bool closed, bool begun);

// Whether an item in this state has begun: a printer has taken it.
bool HasBegun(pb::ItemState state);

// "held", "printing", …: for sentences.
std::string_view InWords(pb::ItemState state);
std::string_view InWords(pb::JobState state);

}  // namespace proofline::lab
