// Failures because memory ran out. Their code, ResourceExhausted, is also that of pictures above a
// limit, for which no other process would do more.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "lib/base/text.h"

namespace proofline::imaging {

inline constexpr char kWantOfMemory[] = "proofline.imaging.want_of_memory";

inline absl::Status WantOfMemory(std::string_view sentence) {
  absl::Status status = absl::ResourceExhaustedError(base::ToAbsl(sentence));
  status.SetPayload(kWantOfMemory, absl::Cord("1"));
  return status;
}

inline bool IsWantOfMemory(const absl::Status& status) {
  return status.GetPayload(kWantOfMemory).has_value();
}

}  // namespace proofline::imaging
