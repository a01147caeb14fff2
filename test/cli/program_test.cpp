// The real program: exit codes and the sentences of a command line that cannot work.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "lib/base/file.h"
#include "lib/rpc/access_key.h"
#include "lib/rpc/endpoints.h"
#include "test/catch.h"
#include "test/cli/run_cli.h"

namespace proofline::test {
namespace {

bool OneLine(const std::string& text) {
  return !text.empty() && text.find('\n') == text.size() - 1;
}

TEST_CASE("wrong usage is exit code 2 and one sentence that says where to read on") {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"studio"},
      {"frobnicate"},
      {"studio", "frobnicate"},
      {"studio", "list", "--no-such-flag"},
      {"host", "device", "create", "demo"},
      {"customer", "watch"},
      {"customer", "order"},
      {"studio", "status", "--timeout", "soon"},
      {"studio", "list", "--only", "nonsense"},
      {"studio", "edit", "p", "--crop", "0,0,2,2"},
      {"studio", "edit", "p"},
      {"lab", "hold", "jobs/"},
      {"image", "render-print", "a.jpg", "b.jpg", "--width", "0", "--height", "100"},
      {"new-key", "Not-An-Id"},
      {"customer", "order", "--line", "only-a-photo"}};
  for (const auto& arguments : wrong) {
    const Ran ran = RunProgram(arguments);
    INFO((arguments.empty() ? "" : arguments.back()) << ": " << ran.err);
    CHECK(ran.exit_code == 2);
    CHECK(ran.out.empty());
    CHECK(OneLine(ran.err));
    CHECK(ran.err.starts_with("proofline: "));
  }
  const std::string unknown = RunProgram({"studio", "frobnicate"}).err;
  CHECK(unknown.find("\"frobnicate\" is no verb of proofline studio") != std::string::npos);
  CHECK(unknown.find("proofline studio --help") != std::string::npos);
}

TEST_CASE("help and version are no errors, and every verb has an example") {
  const Ran version = RunProgram({"--version"});
  CHECK(version.exit_code == 0);
  CHECK(version.out.starts_with("proofline "));
  const Ran all = RunProgram({"--help-all"});
  CHECK(all.exit_code == 0);
  for (const char* verb : {"galleries", "contact-sheet", "new-key", "sign-in", "reprint"}) {
    CHECK(all.out.find(verb) != std::string::npos);
  }
  const Ran help = RunProgram({"customer", "order", "--help"});
  CHECK(help.exit_code == 0);
  CHECK(help.out.find("Example:") != std::string::npos);
  CHECK(help.err.empty());
}

TEST_CASE("a daemon that does not run is exit code 3 and says how to start it") {
  const TempDir folder;
  const Ran ran = RunProgram({"host", "orders", "demo", "--state", folder.path()});
  CHECK(ran.exit_code == 3);
  CHECK(ran.err.find("the host daemon is not running on " + folder.path().string()) !=
        std::string::npos);
  CHECK(ran.err.find("proofline-hostd --config") != std::string::npos);
  const Ran lab = RunProgram({"lab", "status"}, {"PROOFLINE_LAB_STATE=" + folder.path().string()});
  CHECK(lab.exit_code == 3);
  CHECK(lab.err.find("the lab daemon is not running on " + folder.path().string()) !=
        std::string::npos);
  CHECK(OneLine(lab.err));
}

TEST_CASE("a state folder that is another user's is told with what to do about it") {
  if (::geteuid() != 0) return;
  const TempDir folder;
  const std::string socket = "unix:" + (folder / "control.sock").string();
  REQUIRE(rpc::WriteEndpoints(folder.path(), {{"control", socket}}).ok());
  REQUIRE(::chmod(folder.path().c_str(), 0700) == 0);
  // Nobody's eyes, for this thread alone.
  REQUIRE(::syscall(SYS_setresuid, -1, 65534, -1) == 0);
  const Ran ran = RunCli({"studio", "status", "--state", folder.path()});
  REQUIRE(::syscall(SYS_setresuid, -1, 0, -1) == 0);
  CHECK(ran.exit_code == 1);
  CHECK(ran.err.find("open to the daemon's own user alone") != std::string::npos);
  CHECK(ran.err.find("sudo -u USER proofline studio") != std::string::npos);
}

TEST_CASE("a daemon that was killed is exit code 3") {
  const TempDir folder;
  const std::string socket = "unix:" + (folder / "control.sock").string();
  REQUIRE(rpc::WriteEndpoints(folder.path(), {{"control", socket}}).ok());
  const Ran ran = RunProgram({"studio", "status", "--state", folder.path(), "--json"});
  INFO(ran.err);
  CHECK(ran.exit_code == 3);
  CHECK(ran.err.find("does not answer") != std::string::npos);
  CHECK(ran.err.find("{\"error\":{") != std::string::npos);
  CHECK(RunProgram({"studio", "wait", "--state", folder.path()}).exit_code == 3);
}

TEST_CASE("a customer who is not signed in is told how") {
  const TempDir folder;
  const std::string session = folder / "session.json";
  const Ran ran = RunProgram({"customer", "orders"}, {"PROOFLINE_SESSION=" + session});
  CHECK(ran.exit_code == 1);
  CHECK(ran.err.find("proofline customer sign-in") != std::string::npos);
  REQUIRE(base::WriteFileDurably(session, "{broken").ok());
  CHECK(RunProgram({"customer", "orders", "--session", session}).exit_code == 1);
}

TEST_CASE("a host that is not there is exit code 3 for a customer") {
  const TempDir folder;
  const Ran ran = RunProgram({"customer", "sign-in", "ABCD-EFGH", "--host", "127.0.0.1:1",
                              "--insecure", "--session", folder / "session.json"});
  CHECK(ran.exit_code == 3);
  CHECK_FALSE(std::filesystem::exists(folder / "session.json"));
  CHECK(RunProgram({"customer", "sign-in", "X", "--host", "nonsense", "--insecure"}).exit_code ==
        2);
}

TEST_CASE("a new key carries its names and is written for its owner alone, never over another") {
  const Ran printed = RunProgram({"new-key", "demo"});
  CHECK(printed.exit_code == 0);
  const auto key = rpc::ParseAccessKey(printed.out.substr(0, printed.out.size() - 1), 1);
  REQUIRE(key.has_value());
  CHECK(key->names.front() == "demo");
  CHECK(RunProgram({"new-key", "demo"}).out != printed.out);

  const TempDir folder;
  const std::string file = folder / "demo.key";
  CHECK(RunProgram({"new-key", "demo", "front-desk", "--into", file}).exit_code == 0);
  CHECK(std::filesystem::status(file).permissions() == std::filesystem::perms(0600));
  const std::string first = base::ReadFile(file, 1000).value();
  const Ran again = RunProgram({"new-key", "demo", "--into", file});
  CHECK(again.exit_code == 1);
  CHECK(base::ReadFile(file, 1000).value() == first);
}

}  // namespace
}  // namespace proofline::test
