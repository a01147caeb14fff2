// A catalog that cannot be opened, and setting it aside.
#include "daemon/catalog_keys.h"
#include "daemon/rebuild.h"
#include "lib/kv/database.h"
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

namespace fs = std::filesystem;

absl::Status OpenWithRecord(Studio& studio, const std::string& record) {
  studio.Close();
  kv::Database::Options options;
  for (const std::string_view family : keys::kColumnFamilies) {
    options.column_families.push_back({std::string(family), family == keys::kRenditions});
  }
  {
    absl::StatusOr<kv::Database> database =
        kv::Database::Open(studio.folder() / "catalog", options);
    REQUIRE(database.ok());
    kv::Batch batch;
    batch.Put(keys::kMeta, keys::CatalogRecord(), record);
    REQUIRE(database->Commit(std::move(batch)).ok());
  }
  return Catalog::Open(
             {studio.folder() / "catalog", std::uint64_t{16} << 20, {"demo", "front-desk"}},
             studio.clock())
      .status();
}

TEST_CASE("a catalog that is damaged or too new says in one sentence what can be done") {
  Studio studio;
  absl::Status status;
  SECTION("its record is damaged") {
    status = OpenWithRecord(studio, "\xff\xff\xff\xff");
    CHECK(absl::IsDataLoss(status));
    CHECK(std::string(status.message()).find("is damaged; restore it from a backup") !=
          std::string::npos);
  }
  SECTION("it is of a newer format") {
    record::Catalog newer;
    newer.set_format_version(keys::kFormatVersion + 1);
    newer.set_device("studios/demo/devices/front-desk");
    status = OpenWithRecord(studio, newer.SerializeAsString());
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(std::string(status.message()).find("newer studio daemon (format 2); use that version") !=
          std::string::npos);
  }
  SECTION("a file of the store is damaged") {
    studio.Add("g/a.jpg", "picture");
    studio.Close();
    WriteFile((studio.folder() / "catalog/CURRENT").string(), "nonsense\n");
    status = Catalog::Open(
                 {studio.folder() / "catalog", std::uint64_t{16} << 20, {"demo", "front-desk"}},
                 studio.clock())
                 .status();
    CHECK(absl::IsDataLoss(status));
  }
  INFO(status.message());
  CHECK(std::string(status.message()).find("--rebuild-catalog") != std::string::npos);
  CHECK(std::string(status.message()).find('\n') == std::string::npos);
}

TEST_CASE("a catalog is set aside, never deleted, and not under a running daemon") {
  proofline::test::TempDir state;
  CHECK(SetCatalogAside(state.path())->find("there is no catalog") != std::string::npos);
  WriteFile((state / "catalog/CURRENT").string(), "nonsense");
  const absl::StatusOr<std::string> done = SetCatalogAside(state.path());
  REQUIRE(done.ok());
  WriteFile((state / "catalog/CURRENT").string(), "another");
  REQUIRE(SetCatalogAside(state.path()).ok());
  int aside = 0;
  for (const auto& entry : fs::directory_iterator(state.path())) {
    aside += entry.path().filename().string().starts_with("catalog-before-") ? 1 : 0;
  }
  CHECK(aside == 2);
  CHECK_FALSE(fs::exists(state / "catalog"));
}

}  // namespace
}  // namespace proofline::studio::test
