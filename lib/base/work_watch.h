// Whether the parts of a program get on with their work.
#pragma once

#include <iterator>
#include <list>
#include <mutex>
#include <string>
#include <utility>

#include "lib/base/clock.h"

namespace proofline::base {

// Pieces of work that have begun and are not done. Somebody who waits for work is not late; who has
// begun a piece and does not end it in its time is. Thread-safe.
class WorkWatch {
 private:
  struct Piece {
    std::string name;
    SteadyTime due;
  };

 public:
  // Ends its piece of work when it goes; must not outlive the watch.
  class Busy {
   public:
    Busy(WorkWatch& watch, std::list<Piece>::iterator piece) : watch_(watch), piece_(piece) {}
    ~Busy() { watch_.End(piece_); }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    WorkWatch& watch_;
    const std::list<Piece>::iterator piece_;
  };

  // The clock must outlive it.
  explicit WorkWatch(const Clock& clock = RealClock()) : clock_(clock) {}

  // A piece of work begins that takes no more than `longest` unless it hangs. `name` is the
  // beginning of a sentence: "rendering /photos/a.jpg".
  [[nodiscard]] Busy Begin(std::string name, Duration longest) {
    const std::lock_guard lock(mutex_);
    pieces_.push_back({std::move(name), clock_.Now() + longest});
    return {*this, std::prev(pieces_.end())};
  }

  // The oldest piece of work that is late; empty if none is.
  std::string Late() const {
    const std::lock_guard lock(mutex_);
    const SteadyTime now = clock_.Now();
    for (const Piece& piece : pieces_) {
      if (piece.due < now) return piece.name;
    }
    return {};
  }

 private:
  void End(std::list<Piece>::iterator piece) {
    const std::lock_guard lock(mutex_);
    pieces_.erase(piece);
  }

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::list<Piece> pieces_;
};

}  // namespace proofline::base
