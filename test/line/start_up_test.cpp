// What a daemon that cannot do its work says: one clear sentence, and the right exit code.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "test/catch.h"
#include "test/line/line.h"

namespace proofline::test {
namespace {

namespace fs = std::filesystem;

constexpr Part kDaemons[] = {Part::kHost, Part::kLab, Part::kStudio};

fs::path ProgramOf(Part part) {
  const fs::path programs = PROOFLINE_PROGRAMS;
  switch (part) {
    case Part::kHost:
      return programs / "proofline-hostd";
    case Part::kLab:
      return programs / "proofline-labd";
    default:
      return programs / "proofline-studiod";
  }
}

RunResult RunDaemon(const Line& line, Part part, const fs::path& config) {
  return Run({ProgramOf(part), "--config", config}, line.folder());
}

// The sentence is the last thing that was said, on one line, and nothing looks like a stack or a
// core dump.
void CheckSentence(const RunResult& result, int exit_code, const std::string& naming) {
  INFO(result.output);
  CHECK(result.exit_code == exit_code);
  CHECK(result.output.find(naming) != std::string::npos);
  CHECK(result.output.find("terminate called") == std::string::npos);
  CHECK(std::count(result.output.begin(), result.output.end(), '\n') <= 12);
}

void Replace(const fs::path& file, const std::string& from, const std::string& to) {
  std::string text = ReadText(file);
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  std::ofstream(file, std::ios::trunc) << text;
}

}  // namespace

TEST_CASE("a config that is not there, or has a wrong key, is named with what to do") {
  Line line;
  // A device key that can be read, so that nothing else is in the way.
  std::ofstream(line.folder() / "device.key") << "demo.desk.0123456789abcdef0123456789abcdef";
  fs::permissions(line.folder() / "device.key", fs::perms::owner_read | fs::perms::owner_write);
  for (const Part part : kDaemons) {
    INFO(ProgramOf(part));
    CheckSentence(RunDaemon(line, part, line.folder() / "nowhere.toml"), 2, "nowhere.toml");
    const fs::path wrong = line.folder() / "wrong.toml";
    std::ofstream(wrong, std::ios::trunc) << "stat = \"x\"\n" << ReadText(line.config(part));
    CheckSentence(RunDaemon(line, part, wrong), 2, "\"stat\"");
    CheckSentence(RunDaemon(line, part, wrong), 2, "\"state\"");
    std::ofstream(wrong, std::ios::trunc) << "state = [[[\n";
    CheckSentence(RunDaemon(line, part, wrong), 2, "wrong.toml");
  }
}

TEST_CASE("a port in use is named") {
  Line line;
  line.Start(Part::kHost);
  const fs::path second = line.folder() / "second.toml";
  fs::copy_file(line.config(Part::kHost), second);
  Replace(second, "state = \"host\"", "state = \"host2\"");
  CheckSentence(RunDaemon(line, Part::kHost, second), 1, "in use");
  line.Start(Part::kLab);
  const fs::path lab = line.folder() / "second-lab.toml";
  fs::copy_file(line.config(Part::kLab), lab);
  Replace(lab, "state = \"lab\"", "state = \"lab2\"");
  CheckSentence(RunDaemon(line, Part::kLab, lab), 1, "in use");
}

TEST_CASE("a second daemon on the same state folder is refused, and the first does not notice") {
  Line line;
  line.StartAll();
  for (const Part part : kDaemons) {
    INFO(ProgramOf(part));
    CheckSentence(RunDaemon(line, part, line.config(part)), 1, line.state(part).string());
    CHECK(line.running(part));
  }
}

TEST_CASE("a store that cannot be read is named, and left as it is") {
  Line line;
  line.StartAll();
  for (const Part part : kDaemons) {
    INFO(ProgramOf(part));
    line.Stop(part);
    std::vector<fs::path> manifests;
    for (const auto& entry : fs::recursive_directory_iterator(line.state(part))) {
      if (entry.path().filename().string().rfind("MANIFEST-", 0) == 0) {
        manifests.push_back(entry.path());
      }
    }
    REQUIRE(manifests.size() == 1);
    const std::string content = ReadText(manifests.front());
    std::ofstream(manifests.front(), std::ios::trunc) << "this is no manifest";
    CheckSentence(RunDaemon(line, part, line.config(part)), 1, line.state(part).string());
    std::ofstream(manifests.front(), std::ios::trunc) << content;
    line.Start(part);
  }
}

TEST_CASE("a watched folder that is not there is named, and with another one the daemon goes on") {
  Line line;
  line.Start(Part::kHost);
  line.EnrolDevice();
  fs::rename(line.watched(), line.folder() / "elsewhere");
  CheckSentence(RunDaemon(line, Part::kStudio, line.config(Part::kStudio)), 1,
                line.watched().string());

  Replace(line.config(Part::kStudio), "[settle]", "[[watch]]\npath = \"elsewhere\"\n[settle]");
  line.Start(Part::kStudio);
  const v1::GetStudioStatusResponse status = line.StudioStatus();
  REQUIRE(status.folders_size() == 2);
  CHECK((status.folders(0).path() == line.watched() ? status.folders(0) : status.folders(1))
            .message()
            .size() > 10);
}

TEST_CASE("every daemon ends with exit code 0 when asked to, and leaves no process behind") {
  Line line;
  line.StartAll();
  for (const Part part : {Part::kStudio, Part::kLab, Part::kHost}) {
    INFO(ProgramOf(part));
    CHECK(line.Stop(part) == 0);
  }
  // The image workers end with their daemons; a process still using the folder would be one of
  // them.
  const RunResult left =
      Run({"pgrep", "-f", line.folder().string() + "/(host|lab|studio).toml"}, line.folder());
  CHECK(left.exit_code == 1);
}

}  // namespace proofline::test
