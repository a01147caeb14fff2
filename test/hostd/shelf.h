// A host's store in a temporary folder, with two studios.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "hostd/store.h"
#include "lib/base/clock.h"
#include "test/catch.h"
#include "test/hostd/photo_samples.h"
#include "test/temp_dir.h"

namespace proofline::host::test {

struct Shelf {
  static constexpr std::uint64_t kCache = std::uint64_t{8} << 20;

  Shelf() {
    Reopen();
    FillStudio(*store, "north");
    FillStudio(*store, "south");
  }
  std::unique_ptr<Store> OpenAt(const std::filesystem::path& folder) {
    auto opened = Store::Open(folder, kCache, clock);
    REQUIRE(opened.ok());
    return *std::move(opened);
  }
  void Reopen() {
    store.reset();
    store = OpenAt(dir / "store");
  }
  // What a crash at this moment would leave; without anything that this store holds in memory.
  std::unique_ptr<Store> OpenCopy() {
    const std::filesystem::path copy = dir / "copy";
    std::filesystem::remove_all(copy);
    std::filesystem::copy(dir / "store", copy, std::filesystem::copy_options::recursive);
    return OpenAt(copy);
  }

  proofline::test::TempDir dir;
  base::FakeClock clock;
  std::unique_ptr<Store> store;
};

}  // namespace proofline::host::test
