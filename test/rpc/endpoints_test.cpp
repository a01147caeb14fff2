#include "lib/rpc/endpoints.h"

#include "lib/base/file.h"
#include "test/catch.h"
#include "test/temp_dir.h"

namespace proofline::rpc {

TEST_CASE("endpoints are found by those who know the state folder") {
  const test::TempDir dir;
  const Endpoints endpoints = {{"api", "127.0.0.1:4312"}, {"control", "unix:/a \"b\"/c.sock"}};
  REQUIRE(WriteEndpoints(dir.path(), endpoints).ok());
  CHECK(ReadEndpoints(dir.path()).value() == endpoints);
  REQUIRE(WriteEndpoints(dir.path(), {{"api", "x:1"}}).ok());
  CHECK(ReadEndpoints(dir.path()).value() == Endpoints{{"api", "x:1"}});
  CHECK(RemoveEndpoints(dir.path()).ok());
  CHECK(RemoveEndpoints(dir.path()).ok());
  const auto gone = ReadEndpoints(dir.path());
  REQUIRE(absl::IsNotFound(gone.status()));
  CHECK(std::string(gone.status().message()).find("no daemon runs on") == 0);
}

TEST_CASE("a damaged endpoints file is called so") {
  const test::TempDir dir;
  for (const char* text : {"", "{", "[]", "{\"api\": 3}", "{\"api\": {}}"}) {
    INFO(text);
    REQUIRE(base::WriteFileDurably(dir / "endpoints.json", text).ok());
    CHECK(absl::IsDataLoss(ReadEndpoints(dir.path()).status()));
  }
}

TEST_CASE("a state folder that is not there is an error") {
  const test::TempDir dir;
  CHECK_FALSE(WriteEndpoints(dir / "missing", {{"api", "x:1"}}).ok());
}

}  // namespace proofline::rpc
