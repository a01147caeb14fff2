// What the tests of the studio daemon have in common.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/catalog.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/base/sanitized.h"
#include "test/catch.h"
#include "test/temp_dir.h"

namespace proofline::studio::test {

// Longest time that a test waits for something that must happen.
inline constexpr auto kPatience = std::chrono::seconds(base::kSanitized ? 150 : 30);

inline void WriteFile(const std::string& path, std::string_view content) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// Waits until `ready()` holds, asking again whenever `signal` rings and every few milliseconds.
inline bool Eventually(const std::function<bool()>& ready) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  while (!ready()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    never.wait_for(lock, std::chrono::milliseconds(5));
  }
  return true;
}

// A JPEG as far as splitting it goes: a real header, a body that says which one it is.
std::string FakeJpeg(const std::string& body);

// Renditions as the image library would return them for a file with this content.
inline imaging::Renditions FakeRenditions(const std::string& content, std::size_t proof_bytes = 0) {
  imaging::Renditions made;
  made.renditions = {
      {"thumbnail", 320, 240, FakeJpeg("thumbnail of " + content)},
      {"proof", 1600, 1200, FakeJpeg("proof of " + content + std::string(proof_bytes, '.'))}};
  made.facts.format = "jpeg";
  made.facts.width = 4000;
  made.facts.height = 3000;
  made.facts.size_bytes = content.size();
  made.facts.digest = base::Sha256Of(content);
  made.facts.title = "from the file";
  return made;
}

// A catalog and a watched folder, both in a temporary folder.
class Studio {
 public:
  // How long photos without a file stay at the host; on the studio's own clock.
  static constexpr auto kGrace = std::chrono::minutes(30);
  // As of the next Open().
  bool raw_is_original = false;
  bool ask_host = false;

  Studio() {
    std::filesystem::create_directory(root());
    Open();
  }

  std::string root() const { return (folder_ / "photos").string(); }
  std::string path(const std::string& name) const { return root() + "/" + name; }
  Catalog& catalog() { return *catalog_; }
  const proofline::test::TempDir& folder() const { return folder_; }
  base::FakeClock& clock() { return clock_; }
  void Close() { catalog_.reset(); }
  void Open() {
    catalog_.reset();
    absl::StatusOr<std::unique_ptr<Catalog>> opened = Catalog::Open(
        {folder_ / "catalog", std::uint64_t{16} << 20, device_, kGrace, raw_is_original, ask_host},
        clock_);
    REQUIRE(opened.ok());
    catalog_ = *std::move(opened);
  }

  SettledPath Settled(const std::string& name) const {
    SettledPath settled{.root = root(), .path = path(name), .reading = ReadPath(path(name))};
    settled.kind = KindByName(name);
    return settled;
  }
  void Record(const std::vector<std::string>& names) {
    std::vector<SettledPath> settled;
    for (const std::string& name : names) settled.push_back(Settled(name));
    REQUIRE(catalog_->RecordSettled(settled).ok());
  }
  // Writes a file and has the catalog know it.
  void Add(const std::string& name, const std::string& content) {
    WriteFile(path(name), content);
    Record({name});
  }
  std::optional<RenderTask> Take() {
    if (catalog_->counts().in(v1::LOCAL_PHOTO_STATE_WAITING) == 0) return std::nullopt;
    return catalog_->TakeWaiting({});
  }
  // Finishes everything that waits as if it had been rendered.
  void RenderAll(std::size_t proof_bytes = 0) {
    while (std::optional<RenderTask> task = Take()) {
      std::ifstream file(task->path, std::ios::binary);
      const std::string content((std::istreambuf_iterator<char>(file)), {});
      const absl::StatusOr<bool> known = catalog_->FinishIfKnown(*task, base::Sha256Of(content));
      REQUIRE(known.ok());
      if (*known) continue;
      REQUIRE(catalog_->FinishRendered(*task, FakeRenditions(content, proof_bytes), true).ok());
    }
  }
  record::Photo At(const std::string& name) {
    absl::StatusOr<record::Photo> photo = catalog_->GetPhotoAt(path(name));
    REQUIRE(photo.ok());
    return *photo;
  }
  std::int64_t Count(v1::LocalPhotoState state) { return catalog_->counts().in(state); }
  std::vector<PendingPublish> Pending(std::int64_t after = 0, std::size_t bytes = 64 << 20) {
    absl::StatusOr<std::vector<PendingPublish>> pending = catalog_->NextPending(after, bytes);
    REQUIRE(pending.ok());
    return *std::move(pending);
  }
  void AcknowledgeAll() {
    Pending(catalog_->host_sequence());  // a host has only what it was given
    REQUIRE(catalog_->Acknowledge(catalog_->last_sequence(), {}).ok());
  }

 private:
  const DeviceName device_{"demo", "front-desk"};
  proofline::test::TempDir folder_;
  base::FakeClock clock_;
  std::unique_ptr<Catalog> catalog_;
};

// Edits a photo: a quarter turn.
inline void Turn(Studio& studio, const std::string& name) {
  REQUIRE(studio.catalog()
              .Update(studio.At(name).id(), "",
                      [](record::Photo& photo) {
                        photo.mutable_edit()->set_rotation_degrees(90);
                        return absl::OkStatus();
                      })
              .ok());
}

inline std::string FakeJpeg(const std::string& body) {
  using namespace std::string_literals;
  // Start, frame of one component, one Huffman table of each class, scan: the least a header has.
  static const std::string header =
      "\xFF\xD8"s
      "\xFF\xDB\x00\x43\x00"s +
      std::string(64, '\x10') +
      "\xFF\xC0\x00\x0B\x08\x00\x08\x00\x08\x01\x01\x11\x00"s
      "\xFF\xC4\x00\x14\x00\x01"s +
      std::string(15, '\0') +
      "\x00"s
      "\xFF\xC4\x00\x14\x10\x01"s +
      std::string(15, '\0') +
      "\x00"s
      "\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00"s;
  return header + body + "\xFF\xD9"s;
}

}  // namespace proofline::studio::test
