// Every command in the documents and in the program's own help is one that the program takes.
#include <algorithm>
#include <filesystem>
#include <sstream>
#include <utility>

#include "test/catch.h"
#include "test/cli/run_cli.h"
#include "test/process.h"

namespace proofline::test {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

// The words of a shell line, as far as documents use the shell: double quotes.
Words Split(const std::string& line) {
  Words words;
  std::string word;
  bool quoted = false;
  bool any = false;
  for (const char c : line + " ") {
    if (c == '"') {
      quoted = !quoted;
      any = true;
    } else if (c == ' ' && !quoted) {
      if (any || !word.empty()) words.push_back(std::exchange(word, {}));
      any = false;
    } else {
      word += c;
    }
  }
  return words;
}

// Lines of examples, without what explains them.
std::vector<std::string> ExamplesIn(const std::string& text) {
  std::vector<std::string> examples;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    while (line.ends_with('\\')) {
      std::string more;
      std::getline(lines, more);
      line.pop_back();
      line += more.substr(std::min(more.find_first_not_of(' '), more.size()));
    }
    const std::size_t start = line.find_first_not_of(' ');
    if (start == std::string::npos || start < 2 || !line.substr(start).starts_with("proofline ")) {
      continue;
    }
    line.erase(0, start);
    examples.push_back(line.substr(0, line.find("  ")));
  }
  return examples;
}

// A place where no daemon runs and nobody is signed in.
class Nowhere {
 public:
  Nowhere() : before_(fs::current_path()) { fs::current_path(folder_.path()); }
  ~Nowhere() { fs::current_path(before_); }

  // Wrong usage is told before anybody is asked; that nobody answers is told after.
  void Try(const std::string& example) const {
    Words words = Split(example);
    words.erase(words.begin());
    bool has_timeout = false;
    for (std::string& word : words) {
      has_timeout = has_timeout || word == "--timeout";
      // GALLERY stands for an identifier, which is in lower case.
      const bool stands_for =
          std::all_of(word.begin(), word.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
      if (!stands_for) continue;
      std::transform(word.begin(), word.end(), word.begin(),
                     [](char c) { return static_cast<char>(c - 'A' + 'a'); });
    }
    if (words.front() == "customer") {
      words.insert(words.end(), {"--session", folder_ / "session.json"});
    } else if (words.front() != "new-key" && words.front() != "image") {
      words.insert(words.end(), {"--state", folder_.path()});
    }
    if (!has_timeout) words.insert(words.end(), {"--timeout", "500ms"});
    const Ran ran = RunCli(words);
    INFO(example << ": " << ran.err);
    CHECK(ran.exit_code != 2);
  }

 private:
  const fs::path before_;
  TempDir folder_;
};

// The verbs of a group, as the program names them to somebody who writes a wrong one.
Words VerbsOf(Words group) {
  group.push_back("frobnicate");
  const std::string said = RunCli(group).err;
  const std::size_t start = said.find("there are: ");
  if (start == std::string::npos) return {};
  std::string list = said.substr(start + 11);
  list.erase(list.find("; see:"));
  Words verbs;
  std::istringstream words(list);
  for (std::string verb; std::getline(words, verb, ',');) {
    verbs.push_back(verb.substr(verb.find_first_not_of(' ')));
  }
  return verbs;
}

TEST_CASE("every command in the documents can be given as it stands there") {
  const fs::path source = PROOFLINE_SOURCE;
  const Nowhere nowhere;
  std::size_t examples = 0;
  for (const char* name : {"README.md", "doc/operations.md", "doc/api.md", "doc/design.md"}) {
    for (const std::string& example : ExamplesIn(ReadText(source / name))) {
      ++examples;
      nowhere.Try(example);
    }
  }
  CHECK(examples > 25);
}

TEST_CASE("commands that the documents mention in passing are verbs of the program") {
  const fs::path source = PROOFLINE_SOURCE;
  std::size_t mentioned = 0;
  for (const char* name : {"README.md", "doc/operations.md", "doc/api.md", "CHANGELOG.md"}) {
    const std::string text = ReadText(source / name);
    constexpr std::string_view kBegin = "`proofline ";
    for (std::size_t at = text.find(kBegin); at != std::string::npos;
         at = text.find(kBegin, at + 1)) {
      const std::size_t start = at + kBegin.size();
      std::string command = text.substr(start, text.find('`', start) - start);
      std::replace(command.begin(), command.end(), '\n', ' ');
      Words words = Split(command);
      words.push_back("--help");
      const Ran ran = RunCli(words);
      INFO(command << ": " << ran.err);
      CHECK(ran.exit_code == 0);
      ++mentioned;
    }
  }
  CHECK(mentioned > 15);
}

TEST_CASE("the example in every verb's help can be given as it stands there") {
  const Nowhere nowhere;
  std::size_t examples = 0;
  const std::vector<Words> groups = {
      {"studio"},           {"host"}, {"host", "studio"}, {"host", "device"},
      {"host", "customer"}, {"lab"},  {"customer"},       {"image"}};
  for (const Words& group : groups) {
    const Words verbs = VerbsOf(group);
    CHECK(verbs.size() > 2);
    for (const std::string& verb : verbs) {
      Words words = group;
      words.insert(words.end(), {verb, "--help"});
      const Ran help = RunCli(words);
      INFO(verb);
      CHECK(help.exit_code == 0);
      const std::vector<std::string> found = ExamplesIn(help.out);
      const bool is_group = help.out.find("Example:") == std::string::npos;
      CHECK((is_group || !found.empty()));
      for (const std::string& example : found) {
        CHECK(example.find(" " + verb) != std::string::npos);
        ++examples;
        nowhere.Try(example);
      }
    }
  }
  CHECK(examples > 50);
}

}  // namespace
}  // namespace proofline::test
