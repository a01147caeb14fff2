#include "daemon/working_hours.h"

#include "absl/time/civil_time.h"
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

absl::TimeZone Berlin() {
  absl::TimeZone zone;
  REQUIRE(absl::LoadTimeZone("Europe/Berlin", &zone));
  return zone;
}

TEST_CASE("hours are read, and what is none is named") {
  CHECK(WorkingHours::Parse("")->always());
  CHECK(WorkingHours::Parse(" 22:00-06:00 , 12:00 - 13:00")->ToString() ==
        "22:00-06:00, 12:00-13:00");
  CHECK(WorkingHours::Parse("18:00-24:00")->ToString() == "18:00-24:00");
  for (const char* text : {"22", "22:00", "22:00-", "25:00-26:00", "10:61-11:00", "9-17",
                           "08:00-08:00", "08:00-09:00;10:00-11:00", "8:0-9:00", "24:30-01:00"}) {
    INFO(text);
    CHECK(absl::IsInvalidArgument(WorkingHours::Parse(text).status()));
  }
}

TEST_CASE("a span over midnight is in force before and after it, its end excluded") {
  const WorkingHours hours = *WorkingHours::Parse("22:00-06:00,12:00-13:00");
  const absl::TimeZone zone = Berlin();
  const auto at = [&](int hour, int minute) {
    return absl::FromCivil(absl::CivilMinute(2024, 5, 1, hour, minute), zone);
  };
  CHECK(hours.Includes(at(22, 0), zone));
  CHECK(hours.Includes(at(5, 59), zone));
  CHECK_FALSE(hours.Includes(at(6, 0), zone));
  CHECK(hours.Includes(at(12, 30), zone));
  CHECK_FALSE(hours.Includes(at(21, 59), zone));
  CHECK(hours.NextChange(at(7, 0), zone) == at(12, 0));
  CHECK(hours.NextChange(at(12, 0), zone) == at(13, 0));
  CHECK(hours.NextChange(at(23, 0), zone) == at(6, 0) + absl::Hours(24));
  CHECK(WorkingHours().NextChange(at(7, 0), zone) == absl::InfiniteFuture());
}

TEST_CASE("when the clocks change the hours stay what the wall shows") {
  const WorkingHours hours = *WorkingHours::Parse("01:00-02:30");
  const absl::TimeZone zone = Berlin();
  // 2024-03-31: from 02:00 the wall goes to 03:00.
  const absl::Time spring = absl::FromCivil(absl::CivilMinute(2024, 3, 31, 1, 59), zone);
  CHECK(hours.Includes(spring, zone));
  CHECK_FALSE(hours.Includes(spring + absl::Minutes(1), zone));
  CHECK(hours.NextChange(spring, zone) == spring + absl::Minutes(1));
  // 2024-10-27: from 03:00 it goes back to 02:00, which comes twice.
  const absl::Time autumn = absl::FromCivil(absl::CivilMinute(2024, 10, 27, 1, 30), zone);
  CHECK(hours.Includes(autumn + absl::Minutes(45), zone));        // 02:15, summer time
  CHECK_FALSE(hours.Includes(autumn + absl::Minutes(75), zone));  // 02:45, summer time
  CHECK(hours.Includes(autumn + absl::Minutes(105), zone));       // 02:15 again
  CHECK_FALSE(hours.Includes(autumn + absl::Minutes(120), zone));
  // Going from change to change finds every one of them.
  absl::Time time = autumn;
  for (int minutes = 0; minutes < 300; ++minutes) {
    const absl::Time now = autumn + absl::Minutes(minutes);
    while (time <= now) time = hours.NextChange(time, zone);
    const bool before = hours.Includes(now, zone);
    const bool after = hours.Includes(now + absl::Minutes(1), zone);
    if (before != after) CHECK(time == now + absl::Minutes(1));
  }
}

TEST_CASE("a night's hours are an hour shorter or longer when the clocks change in it") {
  const WorkingHours hours = *WorkingHours::Parse("22:00-06:00");
  const absl::TimeZone zone = Berlin();
  const auto night = [&](int year, int month, int day) {
    const absl::Time begin = absl::FromCivil(absl::CivilMinute(year, month, day, 21, 30), zone);
    absl::Time time = hours.NextChange(begin, zone);
    CHECK(absl::FormatTime("%H:%M", time, zone) == "22:00");
    absl::Duration length;
    // Midnight and the change of the clocks may be moments to look, and change nothing.
    while (hours.Includes(time, zone)) {
      const absl::Time next = hours.NextChange(time, zone);
      length += next - time;
      time = next;
    }
    CHECK(absl::FormatTime("%H:%M", time, zone) == "06:00");
    return length;
  };
  CHECK(night(2024, 5, 1) == absl::Hours(8));
  CHECK(night(2024, 12, 31) == absl::Hours(8));
  CHECK(night(2024, 3, 30) == absl::Hours(7));
  CHECK(night(2024, 10, 26) == absl::Hours(9));
}

TEST_CASE("whoever keeps the hours says when they end, and new hours count at once") {
  base::FakeClock clock;
  std::mutex mutex;
  std::vector<bool> told;
  // One minute in the day; by the fake clock it is 01:46 in UTC, and never that minute.
  const absl::CivilMinute local(absl::LocalTimeZone().At(absl::FromChrono(clock.WallNow())).cs);
  const auto span = [&](int from, int to) {
    const auto text = [&](int offset) { return absl::FormatCivilTime(local + offset).substr(11); };
    return *WorkingHours::Parse(std::string(text(from)) + "-" + std::string(text(to)));
  };
  const auto last = [&](bool rest) {
    return Eventually([&] {
      const std::lock_guard lock(mutex);
      return !told.empty() && told.back() == rest;
    });
  };
  HoursKeeper keeper(
      span(60, 61),
      [&](bool rest) {
        const std::lock_guard lock(mutex);
        told.push_back(rest);
      },
      clock);
  keeper.Start();
  CHECK(last(true));
  CHECK(Eventually([&] { return !keeper.message().empty(); }));
  keeper.Set(span(-1, 2));
  CHECK(last(false));
  CHECK(Eventually([&] { return keeper.message().empty(); }));
  keeper.Set(span(60, 61));
  CHECK(last(true));
  keeper.Set({});
  CHECK(last(false));
}

TEST_CASE("a catalog that rests gives no work, and is not paused") {
  Studio studio;
  studio.Add("a.jpg", "a");
  studio.catalog().SetResting(true);
  CHECK_FALSE(studio.catalog().paused());
  std::optional<RenderTask> task;
  std::stop_source stop;
  {
    const std::jthread renderer([&] { task = studio.catalog().TakeWaiting(stop.get_token()); });
    stop.request_stop();
  }
  CHECK_FALSE(task.has_value());
  studio.catalog().SetResting(false);
  CHECK(studio.Take().has_value());
}

}  // namespace
}  // namespace proofline::studio::test
