#include "cli/output.h"

#include <sstream>

#include "cli/exit_code.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "lib/rpc/status.h"
#include "proofline/v1/lab.pb.h"
#include "proofline/v1/order.pb.h"
#include "test/catch.h"

namespace proofline::cli {
namespace {

TEST_CASE("a table is aligned and no line ends with a space") {
  Table table({"NAME", ">COUNT", "MESSAGE"});
  table.Add({"a", "1", ""});
  table.Add({"longer", "1000", "gone"});
  table.Add({"é", "22"});
  CHECK(table.Format(false) ==
        "NAME    COUNT  MESSAGE\n"
        "a           1\n"
        "longer   1000  gone\n"
        "é          22\n");
}

TEST_CASE("names from outside cannot steer the terminal or break a row") {
  CHECK(Printable("a\x1b[2Jb\nc\td") == "a?[2Jb?c?d");
  CHECK(Printable("caf\xc3\xa9") == "caf\xc3\xa9");
  CHECK(Printable("bad\xc3") == "bad?");
  CHECK(Printable("\xc0\xaf") == "??");
  CHECK(Printable("evil\xe2\x80\xaegpj.exe") == "evil?gpj.exe");
  Table table({"FILE", "STATE"});
  table.Add({"\x1b]0;x\x07", "ok"});
  CHECK(table.Format(false) == "FILE    STATE\n?]0;x?  ok\n");
}

TEST_CASE("wide characters take two columns") {
  CHECK(DisplayWidth("写真") == 4);
  CHECK(DisplayWidth("e\xcc\x81") == 1);
  CHECK(DisplayWidth("abc") == 3);
}

TEST_CASE("facts without a value are left out") {
  CHECK(FormatFacts({{"a", "1"}, {"longer", "2"}, {"none", ""}}) == "a       1\nlonger  2\n");
}

TEST_CASE("a caption keeps its lines, one below the other") {
  CHECK(FormatFacts({{"caption", "one\r\ntwo\n\x1b[3m"}, {"title", "t"}}) ==
        "caption  one\n         two\n         ?[3m\ntitle    t\n");
}

TEST_CASE("a line is cut to a terminal's width between characters") {
  CHECK(CutToWidth("12345", 5) == "12345");
  CHECK(CutToWidth("123456", 5) == "1234…");
  CHECK(CutToWidth("写真写真", 6) == "写真…");
  CHECK(CutToWidth("abc", 0).empty());
}

TEST_CASE("enum values are words and newer ones numbers") {
  CHECK(Word(v1::ORDER_STATE_AT_LAB) == "at-lab");
  CHECK(Word(v1::JOB_STATE_UNSPECIFIED).empty());
  CHECK(Word(v1::Product::LOW_RESOLUTION_REFUSE) == "refuse");
  CHECK(Word(static_cast<v1::OrderState>(77)) == "77");
}

TEST_CASE("exposures are fractions where photographers say them so") {
  CHECK(ExposureText(1.0 / 15) == "1/15 s");
  CHECK(ExposureText(0.004) == "1/250 s");
  CHECK(ExposureText(0.3) == "0.3 s");
  CHECK(ExposureText(2.5) == "2.5 s");
  CHECK(ExposureText(0).empty());
  CHECK(CountText(1, "photo", "photos") == "1 photo");
  CHECK(CountText(0, "photo", "photos") == "0 photos");
  CHECK(IsUtf8("caf\xc3\xa9"));
  CHECK_FALSE(IsUtf8("caf\xe9"));
}

TEST_CASE("sizes are short") {
  CHECK(SizeText(0) == "0 B");
  CHECK(SizeText(999) == "999 B");
  CHECK(SizeText(1500) == "1.5 kB");
  CHECK(SizeText(999'999) == "1.0 MB");
  CHECK(SizeText(25'300'000) == "25 MB");
}

TEST_CASE("a capture time is the camera's own clock unless the file has an offset") {
  v1::Metadata metadata;
  CHECK(CaptureTime(metadata).empty());
  metadata.mutable_capture_time()->set_seconds(1714566896);
  CHECK(CaptureTime(metadata) == "2024-05-01T12:34:56");
  metadata.set_capture_utc_offset_minutes(120);
  CHECK(CaptureTime(metadata) == "2024-05-01T14:34:56+02:00");
}

TEST_CASE("names are shortened to the identifiers that matter") {
  CHECK(ShortName("studios/s/galleries/g/photos/p", 1) == "g/p");
  CHECK(ShortName("studios/s/galleries/g/photos/p", 0) == "s/g/p");
  CHECK(ShortName("", 0).empty());
  CHECK(LastId("jobs/j") == "j");
}

TEST_CASE("json is one line, with fields that have no value") {
  v1::OrderLine line;
  line.set_quantity(2);
  const std::string json = ToJson(line);
  CHECK(json.find('\n') == std::string::npos);
  CHECK(json.find("\"quantity\":2") != std::string::npos);
  CHECK(json.find("\"photo\":\"\"") != std::string::npos);
}

TEST_CASE("an error with --json carries code, reason, message and details") {
  const absl::Status status = rpc::Error(absl::StatusCode::kNotFound, "no such \"photo\"\n",
                                         "PHOTO_NOT_FOUND", {{"line", "2"}});
  std::ostringstream out, err;
  Output output(out, err, false, false);
  output.set_json(true);
  output.Error(status);
  std::istringstream lines(err.str());
  std::string sentence, json;
  REQUIRE(std::getline(lines, sentence));
  REQUIRE(std::getline(lines, json));
  CHECK(sentence.starts_with("proofline: no such \"photo\""));
  google::protobuf::Struct parsed;
  REQUIRE(google::protobuf::util::JsonStringToMessage(json, &parsed).ok());
  const auto& error = parsed.fields().at("error").struct_value().fields();
  CHECK(error.at("code").string_value() == "NOT_FOUND");
  CHECK(error.at("reason").string_value() == "PHOTO_NOT_FOUND");
  CHECK(error.at("details").struct_value().fields().at("line").string_value() == "2");
  CHECK(out.str().empty());
}

TEST_CASE("a status without a sentence still gets one") {
  for (const auto code : {absl::StatusCode::kUnimplemented, absl::StatusCode::kInternal,
                          absl::StatusCode::kUnauthenticated, absl::StatusCode::kNotFound}) {
    CHECK_FALSE(Sentence(absl::Status(code, "")).empty());
  }
}

TEST_CASE("progress is shown on a terminal and nowhere else") {
  std::ostringstream out, err;
  {
    Output output(out, err, true, false);
    Progress(output).Show("fetching", 1, 2);
  }
  CHECK(err.str().empty());
  {
    Output output(out, err, true, true);
    output.set_json(true);
    Progress(output).Show("fetching", 1, 2);
  }
  CHECK(err.str().empty());
  Output output(out, err, true, true);
  {
    Progress progress(output);
    progress.Show("fetching", 1, 2);
    CHECK(err.str().find("fetching 1 of 2") != std::string::npos);
  }
  CHECK(err.str().ends_with("\r\x1b[K"));
  CHECK(out.str().empty());
}

TEST_CASE("quiet and json leave remarks out") {
  std::ostringstream out, err;
  Output output(out, err, false, false);
  output.set_quiet(true);
  output.Note("a remark");
  output.Done(v1::OrderLine(), "done");
  CHECK(out.str().empty());
  CHECK(err.str().empty());
  output.set_json(true);
  output.Done(v1::OrderLine(), "done");
  CHECK(out.str().front() == '{');
}

}  // namespace
}  // namespace proofline::cli
