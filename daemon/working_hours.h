// The hours of the day in which the daemon works.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"

namespace proofline::studio {

// Spans of the day by the clock on the wall, in local time: "22:00-06:00" ends on the next day. A
// value. None at all means that it is always time to work. When the clocks are put forward or back
// the spans stay what the wall says.
class WorkingHours {
 public:
  WorkingHours() = default;
  // Several are separated by commas: "12:00-13:00,22:00-06:00". InvalidArgument is the end of a
  // sentence that begins with what the text is for.
  static absl::StatusOr<WorkingHours> Parse(std::string_view text);

  bool always() const { return spans_.empty(); }
  bool Includes(absl::Time time, absl::TimeZone zone) const;
  // The first moment after `time` at which Includes() may change; infinite if it never does.
  absl::Time NextChange(absl::Time time, absl::TimeZone zone) const;
  // "22:00-06:00, 12:00-13:00"
  std::string ToString() const;

  friend bool operator==(const WorkingHours&, const WorkingHours&) = default;

 private:
  // Minutes of the day, `from` included and `to` not.
  struct Span {
    int from = 0;
    int to = 0;
    friend bool operator==(const Span&, const Span&) = default;
  };
  bool IncludesMinute(int minute) const;

  std::vector<Span> spans_;
};

// Tells its owner when the hours begin and end. A thread of its own, which sleeps until then; with
// no hours set it sleeps until some are.
class HoursKeeper {
 public:
  // `rest` is told true when the hours are over and false when they begin, and once at Start();
  // called on the thread.
  HoursKeeper(WorkingHours hours, std::function<void(bool rest)> rest,
              const base::Clock& clock = base::RealClock());
  // As Stop().
  ~HoursKeeper();
  HoursKeeper(const HoursKeeper&) = delete;
  HoursKeeper& operator=(const HoursKeeper&) = delete;

  void Start();
  void Stop();
  // From any thread.
  void Set(WorkingHours hours);
  // For people: "it is outside the hours to work (22:00-06:00)", or nothing.
  std::string message() const;

 private:
  void Run(const std::stop_token& stop);

  const std::function<void(bool)> rest_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  WorkingHours hours_;
  bool set_ = false;
  bool resting_ = false;
  std::jthread thread_;
};

}  // namespace proofline::studio
