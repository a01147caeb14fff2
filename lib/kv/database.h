// The durable record of a daemon: a RocksDB store behind a small interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace proofline::kv {

// Changes that become durable together or not at all, applied in the order given. Belongs to no
// database until it is committed. Movable, not thread-safe.
class Batch {
 public:
  // `cf` is the name of a column family.
  void Put(std::string_view cf, std::string_view key, std::string value);
  void Delete(std::string_view cf, std::string_view key);
  // Deletes begin <= key < end; nothing if the range is empty.
  void DeleteRange(std::string_view cf, std::string_view begin, std::string_view end);

  // Appends the changes of another batch, which is empty afterwards.
  void Append(Batch&& other);

  bool empty() const { return changes_.empty(); }
  // Number of changes.
  std::size_t size() const { return changes_.size(); }
  // Keys and values in bytes, for limits.
  std::size_t bytes() const { return bytes_; }

 private:
  friend class Database;
  enum class Kind { kPut, kDelete, kDeleteRange };
  struct Change {
    Kind kind;
    std::string cf;
    std::string key;
    std::string value;  // the end of a range for kDeleteRange
  };
  std::vector<Change> changes_;
  std::size_t bytes_ = 0;
};

// Walks over the keys of one column family that begin with one prefix, as they were when the cursor
// was made. Starts before the first key: Seek first. Must not outlive its database. Not
// thread-safe. Blocks on the disk.
class Cursor {
 public:
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  void SeekToFirst();
  void SeekToLast();
  // To the first key >= `key` (the whole key, prefix included).
  void Seek(std::string_view key);
  // Only while Valid().
  void Next();
  void Prev();

  // False at either end, and after an error: ask status() then.
  bool Valid() const;
  // Valid until the cursor moves.
  std::string_view key() const;
  std::string_view value() const;
  absl::Status status() const;

 private:
  friend class Database;
  struct Impl;
  explicit Cursor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A handle over one open store. Movable. Every method but the destructor and moves may be called
// from any number of threads. Reads see every commit that has returned. A column family that was
// not named at Open is a broken invariant.
//
// Memory: block cache and write buffers together stay near Options::cache_bytes, whatever the size
// of the store.
class Database {
 public:
  struct ColumnFamily {
    std::string name;
    // Values of 1 KiB and more go, uncompressed, to blob files: for JPEGs and the like. Settled
    // when a value is written; may be changed between openings.
    bool blob_files = false;
  };
  struct Options {
    std::uint64_t cache_bytes = std::uint64_t{64} << 20;
    // Room on the disk that commits leave free (those that only delete leave a quarter of it), so
    // that the store can always finish what it does behind the scenes.
    std::uint64_t reserve_bytes = std::uint64_t{64} << 20;
    // Those missing in the store are created; those of the store missing here are an error.
    std::vector<ColumnFamily> column_families;
  };

  // Opens the store in the folder `path`, creating both if they are missing, and replays what a
  // crash left. Errors, each a sentence that says what to do: PermissionDenied,
  // FailedPrecondition (not a folder; open in another process; written by a newer program),
  // DataLoss (damaged: nothing is changed, nothing is created in its place), ResourceExhausted
  // (disk full), Unavailable (the rest of the disk's troubles).
  static absl::StatusOr<Database> Open(const std::filesystem::path& path, const Options& options);

  ~Database();
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;

  // NotFound if the key is absent; DataLoss if it is there and cannot be read.
  absl::StatusOr<std::string> Get(std::string_view cf, std::string_view key) const;

  // One atomic write, on disk when it returns OK. ResourceExhausted: the disk is full, commits are
  // taken again as soon as there is room. Unavailable: the disk fails otherwise, commits are taken
  // again after the store has been opened again. After an error none or all of the batch may be
  // found when the store is opened again. An empty batch is OK and writes nothing.
  absl::Status Commit(Batch&& batch);

  // Calls `visit` for each key that begins with `prefix` and is greater than `start_after` (a whole
  // key; empty: from the first), in order, until it returns false. All as of the moment of the
  // call.
  absl::Status Scan(
      std::string_view cf, std::string_view prefix, std::string_view start_after,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const;

  std::unique_ptr<Cursor> NewCursor(std::string_view cf, std::string_view prefix) const;

  // Makes a copy of the store, as of the moment of the call, that can be opened like it. `folder`
  // must not exist and lie on the same disk: most of the copy are links to the same files, which
  // take no room until the store changes. Errors: AlreadyExists, otherwise as Commit().
  absl::Status CopyTo(const std::filesystem::path& folder) const;

  const std::filesystem::path& path() const;

 private:
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace proofline::kv
