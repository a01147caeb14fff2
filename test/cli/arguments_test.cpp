#include "cli/arguments.h"

#include "cli/exit_code.h"
#include "lib/rpc/status.h"
#include "proofline/v1/lab.pb.h"
#include "test/catch.h"

namespace proofline::cli {
namespace {

TEST_CASE("a crop is four fractions inside the picture") {
  const auto crop = ParseCrop("0.1,0,0.8,1");
  REQUIRE(crop.ok());
  CHECK(crop->left() == 0.1);
  CHECK(crop->top() == 0);
  CHECK(crop->width() == 0.8);
  CHECK(crop->height() == 1);
  CHECK(ParseCrop("0.1:0:0.8:1").ok());
  for (const char* wrong : {"", "0,0,1", "0,0,1,1,1", "a,0,1,1", "0,0,0,1", "0.5,0,0.6,1",
                            "-0.1,0,1,1", "nan,0,1,1", "0,0,inf,1", "0,,1,1"}) {
    INFO(wrong);
    CHECK(IsUsageError(ParseCrop(wrong).status()));
  }
}

TEST_CASE("an order line has a photo and a product, and may have a quantity and a crop") {
  const auto plain = ParseLine("summer/p1,10x15");
  REQUIRE(plain.ok());
  CHECK(plain->photo == "summer/p1");
  CHECK(plain->product == "10x15");
  CHECK(plain->quantity == 1);
  CHECK_FALSE(plain->print_crop.has_value());

  const auto whole = ParseLine("p1,lab/20x30,12,0:0:1:0.5");
  REQUIRE(whole.ok());
  CHECK(whole->quantity == 12);
  REQUIRE(whole->print_crop.has_value());
  CHECK(whole->print_crop->height() == 0.5);

  for (const char* wrong :
       {"", "p1", "p1,", ",10x15", "p1,10x15,0", "p1,10x15,-1", "p1,10x15,1.5", "p1,10x15,10001",
        "p1,10x15,many", "p1,10x15,1,0:0:1", "p1,10x15,1,0:0:1:2", "p1,10x15,1,0:0:1:1,more"}) {
    INFO(wrong);
    CHECK(IsUsageError(ParseLine(wrong).status()));
  }
}

TEST_CASE("lengths of time have a unit or are seconds") {
  CHECK(*ParseDuration("500ms") == std::chrono::milliseconds(500));
  CHECK(*ParseDuration("90") == std::chrono::seconds(90));
  CHECK(*ParseDuration("1h30m") == std::chrono::minutes(90));
  for (const char* wrong : {"", "0", "-1s", "soon", "5 weeks", "inf", "999999h", "1e300"}) {
    INFO(wrong);
    CHECK(IsUsageError(ParseDuration(wrong).status()));
  }
}

TEST_CASE("a time is a day or an instant with its offset") {
  const auto instant = ParseTime("2027-01-01T18:00:00+01:00");
  REQUIRE(instant.ok());
  CHECK(instant->seconds() == 1798822800);
  const auto day = ParseTime("2027-01-01");
  REQUIRE(day.ok());
  CHECK(std::abs(day->seconds() - 1798761600) <= 14 * 3600);
  for (const char* wrong :
       {"", "tomorrow", "2027-13-01", "2027-01-01T18:00:00", "infinite-future", "99999-01-01"}) {
    INFO(wrong);
    CHECK(IsUsageError(ParseTime(wrong).status()));
  }
}

TEST_CASE("what a share can match is a known field with a value") {
  const auto match = ParseMatch("fields.class=4b=x");
  REQUIRE(match.ok());
  CHECK(match->field() == "fields.class");
  CHECK(match->value() == "4b=x");
  CHECK(ParseMatch("event=Prom").ok());
  for (const char* wrong : {"event", "event=", "=x", "title=x", "fields.=x", ""}) {
    INFO(wrong);
    CHECK(IsUsageError(ParseMatch(wrong).status()));
  }
}

TEST_CASE("rotations are quarters, whichever way round") {
  CHECK(*ParseRotation("90") == 90);
  CHECK(*ParseRotation("-90") == 270);
  CHECK(*ParseRotation("360") == 0);
  CHECK(IsUsageError(ParseRotation("45").status()));
  CHECK(IsUsageError(ParseRotation("left").status()));
}

TEST_CASE("states are words, and a wrong one names the right ones") {
  CHECK(*ParseWord<v1::JobState>("held") == v1::JOB_STATE_HELD);
  CHECK(*ParseWord<v1::JobState>("") == v1::JOB_STATE_UNSPECIFIED);
  const auto wrong = ParseWord<v1::JobState>("unspecified");
  REQUIRE(IsUsageError(wrong.status()));
  CHECK(std::string(wrong.status().message()).find("printing, printed") != std::string::npos);
}

TEST_CASE("exit codes tell refused, unreachable, not found and given up apart") {
  CHECK(ExitCodeFor(absl::OkStatus()) == ExitCode::kOk);
  CHECK(ExitCodeFor(UsageError("x")) == ExitCode::kUsage);
  CHECK(ExitCodeFor(absl::InvalidArgumentError("x")) == ExitCode::kFailed);
  CHECK(ExitCodeFor(absl::UnavailableError("x")) == ExitCode::kUnreachable);
  CHECK(ExitCodeFor(rpc::Error(absl::StatusCode::kUnavailable, "x", "DRAINING")) ==
        ExitCode::kFailed);
  CHECK(ExitCodeFor(absl::NotFoundError("x")) == ExitCode::kNotFound);
  CHECK(ExitCodeFor(absl::DeadlineExceededError("x")) == ExitCode::kGaveUp);
}

}  // namespace
}  // namespace proofline::cli
