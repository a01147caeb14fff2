#include "labd/job_rules.h"

#include <set>
#include <utility>
#include <vector>

#include "test/catch.h"

namespace proofline::lab {
namespace {

constexpr int kStates = 10;

pb::ItemState State(int number) { return static_cast<pb::ItemState>(number); }

TEST_CASE("items move along exactly these ways") {
  const std::set<std::pair<int, int>> allowed = {
      {0, pb::ITEM_STATE_WAITING},
      {pb::ITEM_STATE_WAITING, pb::ITEM_STATE_READY},
      {pb::ITEM_STATE_WAITING, pb::ITEM_STATE_HELD},
      {pb::ITEM_STATE_WAITING, pb::ITEM_STATE_CANCELLED},
      {pb::ITEM_STATE_READY, pb::ITEM_STATE_RENDERING},
      {pb::ITEM_STATE_READY, pb::ITEM_STATE_HELD},
      {pb::ITEM_STATE_READY, pb::ITEM_STATE_CANCELLED},
      {pb::ITEM_STATE_READY, pb::ITEM_STATE_FAILED},
      {pb::ITEM_STATE_RENDERING, pb::ITEM_STATE_READY},
      {pb::ITEM_STATE_RENDERING, pb::ITEM_STATE_RENDERED},
      {pb::ITEM_STATE_RENDERING, pb::ITEM_STATE_HELD},
      {pb::ITEM_STATE_RENDERING, pb::ITEM_STATE_CANCELLED},
      {pb::ITEM_STATE_RENDERING, pb::ITEM_STATE_FAILED},
      {pb::ITEM_STATE_RENDERED, pb::ITEM_STATE_READY},
      {pb::ITEM_STATE_RENDERED, pb::ITEM_STATE_PRINTING},
      {pb::ITEM_STATE_RENDERED, pb::ITEM_STATE_HELD},
      {pb::ITEM_STATE_RENDERED, pb::ITEM_STATE_CANCELLED},
      {pb::ITEM_STATE_RENDERED, pb::ITEM_STATE_FAILED},
      {pb::ITEM_STATE_PRINTING, pb::ITEM_STATE_READY},
      {pb::ITEM_STATE_PRINTING, pb::ITEM_STATE_PRINTED},
      {pb::ITEM_STATE_PRINTING, pb::ITEM_STATE_HELD},
      {pb::ITEM_STATE_PRINTING, pb::ITEM_STATE_FAILED},
      {pb::ITEM_STATE_HELD, pb::ITEM_STATE_WAITING},
      {pb::ITEM_STATE_HELD, pb::ITEM_STATE_READY},
      {pb::ITEM_STATE_HELD, pb::ITEM_STATE_PRINTED},
      {pb::ITEM_STATE_HELD, pb::ITEM_STATE_CANCELLED},
      {pb::ITEM_STATE_FAILED, pb::ITEM_STATE_READY},
      {pb::ITEM_STATE_FAILED, pb::ITEM_STATE_CANCELLED},
  };
  for (int from = 0; from < kStates; ++from) {
    for (int to = 0; to < kStates; ++to) {
      INFO(InWords(State(from)) << " to " << InWords(State(to)));
      CHECK(MayMove(State(from), State(to)) == (from == to || allowed.contains({from, to})));
    }
  }
  CHECK_FALSE(MayMove(State(-1), pb::ITEM_STATE_READY));
  CHECK_FALSE(MayMove(pb::ITEM_STATE_READY, State(42)));
}

TEST_CASE("every state that an operator's act may find leads where the act leads") {
  for (int number = 1; number < kStates; ++number) {
    const pb::ItemState state = State(number);
    INFO(InWords(state));
    if (MayHold(state)) CHECK(MayMove(state, pb::ITEM_STATE_HELD));
    if (MayCancel(state)) CHECK(MayMove(state, pb::ITEM_STATE_CANCELLED));
    if (MayRelease(state)) CHECK(MayMove(state, pb::ITEM_STATE_READY));
    CHECK_FALSE((IsFinal(state) && (MayHold(state) || MayRelease(state) || MayCancel(state))));
  }
  CHECK_FALSE(MayHold(pb::ITEM_STATE_PRINTING));
  CHECK_FALSE(MayCancel(pb::ITEM_STATE_PRINTING));
}

// What the comment of the function says, said once more and slowly.
pb::JobState Expected(const std::vector<pb::ItemState>& items, bool closed, bool begun) {
  int cancelled = 0, printed = 0, active = 0, held = 0;
  for (const pb::ItemState item : items) {
    cancelled += item == pb::ITEM_STATE_CANCELLED;
    printed += item == pb::ITEM_STATE_PRINTED;
    held += item == pb::ITEM_STATE_HELD;
    active += item >= pb::ITEM_STATE_READY && item <= pb::ITEM_STATE_PRINTING;
    begun = begun || (item >= pb::ITEM_STATE_RENDERING && item <= pb::ITEM_STATE_PRINTED);
  }
  const int all = static_cast<int>(items.size());
  if (cancelled == all) return pb::JOB_STATE_CANCELLED;
  if (cancelled + printed == all) return pb::JOB_STATE_PRINTED;
  if (!closed) return pb::JOB_STATE_OPEN;
  if (active > 0) return begun ? pb::JOB_STATE_PRINTING : pb::JOB_STATE_RECEIVED;
  return held > 0 ? pb::JOB_STATE_HELD : pb::JOB_STATE_FAILED;
}

TEST_CASE("a job's state follows from its items, for every three of them") {
  for (int a = 1; a < kStates; ++a) {
    for (int b = 1; b < kStates; ++b) {
      for (int c = 1; c < kStates; ++c) {
        for (const bool closed : {false, true}) {
          for (const bool begun : {false, true}) {
            const std::vector<pb::ItemState> items = {State(a), State(b), State(c)};
            INFO(a << ' ' << b << ' ' << c << ' ' << closed << ' ' << begun);
            REQUIRE(StateOfJob(items, closed, begun) == Expected(items, closed, begun));
          }
        }
      }
    }
  }
}

TEST_CASE("a job that has begun never goes back to received") {
  const std::vector<pb::ItemState> ready = {pb::ITEM_STATE_READY, pb::ITEM_STATE_READY};
  CHECK(StateOfJob(ready, true, false) == pb::JOB_STATE_RECEIVED);
  CHECK(StateOfJob(ready, true, true) == pb::JOB_STATE_PRINTING);
}

}  // namespace
}  // namespace proofline::lab
