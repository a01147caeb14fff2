#include "daemon/working_hours.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "lib/base/text.h"

namespace proofline::studio {
namespace {

constexpr int kMinutesPerDay = 24 * 60;
// The clock may be set while somebody sleeps by it: look at least this often.
constexpr absl::Duration kLongestSleep = absl::Minutes(10);

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// "22:00" as minutes of the day; "24:00" is the end of it.
std::optional<int> ParseMinute(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon > 2 || colon == std::string_view::npos || text.size() != colon + 3) {
    return std::nullopt;
  }
  int hours = 0;
  int minutes = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == colon) continue;
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    (i < colon ? hours : minutes) = 10 * (i < colon ? hours : minutes) + (text[i] - '0');
  }
  if (hours > 24 || minutes > 59 || (hours == 24 && minutes != 0)) return std::nullopt;
  return hours * 60 + minutes;
}

std::string MinuteText(int minute) {
  const auto two = [](int number) { return base::Concat(number < 10 ? "0" : "", number); };
  return base::Concat(two(minute / 60), ":", two(minute % 60));
}

int MinuteOf(absl::Time time, absl::TimeZone zone) {
  const absl::CivilSecond local = zone.At(time).cs;
  return local.hour() * 60 + local.minute();
}

}  // namespace

absl::StatusOr<WorkingHours> WorkingHours::Parse(std::string_view text) {
  WorkingHours hours;
  text = Trim(text);
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const std::string_view span = Trim(part);
    const std::size_t dash = span.find('-');
    const std::optional<int> from = ParseMinute(Trim(span.substr(0, dash)));
    const std::optional<int> to =
        dash == std::string_view::npos ? std::nullopt : ParseMinute(Trim(span.substr(dash + 1)));
    if (!from.has_value() || !to.has_value() || *from == *to) {
      return absl::InvalidArgumentError(
          base::Concat("must be spans of the day, such as \"22:00-06:00\" or "
                       "\"12:00-13:00,18:00-24:00\"; this is none: \"",
                       span, "\""));
    }
    hours.spans_.push_back({*from % kMinutesPerDay, *to});
  }
  return hours;
}

bool WorkingHours::IncludesMinute(int minute) const {
  return std::any_of(spans_.begin(), spans_.end(), [minute](const Span& span) {
    return span.from < span.to ? minute >= span.from && minute < span.to
                               : minute >= span.from || minute < span.to;
  });
}

bool WorkingHours::Includes(absl::Time time, absl::TimeZone zone) const {
  return always() || IncludesMinute(MinuteOf(time, zone));
}

absl::Time WorkingHours::NextChange(absl::Time time, absl::TimeZone zone) const {
  absl::Time next = absl::InfiniteFuture();
  const auto consider = [&](absl::Time moment) {
    if (moment > time) next = std::min(next, moment);
  };
  if (always()) return next;
  const absl::CivilDay today(zone.At(time).cs);
  for (int day = 0; day <= 1; ++day) {
    for (const Span& span : spans_) {
      for (const int minute : {span.from, span.to}) {
        // A time that the wall shows twice has two moments, and one that it skips has the skip.
        const absl::TimeZone::TimeInfo moment =
            zone.At(absl::CivilSecond(today + day) + 60 * minute);
        for (const absl::Time at : {moment.pre, moment.trans, moment.post}) consider(at);
      }
    }
  }
  // A change of the clocks may itself be what begins or ends a span.
  absl::TimeZone::CivilTransition transition;
  if (zone.NextTransition(time, &transition)) {
    consider(zone.At(transition.to).pre);
    consider(zone.At(transition.to).post);
  }
  return next;
}

std::string WorkingHours::ToString() const {
  std::string text;
  for (const Span& span : spans_) {
    text += base::Concat(text.empty() ? "" : ", ", MinuteText(span.from), "-", MinuteText(span.to));
  }
  return text;
}

HoursKeeper::HoursKeeper(WorkingHours hours, std::function<void(bool rest)> rest,
                         const base::Clock& clock)
    : rest_(std::move(rest)), clock_(clock), hours_(std::move(hours)) {}

HoursKeeper::~HoursKeeper() { Stop(); }

void HoursKeeper::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void HoursKeeper::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void HoursKeeper::Set(WorkingHours hours) {
  {
    const std::lock_guard lock(mutex_);
    if (hours == hours_) return;
    hours_ = std::move(hours);
    set_ = true;
  }
  changed_.notify_all();
}

std::string HoursKeeper::message() const {
  const std::lock_guard lock(mutex_);
  if (!resting_) return {};
  return base::Concat("it is outside the hours to work (", hours_.ToString(), ")");
}

void HoursKeeper::Run(const std::stop_token& stop) {
  const absl::TimeZone zone = absl::LocalTimeZone();
  std::optional<bool> told;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const absl::Time now = absl::FromChrono(clock_.WallNow());
    const bool rest = !hours_.Includes(now, zone);
    const absl::Time next = hours_.NextChange(now, zone);
    const std::string hours = hours_.ToString();
    resting_ = rest;
    set_ = false;
    if (told != rest) {
      lock.unlock();
      if (rest) spdlog::info("outside the hours to work ({}): making and sending rests", hours);
      if (!rest && told.has_value()) spdlog::info("the hours to work begin");
      rest_(rest);
      told = rest;
      lock.lock();
    }
    const auto set = [this] { return set_; };
    if (next == absl::InfiniteFuture()) {
      changed_.wait(lock, stop, set);
    } else {
      const absl::Duration sleep = std::min(next - now, kLongestSleep);
      changed_.wait_for(lock, stop, absl::ToChronoNanoseconds(sleep), set);
    }
  }
}

}  // namespace proofline::studio
