// Refusals that a device may not have heard: told again when it opens its next stream. Pure.
#pragma once

#include <string>
#include <string_view>

#include "hostd/record.pb.h"

namespace proofline::host {

// Drops those of a photo; true if there were any. An empty id has none.
bool ForgetRefusals(record::RefusalsRecord& kept, std::string_view photo);

// Adds one; beyond a hundred the oldest are dropped, and noted as dropped.
void KeepRefusal(record::RefusalsRecord& kept, const proofline::v1::PublishRefusal& refusal,
                 const std::string& photo);

}  // namespace proofline::host
