#include "daemon/settle_queue.h"

#include <algorithm>

#include "lib/base/check.h"

namespace proofline::studio {

SettleQueue::SettleQueue(const Options& options, const base::Clock& clock)
    : options_(options), clock_(clock) {
  PROOFLINE_CHECK(options.quiet <= options.longest, "the longest wait is at least the quiet time");
}

void SettleQueue::Restart(Entry& entry) {
  Held& held = entry.second;
  const auto position = std::make_pair(held.due, &entry.first);
  by_due_.erase(position);
  held.due = std::min(clock_.Now() + options_.quiet, held.first + options_.longest);
  by_due_.emplace(held.due, &entry.first);
}

bool SettleQueue::Offer(const std::string& root, const std::string& path, const Reading& reading,
                        Why why) {
  const auto found = held_.find(path);
  if (found != held_.end()) {
    Held& held = found->second;
    const bool same = held.reading == reading;
    if (!same) held.as_it_is = clock_.Now();
    held.reading = reading;
    if (!same || why == Why::kEvent) Restart(*found);
    return true;
  }
  if (full()) return false;
  const base::SteadyTime now = clock_.Now();
  const auto added = held_.emplace(path, Held{root, reading, now, now + options_.quiet, now}).first;
  by_due_.emplace(added->second.due, &added->first);
  return true;
}

std::optional<base::SteadyTime> SettleQueue::NextDue() const {
  if (by_due_.empty()) return std::nullopt;
  return by_due_.begin()->first;
}

std::vector<std::string> SettleQueue::Due(std::size_t max) const {
  std::vector<std::string> paths;
  const base::SteadyTime now = clock_.Now();
  for (const auto& [due, path] : by_due_) {
    if (due > now || paths.size() >= max) break;
    paths.push_back(*path);
  }
  return paths;
}

std::optional<SettledPath> SettleQueue::Check(const std::string& path, const Reading& reading) {
  const auto found = held_.find(path);
  if (found == held_.end()) return std::nullopt;
  Held& held = found->second;
  const base::SteadyTime now = clock_.Now();
  // A hint may have come since the path was due.
  if (held.due > now) return std::nullopt;

  if (reading.kind == Reading::Kind::kUnknown) {
    // What does not answer is asked again, for as long as it takes.
    held.first = now;
    Restart(*found);
    return std::nullopt;
  }
  if (held.reading != reading && now < held.first + options_.longest) {
    held.reading = reading;
    held.as_it_is = now;
    Restart(*found);
    return std::nullopt;
  }
  SettledPath settled{.root = held.root, .path = path, .reading = reading};
  by_due_.erase(std::make_pair(held.due, &found->first));
  held_.erase(found);
  return settled;
}

bool SettleQueue::PutOffUnfilled(const std::string& path, const Reading& reading) {
  const auto found = held_.find(path);
  if (found == held_.end()) return false;
  Held& held = found->second;
  const base::SteadyTime now = clock_.Now();
  if (held.due > now) return false;
  if (held.reading != reading) {
    held.reading = reading;
    held.as_it_is = now;
  }
  if (now >= held.as_it_is + options_.longest) return false;
  // Others are let go after the longest time; half a picture is not.
  held.first = now;
  Restart(*found);
  return true;
}

bool SettleQueue::PutOff(const std::string& path) {
  const auto found = held_.find(path);
  if (found == held_.end() || clock_.Now() >= found->second.first + options_.longest) return false;
  Restart(*found);
  return true;
}

bool SettleQueue::HoldsOtherHalf(const std::string& path) const {
  const std::string name = NameOf(path);
  std::string beginning = path.substr(0, path.size() - name.size());
  beginning += StemOf(name);
  beginning += '.';
  for (auto at = held_.lower_bound(beginning);
       at != held_.end() && at->first.starts_with(beginning); ++at) {
    if (at->second.reading.is_file() && ArePair(path, at->first)) return true;
  }
  return false;
}

}  // namespace proofline::studio
