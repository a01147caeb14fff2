#include "hostd/kept_refusals.h"

#include <algorithm>

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

constexpr int kKeptRefusals = 100;

}  // namespace

bool ForgetRefusals(record::RefusalsRecord& kept, std::string_view photo) {
  auto& list = *kept.mutable_refusals();
  const auto end = std::remove_if(list.begin(), list.end(), [&](const record::KeptRefusal& one) {
    return !photo.empty() && one.photo() == photo;
  });
  const bool any = end != list.end();
  list.erase(end, list.end());
  return any;
}

void KeepRefusal(record::RefusalsRecord& kept, const pb::PublishRefusal& refusal,
                 const std::string& photo) {
  record::KeptRefusal& keep = *kept.add_refusals();
  *keep.mutable_refusal() = refusal;
  keep.set_photo(photo);
  const int too_many = kept.refusals_size() - kKeptRefusals;
  if (too_many <= 0) return;
  kept.set_dropped_sequence(kept.refusals(too_many - 1).refusal().sequence());
  kept.mutable_refusals()->DeleteSubrange(0, too_many);
}

}  // namespace proofline::host
