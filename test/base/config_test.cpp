#include "lib/base/config.h"

#include <chrono>
#include <string>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "test/catch.h"
#include "test/temp_dir.h"

using namespace proofline::base;
using namespace std::chrono_literals;
using proofline::test::TempDir;
using enum ConfigType;

namespace {

const ConfigTable& Table() {
  static const ConfigTable table{
      .rows = {{"name", kString, "studio", "", "What people call it."},
               {"log.level", kString, "info", "debug|info|warn", "How much is logged."},
               {"host.address", kString, kRequired, "", "Where the host is."},
               {"host.port", kInt, "4300", "1..65535", "Its port."},
               {"host.offset", kInt, "0", "-10..10", "A shift."},
               {"host.retry", kDuration, "2s", "100ms..1h", "Time between attempts."},
               {"host.token_file", kPath, "", "", "The file with the token."},
               {"store.cache", kSize, "64MiB", "8MiB..", "Memory for the store."},
               {"store.sync", kBool, "true", "", "Whether it is durable."},
               {"store.kinds", kStringList, "jpeg,png", "jpeg|png|tiff", "What is taken."}},
      .arrays = {{"watch",
                  "A folder to watch.",
                  {{"path", kPath, kRequired, "", "The folder."},
                   {"settle.quiet", kDuration, "2s", "0..1h", "Quiet time."},
                   {"event", kString, "", "", "Its event."}}}}};
  return table;
}

constexpr char kHost[] = "[host]\naddress = \"example.org\"\n";

absl::StatusOr<Config> Parse(const std::string& text) {
  return ParseConfig(text, "/etc/proofline/studio.toml", Table());
}

// The sentence about a wrong text, without the path, which is always the same.
std::string Wrong(const std::string& text) {
  const absl::Status status = Parse(text).status();
  CHECK(absl::IsInvalidArgument(status));
  const std::string message(status.message());
  const std::string path = "/etc/proofline/studio.toml";
  CHECK(message.starts_with(path));
  return message.substr(std::min(message.size(), path.size()));
}

}  // namespace

TEST_CASE("keys the file leaves out have their defaults") {
  const Config config = *Parse(kHost);
  CHECK(config.GetString("name") == "studio");
  CHECK(config.GetString("host.address") == "example.org");
  CHECK(config.GetInt("host.port") == 4300);
  CHECK(config.GetDuration("host.retry") == 2s);
  CHECK(config.GetPath("host.token_file").empty());
  CHECK(config.GetSize("store.cache") == 64u << 20);
  CHECK(config.GetBool("store.sync"));
  CHECK(config.GetStringList("store.kinds") == std::vector<std::string>{"jpeg", "png"});
  CHECK(config.GetTables("watch").empty());
  CHECK(config.Has("host.address"));
  CHECK_FALSE(config.Has("host.port"));
  CHECK(config.Where("host.address") == "/etc/proofline/studio.toml line 2");
  CHECK(config.Where("host.port") == "/etc/proofline/studio.toml");
}

TEST_CASE("values of the file win over defaults") {
  const Config config = *Parse(
      "name = \"caf\xC3\xA9\"\nlog.level = \"warn\"\n[host]\naddress = \"a\"\nport = "
      "65535\noffset = -10\nretry = \"1h\"\ntoken_file = \"../secret\"\n[store]\ncache = "
      "10_000_000\nsync = false\nkinds = [\"tiff\"]\n");
  CHECK(config.GetString("name") == "caf\xC3\xA9");
  CHECK(config.GetString("log.level") == "warn");
  CHECK(config.GetInt("host.port") == 65535);
  CHECK(config.GetInt("host.offset") == -10);
  CHECK(config.GetDuration("host.retry") == 1h);
  CHECK(config.GetPath("host.token_file") == "/etc/secret");
  CHECK(config.GetSize("store.cache") == 10'000'000);
  CHECK_FALSE(config.GetBool("store.sync"));
  CHECK(config.GetStringList("store.kinds") == std::vector<std::string>{"tiff"});
}

TEST_CASE("arrays of tables are read in order, each checked by its own rows") {
  const Config config = *Parse(std::string(kHost) +
                               "[[watch]]\npath = \"photos\"\nsettle.quiet = \"0\"\n"
                               "[[watch]]\npath = \"/b\"\nevent = \"wedding\"\n");
  const std::vector<Config>& watched = config.GetTables("watch");
  REQUIRE(watched.size() == 2);
  CHECK(watched[0].GetPath("path") == "/etc/proofline/photos");
  CHECK(watched[0].GetDuration("settle.quiet") == 0ms);
  CHECK(watched[0].GetString("event").empty());
  CHECK(watched[1].GetPath("path") == "/b");
  CHECK(watched[1].GetDuration("settle.quiet") == 2s);
  CHECK(watched[1].Where("event") == "/etc/proofline/studio.toml line 8");
}

TEST_CASE("an unknown key is named with its line and the nearest known one") {
  CHECK(Wrong(std::string(kHost) + "prot = 1\n") ==
        " line 3: unknown key \"host.prot\"; did you mean \"host.port\"?");
  CHECK(Wrong(std::string(kHost) + "\n[sotre]\nsync = true\n") ==
        " line 5: unknown key \"sotre.sync\"; did you mean \"store.sync\"?");
  CHECK(Wrong("port = 1\n" + std::string(kHost)) ==
        " line 1: unknown key \"port\"; did you mean \"host.port\"?");
  CHECK(Wrong(std::string(kHost) + "[[wathc]]\npath = \"a\"\n") ==
        " line 4: unknown key \"wathc.path\"; did you mean \"watch.path\"?");
  CHECK(Wrong(std::string(kHost) + "[[watch]]\npath = \"a\"\nevnet = \"x\"\n") ==
        " line 5: unknown key \"watch.evnet\"; did you mean \"watch.event\"?");
  CHECK(Wrong(std::string(kHost) + "[elephants]\n") ==
        " line 3: unknown key \"elephants\"; see the sample file for the known ones");
}

TEST_CASE("a value of the wrong type is named with the right one") {
  CHECK(Wrong("[host]\naddress = 5\n") == " line 2: \"host.address\" must be text in quotes");
  CHECK(Wrong(std::string(kHost) + "port = \"80\"\n") ==
        " line 3: \"host.port\" must be a whole number");
  CHECK(Wrong(std::string(kHost) + "port = 1.5\n") ==
        " line 3: \"host.port\" must be a whole number");
  CHECK(Wrong(std::string(kHost) + "retry = 5\n") ==
        " line 3: \"host.retry\" must be a duration in quotes such as \"500ms\", \"2s\", \"15m\" "
        "or \"1h\"");
  CHECK(Wrong(std::string(kHost) + "[store]\nsync = \"true\"\n") ==
        " line 4: \"store.sync\" must be true or false");
  CHECK(Wrong(std::string(kHost) + "[store]\nkinds = \"jpeg\"\n") ==
        " line 4: \"store.kinds\" must be a list of texts such as [\"one\", \"two\"]");
  CHECK(Wrong(std::string(kHost) + "[store]\nkinds = [1]\n") ==
        " line 4: \"store.kinds\" must be a list of texts such as [\"one\", \"two\"]");
  CHECK(Wrong("host = 5\n").starts_with(" line 1: unknown key \"host\""));
  CHECK(Wrong("name = {a = 1}\n" + std::string(kHost)) ==
        " line 1: \"name\" must be text in quotes");
  CHECK(Wrong(std::string(kHost) + "[watch]\npath = \"a\"\n") ==
        " line 3: \"watch\" can stand several times: write [[watch]], with two brackets");
}

TEST_CASE("a value out of its range is named with the range") {
  CHECK(Wrong(std::string(kHost) + "port = 65536\n") ==
        " line 3: \"host.port\" must be between 1 and 65535");
  CHECK(Wrong(std::string(kHost) + "offset = -11\n") ==
        " line 3: \"host.offset\" must be between -10 and 10");
  CHECK(Wrong(std::string(kHost) + "retry = \"99ms\"\n") ==
        " line 3: \"host.retry\" must be between 100ms and 1h");
  CHECK(Wrong(std::string(kHost) + "[store]\ncache = \"1MiB\"\n") ==
        " line 4: \"store.cache\" must be at least 8MiB");
  CHECK(
      Wrong(std::string(kHost) + "[store]\ncache = -1\n").starts_with(" line 4: \"store.cache\""));
  CHECK(Wrong(std::string(kHost) + "[log]\nlevel = \"wran\"\n") ==
        " line 4: \"log.level\" must be one of debug, info, warn, not \"wran\"; did you mean "
        "\"warn\"?");
  CHECK(Wrong(std::string(kHost) + "[store]\nkinds = [\"png\", \"heif\"]\n") ==
        " line 4: \"store.kinds\" must be one of jpeg, png, tiff, not \"heif\"");
}

TEST_CASE("a missing or empty required key is an error") {
  CHECK(Wrong("") == ": \"host.address\" is missing; it must be given and be text in quotes");
  CHECK(Wrong("[host]\naddress = \"\"\n") == " line 2: \"host.address\" must not be empty");
  CHECK(Wrong(std::string(kHost) + "[[watch]]\nevent = \"x\"\n") ==
        " line 3: \"watch.path\" is missing; it must be given and be a path in quotes");
}

TEST_CASE("of several mistakes the topmost is told, and what is missing last") {
  CHECK(Wrong("[log]\nlevel = \"x\"\n[host]\nprot = 1\n").starts_with(" line 2: \"log.level\""));
  CHECK(Wrong("[host]\nprot = 1\n").starts_with(" line 2: unknown key"));
}

TEST_CASE("what is not TOML is told with its line") {
  CHECK(Wrong("name = \"a\"\nhost address\n").starts_with(" line 2: this is not TOML: "));
  CHECK(Wrong("name = \"a\"\nname = \"b\"\n").starts_with(" line 2: this is not TOML: "));
  CHECK(Wrong("name = \"\xFF\"\n").starts_with(" line 1: this is not TOML: "));
  CHECK(Wrong("name = \"open\n").starts_with(" line 1: this is not TOML: "));
  CHECK(Wrong(std::string(100'000, '[')).find("not TOML") != std::string::npos);
}

TEST_CASE("a config that cannot be read is told with its path") {
  TempDir dir;
  const absl::Status missing = LoadConfig(dir / "none.toml", Table()).status();
  CHECK(absl::IsNotFound(missing));
  CHECK(missing.message() == Concat("cannot read config ", dir / "none.toml",
                                    ": no such file; create it, or name another one"));
  CHECK(absl::IsFailedPrecondition(LoadConfig(dir.path(), Table()).status()));
  REQUIRE(WriteFileDurably(dir / "big.toml", std::string(2 << 20, '#')).ok());
  CHECK(absl::IsResourceExhausted(LoadConfig(dir / "big.toml", Table()).status()));
}

TEST_CASE("relative paths count from the folder of the config file") {
  TempDir dir;
  REQUIRE(WriteFileDurably(dir / "c.toml", std::string(kHost) + "token_file = \"a/./b\"\n").ok());
  CHECK(LoadConfig(dir / "c.toml", Table())->GetPath("host.token_file") == dir / "a/b");
  const Config config =
      *ParseConfig(std::string(kHost) + "token_file = \"t\"\n", "c.toml", Table());
  CHECK(config.GetPath("host.token_file") == std::filesystem::current_path() / "t");
}

TEST_CASE("the sample file parses once the required keys are given, and gives the defaults") {
  std::string sample = SampleConfig(Table());
  const std::string required = "# address = \"\"\n";
  const std::size_t at = sample.find(required);
  REQUIRE(at != std::string::npos);
  sample.replace(at, required.size(), "address = \"here\"\n");
  const absl::StatusOr<Config> config = Parse(sample);
  INFO(sample);
  REQUIRE(config.ok());
  CHECK(config->Has("host.port"));
  CHECK(config->GetInt("host.port") == 4300);
  CHECK(config->GetDuration("host.retry") == 2s);
  CHECK(config->GetStringList("store.kinds") == std::vector<std::string>{"jpeg", "png"});
  CHECK(sample.find("# [[watch]]\n# # The folder. Required.\n# path = \"\"\n") !=
        std::string::npos);
  CHECK(sample.find("# Its port. Allowed: 1..65535.\nport = 4300\n") != std::string::npos);
}

TEST_CASE("durations and sizes have units, and nothing overflows") {
  CHECK(*ParseDuration("0") == 0ms);
  CHECK(*ParseDuration("500ms") == 500ms);
  CHECK(*ParseDuration("15m") == 15min);
  CHECK(*ParseDuration("7d") == 168h);
  CHECK(*ParseDuration("2 s") == 2s);
  for (const char* bad :
       {"", "5", "s", "-1s", "1.5s", "2x", "1s ", "99999999999999999999s", "9999999999d", "1s1s"}) {
    INFO(bad);
    CHECK_FALSE(ParseDuration(bad).ok());
  }
  CHECK(*ParseSize("0") == 0);
  CHECK(*ParseSize("1048576") == 1u << 20);
  CHECK(*ParseSize("256MiB") == 256u << 20);
  CHECK(*ParseSize("2GB") == 2'000'000'000);
  for (const char* bad : {"", "MiB", "-1", "1.5GiB", "1Mib", "99999999999TiB"}) {
    INFO(bad);
    CHECK_FALSE(ParseSize(bad).ok());
  }
}
