// Files that have been seen and may not be whole yet.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/file_rules.h"
#include "daemon/file_stamp.h"
#include "lib/base/clock.h"

namespace proofline::studio {

// A path whose reading has been the same for the quiet time.
struct SettledPath {
  std::string root;
  std::string path;
  Reading reading;  // a file, or absent: the file that was there is gone
  // What the file is taken for: a photo (kPicture, kRaw), a sidecar, or nothing of ours (kIgnored).
  FileKind kind = FileKind::kPicture;
  // It lies on another volume than the watched folder does.
  bool on_submount = false;
  // It could not be opened to see what it is; worth another look.
  bool unreadable = false;
};

// Holds back every path until two readings of it, at least the quiet time apart, are equal; a path
// that never comes to rest is let go after the longest time, and again and again as long as hints
// about it come. An absent file settles the same way, so that a file which is replaced is not taken
// for a deleted one.
//
// Pure: it neither reads files nor waits. Somebody calls Due() at NextDue(), reads the paths, and
// hands the readings to Check(). Holds at most `capacity` paths. Not thread-safe.
class SettleQueue {
 public:
  struct Options {
    base::Duration quiet{};
    base::Duration longest{};
    std::size_t capacity = 20'000;
  };

  // The clock must outlive the queue.
  SettleQueue(const Options& options, const base::Clock& clock);

  // Why a path is offered.
  enum class Why {
    kEvent,   // something happened to it: the quiet time begins anew
    kListed,  // it was found in its folder: the quiet time begins anew only if the reading differs
  };
  // False if the path is new and the queue is full: offer it again later.
  bool Offer(const std::string& root, const std::string& path, const Reading& reading, Why why);

  // When the next path is due; nothing if the queue is empty.
  std::optional<base::SteadyTime> NextDue() const;
  // Paths that are due, at most `max`; they stay in the queue.
  std::vector<std::string> Due(std::size_t max) const;
  // Takes a new reading of a path that was due. Returns it, and forgets the path, if it has
  // settled. An unknown reading settles nothing.
  std::optional<SettledPath> Check(const std::string& path, const Reading& reading);

  // The file has gaps where nothing has been written yet: its path waits for another quiet time,
  // until it has been as it is for the longest. False then, and for others.
  bool PutOffUnfilled(const std::string& path, const Reading& reading);
  // Lets a path wait for another quiet time. False if it has waited for the longest already.
  bool PutOff(const std::string& path);
  // A file is held that is the other half of a pair with this one.
  bool HoldsOtherHalf(const std::string& path) const;
  bool Holds(const std::string& path) const { return held_.contains(path); }
  // The watched folder of a path that is held; empty for others.
  std::string RootOf(const std::string& path) const {
    const auto found = held_.find(path);
    return found == held_.end() ? std::string() : found->second.root;
  }
  // Calls `visit` with every file that is held, as it was last read.
  template <typename Visit>
  void ForEachFile(const Visit& visit) const {
    for (const auto& [path, held] : held_) {
      if (held.reading.is_file()) visit(held.reading.stamp);
    }
  }
  bool full() const { return held_.size() >= options_.capacity; }
  std::size_t size() const { return held_.size(); }

 private:
  struct Held {
    std::string root;
    Reading reading;
    base::SteadyTime first;
    base::SteadyTime due;
    // When it was first read as it is now.
    base::SteadyTime as_it_is;
  };
  using Entry = std::pair<const std::string, Held>;

  void Restart(Entry& entry);

  const Options options_;
  const base::Clock& clock_;
  std::map<std::string, Held> held_;
  // Points at the keys of held_, which do not move.
  std::set<std::pair<base::SteadyTime, const std::string*>> by_due_;
};

}  // namespace proofline::studio
