// What people said about a photo, and when: so that of two records of it the newer word wins, field
// by field. Pure.
#pragma once

#include <cstdint>

#include "daemon/record.pb.h"
#include "proofline/v1/photo.pb.h"

namespace proofline::studio {

// Notes in `photo` that what differs from `before` in what people entered or in the edit was said
// at `now_ms`, or just after what was said about it last if the clock was set back.
void NoteSaid(const record::Photo& before, std::int64_t now_ms, record::Photo& photo);

// The same for the host.
void TellSaid(const record::Photo& photo, v1::Photo& message);

struct TakenSaid {
  bool metadata = false;
  bool edit = false;

  bool any() const { return metadata || edit; }
};
// Takes over what the host was told later than what `photo` has; what has become another by that.
TakenSaid TakeNewerSaid(const v1::Photo& told, record::Photo& photo);

}  // namespace proofline::studio
