#include "daemon/studio_config.h"

#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

class ConfigFile {
 public:
  ConfigFile() {
    WriteFile((folder / "device.key").string(), "demo.front-desk.s3cret\n");
    WriteFile((folder / "lab.key").string(), "demo.s3cret\n");
  }
  absl::StatusOr<StudioConfig> Load(const std::string& more = "",
                                    const std::string& watch = "path = \"photos\"") {
    WriteFile((folder / "studio.toml").string(),
              "state = \"state\"\n[host]\naddress = \"127.0.0.1:7410\"\nkey_file = \"device.key\"\n"
              "insecure = true\n[[watch]]\n" +
                  watch + "\n" + more);
    return LoadStudioConfig(folder / "studio.toml");
  }
  std::string Sentence(const std::string& more, const std::string& watch = "path = \"photos\"") {
    return std::string(Load(more, watch).status().message());
  }

  proofline::test::TempDir folder;
};

const char* kLab = "[[lab]]\nid = \"colour-lab\"\naddress = \"lab:7430\"\nkey_file = \"lab.key\"\n";

TEST_CASE("a small configuration is filled up with defaults, paths count from its folder") {
  ConfigFile file;
  const absl::StatusOr<StudioConfig> config = file.Load(kLab);
  REQUIRE(config.ok());
  CHECK(config->state == file.folder / "state");
  CHECK(config->roots == std::vector<std::string>{(file.folder / "photos").string()});
  CHECK(config->device.ToString() == "studios/demo/devices/front-desk");
  CHECK_FALSE(config->host.channel.tls.has_value());
  CHECK(config->host.channel.bearer_token == "demo.front-desk.s3cret");
  REQUIRE(config->labs.size() == 1);
  CHECK(config->labs[0].channel.tls.has_value());
  CHECK(config->settle.quiet == std::chrono::seconds(2));
  CHECK(config->preferences.proof.long_edge_px == 1600);
  CHECK(config->imaging.workers >= 1);
  CHECK(config->imaging.max_pixels == 400'000'000);
}

TEST_CASE("wrong keys are named without showing them") {
  ConfigFile file;
  WriteFile((file.folder / "device.key").string(), "demo.s3cret");
  CHECK(file.Sentence("").find("does not hold a device key") != std::string::npos);
  CHECK(file.Sentence("").find("s3cret") == std::string::npos);
  WriteFile((file.folder / "device.key").string(), "demo.front-desk.s3cret");
  WriteFile((file.folder / "lab.key").string(), "other.s3cret");
  CHECK(file.Sentence(kLab).find("lab key of the studio \"demo\"") != std::string::npos);
  std::filesystem::remove(file.folder / "device.key");
  CHECK(file.Sentence("").find("device.key") != std::string::npos);
}

TEST_CASE("watched folders inside one another, and a state folder inside one, are refused") {
  ConfigFile file;
  CHECK(file.Sentence("[[watch]]\npath = \"photos/2024/\"\n").find("inside one another") !=
        std::string::npos);
  CHECK(file.Sentence("", "path = \".\"").find("lies in the watched folder") != std::string::npos);
}

TEST_CASE("labs that stand there twice or have no identifier are refused") {
  ConfigFile file;
  CHECK(file.Sentence(std::string(kLab) + kLab).find("twice") != std::string::npos);
  CHECK(file.Sentence("[[lab]]\nid = \"Colour Lab\"\naddress = \"l:1\"\nkey_file = \"lab.key\"\n")
            .find("no lab identifier") != std::string::npos);
}

TEST_CASE("an unknown key is named with its line and the nearest known one") {
  ConfigFile file;
  const std::string sentence = file.Sentence("[settle]\nquit = \"2s\"\n");
  CHECK(sentence.find("settle.quit") != std::string::npos);
  CHECK(sentence.find("settle.quiet") != std::string::npos);
}

TEST_CASE("the sample configuration is one") {
  ConfigFile file;
  CHECK(base::SampleConfig(StudioConfigTable()).find("thumbnail_px") != std::string::npos);
}

}  // namespace
}  // namespace proofline::studio::test
