// Where originals and rendered pages lie until they are printed, and how much room there is.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/digest.h"

namespace proofline::lab {

// The folder `originals/STUDIO/HEX` for originals (each studio's apart: knowing a digest gives
// nobody another studio's picture) and `pages/ITEM.jpg` for pages. Names come from our own ids and
// from digests, never from outside. Thread-safe; every method blocks on the disk.
class Spool {
 public:
  // Room that an upload has set aside; given back when it goes.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Spool* spool, std::uint64_t bytes) : spool_(spool), bytes_(bytes) {}
    ~Reservation() { Release(); }
    Reservation(Reservation&& other) noexcept { *this = std::move(other); }
    Reservation& operator=(Reservation&& other) noexcept;
    // So many of the bytes are on the disk now; the rest is given back.
    void Keep(std::uint64_t bytes);

   private:
    void Release();
    Spool* spool_ = nullptr;
    std::uint64_t bytes_ = 0;
  };

  // Makes the folders and counts what is in them. `limit_bytes`: most that originals and pages may
  // take together.
  static absl::StatusOr<std::unique_ptr<Spool>> Open(const std::filesystem::path& folder,
                                                     std::uint64_t limit_bytes);

  // The folder of a studio's originals; made if it is missing.
  absl::StatusOr<std::filesystem::path> OriginalsOf(std::string_view studio);
  std::filesystem::path OriginalPath(std::string_view studio, const base::Digest& digest) const;
  // The whole original is there, with this size. What is there has been verified and synced.
  bool HasOriginal(std::string_view studio, const base::Digest& digest, std::int64_t size) const;

  // Whether this much more fits, by the limit and by the disk. ResourceExhausted (reason
  // DISK_FULL) otherwise.
  absl::Status CheckRoom(std::uint64_t bytes) const;
  absl::StatusOr<Reservation> Reserve(std::uint64_t bytes);

  std::filesystem::path PagePath(std::string_view item) const;
  // Durable when it returns. ResourceExhausted (reason DISK_FULL) when the disk is full.
  absl::Status WritePage(std::string_view item, std::string_view jpeg);
  // What is not there is fine.
  void RemovePage(std::string_view item);
  // The original, or what has come of it so far; one that is being uploaded stays.
  void RemoveOriginal(std::string_view studio, const base::Digest& digest);

  // Whole originals, and those of which only a part has come so far.
  absl::Status ForEachOriginal(
      const std::function<void(const std::string& studio, const base::Digest&, bool whole)>& visit)
      const;
  absl::Status ForEachPage(const std::function<void(const std::string& item)>& visit) const;

  // An upload has removed bytes that it found there.
  void Forget(std::uint64_t bytes) { Subtract(bytes); }

  // Of originals and pages, uploads under way included.
  std::uint64_t bytes() const { return bytes_.load(); }
  // Counts again what is there. Not while uploads run.
  absl::Status Recount();

 private:
  Spool(std::filesystem::path folder, std::uint64_t limit_bytes);
  void Remove(const std::filesystem::path& path);
  void Subtract(std::uint64_t bytes);

  const std::filesystem::path folder_;
  const std::uint64_t limit_bytes_;
  std::mutex reserve_mutex_;
  std::atomic<std::uint64_t> bytes_ = 0;
};

}  // namespace proofline::lab
