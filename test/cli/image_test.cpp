// Image verbs in the program's own worker processes.
#include <cstdlib>
#include <filesystem>

#include "lib/base/file.h"
#include "test/catch.h"
#include "test/cli/run_cli.h"

namespace proofline::test {
namespace {

TEST_CASE("a file that is no picture fails with its name, one that is not there is not found") {
  const TempDir folder;
  const std::string file = folder / "notes.jpg";
  REQUIRE(base::WriteFileDurably(file, "not a picture at all").ok());
  const Ran ran = RunProgram({"image", "facts", file});
  INFO(ran.err);
  CHECK(ran.exit_code == 1);
  CHECK(ran.err.find(file) != std::string::npos);
  CHECK(RunProgram({"image", "facts", folder / "none.jpg"}).exit_code == 4);
  const Ran sheet = RunProgram({"image", "contact-sheet", folder / "sheet.jpg", file});
  CHECK(sheet.exit_code == 1);
  CHECK_FALSE(std::filesystem::exists(folder / "sheet.jpg"));
}

TEST_CASE("a missing worker program is a sentence") {
  const TempDir folder;
  const std::string file = folder / "a.jpg";
  REQUIRE(base::WriteFileDurably(file, "x").ok());
  const Ran ran = RunProgram({"image", "facts", file, "--worker", folder / "no-worker"});
  CHECK(ran.exit_code == 1);
  CHECK(ran.err.find("no-worker") != std::string::npos);
}

TEST_CASE("pages, comparisons, facts and contact sheets are made of a real picture") {
  const char* photos = std::getenv("PROOFLINE_TEST_PHOTOS");
  std::string source;
  for (const char* folder : {photos, "/usr/share/backgrounds/mate/nature"}) {
    if (folder == nullptr || !std::filesystem::is_directory(folder) || !source.empty()) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() == ".jpg" && entry.file_size() > 10'000 && source.empty()) {
        source = entry.path();
      }
    }
  }
  if (source.empty()) {
    WARN("no photographs on this machine; skipped");
    return;
  }
  const TempDir folder;
  const std::string page = folder / "page.jpg";
  const Ran facts = RunProgram({"image", "facts", source, "--json"});
  INFO(source << " " << facts.err);
  CHECK(facts.exit_code == 0);
  CHECK(facts.out.find("\"widthPx\":") != std::string::npos);
  const Ran render = RunProgram({"image", "render-print", source, page, "--width", "300",
                                 "--height", "200", "--crop", "0.1,0.1,0.8,0.8"});
  INFO(render.err);
  REQUIRE(render.exit_code == 0);
  CHECK(RunProgram({"image", "facts", page}).out.find("300 x 200") != std::string::npos);
  CHECK(RunProgram({"image", "compare", page, page, "--min-ssim", "0.99"}).exit_code == 0);
  const std::string other = folder / "other.jpg";
  REQUIRE(RunProgram({"image", "render-print", source, other, "--width", "300", "--height", "200",
                      "--rotate", "180"})
              .exit_code == 0);
  CHECK(RunProgram({"image", "compare", page, other, "--min-ssim", "0.99"}).exit_code == 1);
  CHECK(RunProgram({"image", "contact-sheet", folder / "sheet.jpg", page, other, "--columns", "2",
                    "--cell", "100"})
            .exit_code == 0);
  CHECK(RunProgram({"image", "facts", folder / "sheet.jpg"}).exit_code == 0);
}

}  // namespace
}  // namespace proofline::test
