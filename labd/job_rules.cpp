#include "labd/job_rules.h"

#include <algorithm>
#include <cstdint>

#include "lib/base/check.h"

namespace proofline::lab {
namespace {

constexpr int kStates = 10;

constexpr std::uint32_t Bit(pb::ItemState state) { return std::uint32_t{1} << state; }

// Which states may follow each state, as a set of bits. The order is that of pb::ItemState.
constexpr std::uint32_t kNext[kStates] = {
    // UNSPECIFIED: a new item.
    Bit(pb::ITEM_STATE_WAITING),
    // WAITING: the job is closed, or the operator or the studio steps in.
    Bit(pb::ITEM_STATE_READY) | Bit(pb::ITEM_STATE_HELD) | Bit(pb::ITEM_STATE_CANCELLED),
    // READY
    Bit(pb::ITEM_STATE_RENDERING) | Bit(pb::ITEM_STATE_HELD) | Bit(pb::ITEM_STATE_CANCELLED) |
        Bit(pb::ITEM_STATE_FAILED),
    // RENDERING: back to READY when the lab was restarted.
    Bit(pb::ITEM_STATE_RENDERED) | Bit(pb::ITEM_STATE_READY) | Bit(pb::ITEM_STATE_HELD) |
        Bit(pb::ITEM_STATE_CANCELLED) | Bit(pb::ITEM_STATE_FAILED),
    // RENDERED: back to READY when the page has gone from the spool.
    Bit(pb::ITEM_STATE_PRINTING) | Bit(pb::ITEM_STATE_READY) | Bit(pb::ITEM_STATE_HELD) |
        Bit(pb::ITEM_STATE_CANCELLED) | Bit(pb::ITEM_STATE_FAILED),
    // PRINTING: back to READY only while nothing of it can have been printed.
    Bit(pb::ITEM_STATE_PRINTED) | Bit(pb::ITEM_STATE_HELD) | Bit(pb::ITEM_STATE_FAILED) |
        Bit(pb::ITEM_STATE_READY),
    // PRINTED
    0,
    // HELD: released, confirmed as printed, or cancelled.
    Bit(pb::ITEM_STATE_WAITING) | Bit(pb::ITEM_STATE_READY) | Bit(pb::ITEM_STATE_PRINTED) |
        Bit(pb::ITEM_STATE_CANCELLED),
    // CANCELLED
    0,
    // FAILED: tried again, or cancelled.
    Bit(pb::ITEM_STATE_READY) | Bit(pb::ITEM_STATE_CANCELLED),
};

bool Any(std::span<const pb::ItemState> items, bool (*holds)(pb::ItemState)) {
  return std::any_of(items.begin(), items.end(), holds);
}

bool All(std::span<const pb::ItemState> items, bool (*holds)(pb::ItemState)) {
  return std::all_of(items.begin(), items.end(), holds);
}

}  // namespace

bool MayMove(pb::ItemState from, pb::ItemState to) {
  if (from < 0 || from >= kStates || to < 0 || to >= kStates) return false;
  return from == to || (kNext[from] & Bit(to)) != 0;
}

bool IsFinal(pb::ItemState state) {
  return state == pb::ITEM_STATE_PRINTED || state == pb::ITEM_STATE_CANCELLED;
}

bool IsFinal(pb::JobState state) {
  return state == pb::JOB_STATE_COMPLETED || state == pb::JOB_STATE_CANCELLED;
}

bool MayHold(pb::ItemState state) {
  return state == pb::ITEM_STATE_WAITING || state == pb::ITEM_STATE_READY ||
         state == pb::ITEM_STATE_RENDERING || state == pb::ITEM_STATE_RENDERED;
}

bool MayRelease(pb::ItemState state) {
  return state == pb::ITEM_STATE_HELD || state == pb::ITEM_STATE_FAILED;
}

bool MayCancel(pb::ItemState state) {
  return state != pb::ITEM_STATE_PRINTING && MayMove(state, pb::ITEM_STATE_CANCELLED) &&
         !IsFinal(state);
}

bool IsActive(pb::ItemState state) {
  return state == pb::ITEM_STATE_READY || state == pb::ITEM_STATE_RENDERING ||
         state == pb::ITEM_STATE_RENDERED || state == pb::ITEM_STATE_PRINTING;
}

bool HasBegun(pb::ItemState state) {
  return state == pb::ITEM_STATE_RENDERING || state == pb::ITEM_STATE_RENDERED ||
         state == pb::ITEM_STATE_PRINTING || state == pb::ITEM_STATE_PRINTED;
}

pb::JobState StateOfJob(std::span<const pb::ItemState> items, bool closed, bool begun) {
  PROOFLINE_CHECK(!items.empty(), "a job has items");
  if (All(items, [](pb::ItemState s) { return s == pb::ITEM_STATE_CANCELLED; })) {
    return pb::JOB_STATE_CANCELLED;
  }
  if (All(items, [](pb::ItemState s) { return IsFinal(s); })) return pb::JOB_STATE_PRINTED;
  if (!closed) return pb::JOB_STATE_OPEN;
  if (Any(items, IsActive)) {
    return begun || Any(items, HasBegun) ? pb::JOB_STATE_PRINTING : pb::JOB_STATE_RECEIVED;
  }
  if (Any(items, [](pb::ItemState s) { return s == pb::ITEM_STATE_HELD; })) {
    return pb::JOB_STATE_HELD;
  }
  return pb::JOB_STATE_FAILED;
}

std::string_view InWords(pb::ItemState state) {
  static constexpr std::string_view kWords[kStates] = {
      "new",      "waiting", "ready", "being rendered", "rendered",
      "printing", "printed", "held",  "cancelled",      "failed"};
  return state >= 0 && state < kStates ? kWords[state] : "unknown";
}

std::string_view InWords(pb::JobState state) {
  static constexpr std::string_view kWords[] = {
      "new", "open", "received", "printing", "printed", "completed", "held", "cancelled", "failed"};
  return state >= 0 && state < std::ssize(kWords) ? kWords[state] : "unknown";
}

}  // namespace proofline::lab
