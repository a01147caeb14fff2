// A real studio daemon whose host is away, and the command line beside it.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>
#include <vips/vips8>

#include "google/protobuf/util/json_util.h"
#include "lib/base/backoff.h"
#include "proofline/v1/studio_control_service.pb.h"
#include "test/catch.h"
#include "test/cli/run_cli.h"
#include "test/process.h"

namespace proofline::test {

namespace fs = std::filesystem;
using std::chrono::seconds;
using vips::VImage;
using Words = std::vector<std::string>;

inline bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::vector<std::string> LinesOf(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

inline bool WaitUntil(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + seconds(60);
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    base::WaitFor({}, std::chrono::milliseconds(20));
  }
  return true;
}

// A message from its JSON; the test fails where it is none.
template <typename Message>
Message FromJson(const std::string& json) {
  Message message;
  INFO(json);
  REQUIRE(google::protobuf::util::JsonStringToMessage(json, &message).ok());
  return message;
}

// Four fields, red and green above blue and yellow; `shade` makes them another file.
inline void WritePicture(const fs::path& file, int width, int height, int shade = 0) {
  fs::create_directories(file.parent_path());
  VImage image = VImage::black(width, height, VImage::option()->set("bands", 3)).copy_memory();
  const double s = shade % 40;
  const auto fill = [&](std::vector<double> ink, int left, int top) {
    image.draw_rect(std::move(ink), left, top, width / 2, height / 2,
                    VImage::option()->set("fill", true));
  };
  fill({230 - s, 20, 20}, 0, 0);
  fill({20, 200 - s, 20}, width / 2, 0);
  fill({20, 20, 230 - s}, 0, height / 2);
  fill({230, 220 - s, 20}, width / 2, height / 2);
  const fs::path hidden = file.parent_path() / (".new-" + file.filename().string());
  image.copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB))
      .jpegsave(hidden.c_str(), VImage::option()->set("Q", 90));
  fs::rename(hidden, file);
}

inline char ColourOf(const std::vector<double>& pixel) {
  const bool red = pixel[0] > 128, green = pixel[1] > 128, blue = pixel[2] > 128;
  if (red && green) return blue ? 'w' : 'y';
  return red ? 'r' : green ? 'g' : blue ? 'b' : 'k';
}

class Machine {
 public:
  explicit Machine(const std::string& more = "") {
    static const bool started = VIPS_INIT("test_studio_cli") == 0;
    REQUIRE(started);
    fs::create_directories(folder / "photos");
    std::ofstream(folder / "device.key") << "demo.desk.s3cret";
    fs::permissions(folder / "device.key", fs::perms::owner_read | fs::perms::owner_write);
    std::ofstream(folder / "studio.toml")
        << "state = \"state\"\n[settle]\nquiet = \"20ms\"\n[host]\naddress = \"127.0.0.1:1\"\n"
           "key_file = \"device.key\"\ninsecure = true\n[imaging]\nworker = \""
        << PROOFLINE_WORKER << "\"\n[[watch]]\npath = \"photos\"\n"
        << more;
    Start();
  }

  void Start() {
    fs::remove(folder / "state/endpoints.json");
    process.emplace(Process::Options{
        {PROOFLINE_STUDIOD, "--config", folder / "studio.toml"}, folder / "log", {}});
    REQUIRE(WaitUntil([&] { return fs::exists(folder / "state/endpoints.json"); }));
  }

  Ran Run(Words arguments) const {
    arguments.insert(arguments.begin(), "studio");
    arguments.insert(arguments.end(), {"--state", folder / "state"});
    return RunProgram(arguments);
  }
  // One that must succeed; what it prints.
  std::string Do(const Words& arguments) const {
    const Ran ran = Run(arguments);
    INFO(arguments.front() << ": " << ran.err);
    REQUIRE(ran.exit_code == 0);
    return ran.out;
  }
  // One that must fail like this, with one sentence that has `sentence` in it.
  void Fails(const Words& arguments, int exit_code, const std::string& sentence) const {
    const Ran ran = Run(arguments);
    INFO(arguments.front() << " " << arguments.back() << ": " << ran.err);
    CHECK(ran.exit_code == exit_code);
    CHECK(ran.out.empty());
    CHECK(ran.err.starts_with("proofline: "));
    CHECK(LinesOf(ran.err).size() == 1);
    CHECK(Has(ran.err, sentence));
  }

  std::string path(const std::string& name) const { return folder / "photos" / name; }
  v1::LocalPhoto Photo(const std::string& name) const {
    return FromJson<v1::LocalPhoto>(Do({"show", path(name), "--json"}));
  }
  v1::Edit Edit(const std::string& name) const { return Photo(name).photo().edit(); }
  v1::GetStudioStatusResponse Status() const {
    return FromJson<v1::GetStudioStatusResponse>(Do({"status", "--json"}));
  }
  // Waits until so many photos have been dealt with and nothing is under way.
  void Settle(std::int64_t photos) const {
    REQUIRE(WaitUntil([&] {
      const v1::GetStudioStatusResponse now = Status();
      return now.settling() + now.waiting() == 0 &&
             now.rendered() + now.kept() + now.failed() == photos;
    }));
  }
  // The colours of the four quarters of the only photo in a gallery, as its thumbnail shows them:
  // upper left, upper right, lower left, lower right.
  std::string Quarters(const std::string& gallery) const {
    // libvips remembers files by their name.
    static int sheets = 0;
    const std::string file = folder / ("sheet" + std::to_string(++sheets) + ".jpg");
    Do({"contact-sheet", gallery, "-o", file});
    const VImage sheet = VImage::new_from_file(file.c_str()).copy_memory();
    // What is not the white of the cell; the label is below it.
    int left = 0, top = 0, width = 0, height = 0;
    left = sheet.crop(0, 0, sheet.width(), 244)
               .find_trim(&top, &width, &height,
                          VImage::option()
                              ->set("background", std::vector<double>{255, 255, 255})
                              ->set("threshold", 60));
    std::string colours;
    for (const int y : {1, 3}) {
      for (const int x : {1, 3}) {
        colours += ColourOf(sheet.getpoint(left + width * x / 4, top + height * y / 4));
      }
    }
    return colours;
  }

  TempDir folder;
  std::optional<Process> process;
};

}  // namespace proofline::test
