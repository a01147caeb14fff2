#include "proofline/v1/studio_control_service.grpc.pb.h"
#include "test/catch.h"
#include "test/cli/run_cli.h"

namespace proofline::test {
namespace {

class FakeStudio : public v1::StudioControlService::Service {
 public:
  grpc::Status RebuildCatalog(grpc::ServerContext*, const v1::RebuildCatalogRequest*,
                              v1::RebuildCatalogResponse* response) override {
    ++rebuilds;
    if (full) return {grpc::StatusCode::RESOURCE_EXHAUSTED, "the disk is full; make room"};
    response->set_photos(12);
    response->set_known_photos(10);
    response->set_missing_photos(missing);
    return grpc::Status::OK;
  }

  int rebuilds = 0;
  int missing = 0;
  bool full = false;
};

struct Line {
  FakeStudio studio;
  FakeDaemon daemon{studio};

  Ran Run(std::vector<std::string> arguments, const std::string& in = "") const {
    arguments.insert(arguments.begin(), {"studio", "rebuild"});
    arguments.insert(arguments.end(), {"--state", daemon.state()});
    return RunCli(arguments, in);
  }
};

TEST_CASE("rebuild asks first, and says what was found") {
  Line line;
  const Ran asked = line.Run({}, "n\n");
  CHECK(asked.exit_code == 2);
  CHECK(asked.err.find("nothing was changed") != std::string::npos);
  CHECK(line.Run({"--quiet"}, "").err.find("Rebuild it? [y/N]") != std::string::npos);
  CHECK(line.Run({}, "").exit_code == 2);
  CHECK(line.studio.rebuilds == 0);

  CHECK(line.Run({}, "y\n").exit_code == 0);
  CHECK(line.studio.rebuilds == 1);
  const Ran done = line.Run({"--yes"});
  CHECK(done.exit_code == 0);
  CHECK(done.out == "the catalog is whole: 12 photos, 10 of them known to the host\n");
  line.studio.missing = 2;
  CHECK(line.Run({"--yes"}).out.find("; 2 that the host has are missing here") !=
        std::string::npos);
  CHECK(line.Run({"--yes", "--json"}).out.find("\"missingPhotos\":\"2\"") != std::string::npos);
}

TEST_CASE("a rebuild that cannot begin says why") {
  Line line;
  line.studio.full = true;
  const Ran ran = line.Run({"--yes"});
  CHECK(ran.exit_code == 1);
  CHECK(ran.err.find("the disk is full") != std::string::npos);
}

TEST_CASE("where no daemon runs, rebuild says what to do about a catalog that cannot be opened") {
  const TempDir none;
  const Ran ran = RunCli({"studio", "rebuild", "--yes", "--state", none.path()});
  CHECK(ran.exit_code == 3);
  CHECK(ran.err.find("--rebuild-catalog") != std::string::npos);
}

}  // namespace
}  // namespace proofline::test
