// What is being asked of the file systems of watched folders, and what does not answer.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "lib/base/clock.h"
#include "lib/base/work_watch.h"

namespace proofline::studio {

// A network share whose server is gone may hold a call for ever. Whoever calls says so here before,
// so that somebody else can tell. Thread-safe; never blocks.
class FolderCalls {
 public:
  // A call that takes longer has no answer yet as far as people are concerned.
  static constexpr base::Duration kPatience = std::chrono::seconds(20);

  explicit FolderCalls(base::Duration patience = kPatience,
                       const base::Clock& clock = base::RealClock())
      : patience_(patience), clock_(clock) {}

  // A call about `path`, below the watched folder `root`, begins; it ends with what is returned.
  [[nodiscard]] base::WorkWatch::Busy Begin(const std::string& root, const std::string& path);
  // For people; empty if everything below the root answers.
  std::string Hanging(const std::string& root) const;
  // Somebody has left work undone because the root did not answer.
  void NoteUnanswered(const std::string& root);
  // True if that was so and it answers again: once.
  bool TakeUnanswered(const std::string& root);
  // The first root that does not answer, for people; empty if there is none.
  std::string AnyHanging() const;

 private:
  const base::Duration patience_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;
  // Nodes that never move, and stay.
  std::map<std::string, base::WorkWatch> roots_;
  std::set<std::string> unanswered_;
};

}  // namespace proofline::studio
