#include "lib/base/log.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <functional>
#include <regex>
#include <string>

#include "lib/base/file.h"
#include "test/catch.h"
#include "test/temp_dir.h"

using namespace proofline::base;
using proofline::test::TempDir;

namespace {

// What `body` writes to standard error.
std::string StandardError(const std::function<void()>& body) {
  TempDir dir;
  const UniqueFd old(::dup(STDERR_FILENO));
  {
    const UniqueFd file(::open((dir / "err").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ::dup2(file.get(), STDERR_FILENO);
  }
  body();
  ::dup2(old.get(), STDERR_FILENO);
  return *ReadFile(dir / "err", 1 << 20);
}

const std::string kTime = R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)";

}  // namespace

TEST_CASE("a log line has time, level and message, and stays one line") {
  REQUIRE(SetUpLog("info", false).ok());
  const std::string text = StandardError([] {
    spdlog::debug("too small");
    spdlog::warn("photo {} is broken", "a\nb\x1b[31m\xFF \xC3\xA4 \xC2\x9B");
    spdlog::error("{}", absl::InternalError("of a status").message());
  });
  CHECK(std::regex_match(
      text,
      std::regex(kTime + " warn photo a\\\\nb\\\\x1b\\[31m\\\\xff \xC3\xA4 \\\\x9b is broken\n" +
                 kTime + " error of a status\n")));
}

TEST_CASE("a JSON log line is one valid object, whatever the message") {
  REQUIRE(SetUpLog("debug", true).ok());
  const std::string text =
      StandardError([] { spdlog::debug("say \"{}\"", "\\\n\x01\xFF\xE2\x82\xAC"); });
  REQUIRE(SetUpLog("info", false).ok());
  CHECK(std::regex_match(
      text, std::regex("\\{\"time\":\"" + kTime +
                       "\",\"level\":\"debug\",\"message\":\"say \\\\\"\\\\\\\\\\\\n\\\\u0001"
                       "\\\\u00ff\xE2\x82\xAC\\\\\"\"\\}\n")));
}

TEST_CASE("an unknown log level is refused with the known ones") {
  const absl::Status status = SetUpLog("loud", false);
  CHECK(absl::IsInvalidArgument(status));
  CHECK(status.message() ==
        "there is no log level \"loud\"; choose trace, debug, info, warn or error");
}
