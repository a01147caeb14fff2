#include "lib/kv/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_buffer_manager.h>
#include <spdlog/spdlog.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <system_error>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/kv/key.h"

namespace proofline::kv {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// Stores are read in ranges more than by single keys: a folder's files, a gallery's photos.
constexpr std::size_t kBlockBytes = std::size_t{16} << 10;

rocksdb::Slice SliceOf(std::string_view text) { return {text.data(), text.size()}; }
std::string_view ViewOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

constexpr std::string_view kDamaged =
    "; nothing has been changed: move the folder away and restore a backup in its place";

// Everything RocksDB can report once a store is open. `doing` is "read from" or "write to".
absl::Status StatusOf(const rocksdb::Status& status, std::string_view doing, const fs::path& path) {
  if (status.ok()) return absl::OkStatus();
  const std::string what = base::Concat("cannot ", doing, " the store ", path.string(), ": ");
  if (status.IsNoSpace()) {
    return absl::ResourceExhaustedError(base::Concat(what, "the disk is full; make room"));
  }
  if (status.IsCorruption()) {
    return absl::DataLossError(
        base::Concat(what, "it is damaged (", status.ToString(), "); restore a backup"));
  }
  return absl::UnavailableError(
      base::Concat(what, status.ToString(), "; check the disk, then start the program again"));
}

// The same for opening, where more can be wrong.
absl::Status OpenError(const rocksdb::Status& status, const fs::path& path) {
  const std::string text = status.ToString();
  const std::string what = base::Concat("cannot open the store ", path.string(), ": ");
  // The lock file comes first: its errors are the only ones that name it.
  if (status.IsIOError() &&
      (Contains(text, "lock hold by current process") || Contains(text, "While lock file"))) {
    return absl::FailedPreconditionError(
        base::Concat(what, "another process has it open; stop that one, or choose another folder"));
  }
  if (Contains(text, "Permission denied") || Contains(text, "Read-only file system")) {
    return absl::PermissionDeniedError(
        base::Concat(what, "a file in it may not be read or written (", text,
                     "); give the folder to the user who runs this program"));
  }
  if (status.IsInvalidArgument()) {
    return absl::FailedPreconditionError(base::Concat(
        what, "it was written by a newer version of this program; use that version (", text, ")"));
  }
  const bool file_gone = Contains(text, "No such file");
  if (status.IsCorruption() || status.IsNotFound() || file_gone) {
    return absl::DataLossError(base::Concat(what, "it is damaged (", text, ")", kDamaged));
  }
  return StatusOf(status, "open", path);
}

// The checks that must come before RocksDB sees the folder.
absl::Status CheckFolder(const fs::path& path) {
  const std::string what = base::Concat("cannot open the store ", path.string(), ": ");
  if (absl::Status status = base::MakeDirectories(path); !status.ok()) {
    return {status.code(), base::Concat(what, status.message())};
  }
  if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    const absl::Status status = base::ErrnoStatus(errno, path.string());
    return {status.code(),
            base::Concat(what,
                         "the folder may not be read and written; give it to the user who "
                         "runs this program")};
  }
  // Without its CURRENT file RocksDB takes a store for a new one and removes what it holds.
  bool has_current = false;
  bool has_data = false;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    has_current = has_current || name == "CURRENT";
    has_data = has_data || name.starts_with("MANIFEST-") || name.ends_with(".sst") ||
               name.ends_with(".blob") || name.ends_with(".log");
  }
  if (error) {
    return base::ErrnoStatus(error.value(), base::Concat("cannot list ", path.string()));
  }
  if (has_data && !has_current) {
    return absl::DataLossError(
        base::Concat(what, "it is damaged (the file CURRENT is missing)", kDamaged));
  }
  return absl::OkStatus();
}

// RocksDB's own remarks, as part of our log. Its file LOG would be one more thing that a full disk
// breaks, and RocksDB 7.8 as Debian builds it does not survive a LOG it cannot write.
class LogBridge : public rocksdb::Logger {
 public:
  explicit LogBridge(fs::path path) : Logger(rocksdb::WARN_LEVEL), path_(std::move(path)) {}

  void LogHeader(const char*, va_list) override {}
  void Logv(const char*, va_list) override {}
  // Until then the error of opening says it all.
  void StoreIsOpen() { open_ = true; }
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (!open_ || level < rocksdb::WARN_LEVEL || level >= rocksdb::HEADER_LEVEL) return;
    char text[1024];
    std::vsnprintf(text, sizeof(text), format, arguments);
    spdlog::log(level == rocksdb::WARN_LEVEL ? spdlog::level::warn : spdlog::level::err,
                "store {}: {}", path_.string(), text);
  }

 private:
  const fs::path path_;
  std::atomic<bool> open_{false};
};

// Notices when RocksDB stops taking writes. Left alone it would look every few seconds whether the
// disk has room again and refuse everything meanwhile; we ask at the next commit instead.
class WriteStop : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
    stopped_ = true;
  }
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status*) override {
    stopped_ = true;
  }

  void Set() { stopped_ = true; }
  bool Clear() { return stopped_.exchange(false); }
  bool stopped() const { return stopped_; }

 private:
  std::atomic<bool> stopped_{false};
};

struct Settings {
  rocksdb::DBOptions db;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
};

std::uint64_t CacheBytes(const Database::Options& options) {
  return std::max(options.cache_bytes, 8 * kMiB);
}
std::uint64_t WriteBufferBytes(const Database::Options& options) { return CacheBytes(options) / 4; }

Settings SettingsFor(const Database::Options& options) {
  const std::uint64_t cache_bytes = CacheBytes(options);
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(cache_bytes);

  Settings settings;
  rocksdb::DBOptions& db = settings.db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  // Write buffers are charged to the cache, so one figure bounds both.
  db.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(WriteBufferBytes(options), cache);
  db.max_total_wal_size = std::max(cache_bytes, 64 * kMiB);
  db.max_open_files = 256;
  db.max_background_jobs = 2;
  db.info_log_level = rocksdb::WARN_LEVEL;

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = kBlockBytes;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));

  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.compression = rocksdb::kLZ4Compression;
  family.write_buffer_size = std::clamp(cache_bytes / 8, kMiB, 64 * kMiB);
  family.paranoid_file_checks = true;
  settings.families.emplace_back(rocksdb::kDefaultColumnFamilyName, family);
  for (const Database::ColumnFamily& wanted : options.column_families) {
    rocksdb::ColumnFamilyOptions its = family;
    if (wanted.blob_files) {
      its.enable_blob_files = true;
      its.min_blob_size = 1024;
      its.blob_compression_type = rocksdb::kNoCompression;
      its.enable_blob_garbage_collection = true;
      its.blob_cache = cache;
    }
    if (wanted.name == rocksdb::kDefaultColumnFamilyName) {
      settings.families.front().options = its;
    } else {
      settings.families.emplace_back(wanted.name, its);
    }
  }
  return settings;
}

}  // namespace

void Batch::Put(std::string_view cf, std::string_view key, std::string value) {
  bytes_ += key.size() + value.size();
  changes_.push_back({Kind::kPut, std::string(cf), std::string(key), std::move(value)});
}

void Batch::Delete(std::string_view cf, std::string_view key) {
  bytes_ += key.size();
  changes_.push_back({Kind::kDelete, std::string(cf), std::string(key), {}});
}

void Batch::DeleteRange(std::string_view cf, std::string_view begin, std::string_view end) {
  if (begin >= end) return;
  bytes_ += begin.size() + end.size();
  changes_.push_back({Kind::kDeleteRange, std::string(cf), std::string(begin), std::string(end)});
}

void Batch::Append(Batch&& other) {
  bytes_ += std::exchange(other.bytes_, 0);
  if (changes_.empty()) {
    changes_.swap(other.changes_);
    return;
  }
  std::move(other.changes_.begin(), other.changes_.end(), std::back_inserter(changes_));
  other.changes_.clear();
}

struct Database::Impl {
  ~Impl() {
    if (db == nullptr) return;
    for (const auto& [name, handle] : families) db->DestroyColumnFamilyHandle(handle);
    const rocksdb::Status status = db->Close();
    if (!status.ok()) {
      spdlog::warn("closing the store {}: {}", path.string(), status.ToString());
    }
  }

  rocksdb::ColumnFamilyHandle* Family(std::string_view name) const {
    for (const auto& [known, handle] : families) {
      if (known == name) return handle;
    }
    PROOFLINE_CHECK(false, base::Concat("the store has the column family ", name));
    return nullptr;
  }

  // Refuses a batch for which there is no room, and has RocksDB go on if it has stopped.
  absl::Status PrepareCommit(const Batch& batch);

  fs::path path;
  std::uint64_t reserve_bytes = 0;
  // What RocksDB may have to write before it goes on after a full disk.
  std::uint64_t resume_bytes = 0;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<std::pair<std::string, rocksdb::ColumnFamilyHandle*>> families;
  std::shared_ptr<WriteStop> write_stop = std::make_shared<WriteStop>();
};

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;

const fs::path& Database::path() const { return impl_->path; }

absl::StatusOr<Database> Database::Open(const fs::path& path, const Options& options) {
  if (absl::Status status = CheckFolder(path); !status.ok()) return status;
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->reserve_bytes = options.reserve_bytes;
  impl->resume_bytes = WriteBufferBytes(options) + 4 * kMiB;
  Settings settings = SettingsFor(options);
  const auto log = std::make_shared<LogBridge>(path);
  settings.db.info_log = log;
  settings.db.listeners.push_back(impl->write_stop);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(settings.db, path.string(), settings.families, &handles, &db);
  if (!status.ok()) return OpenError(status, path);
  impl->db.reset(db);
  log->StoreIsOpen();
  for (std::size_t i = 0; i < handles.size(); ++i) {
    impl->families.emplace_back(settings.families[i].name, handles[i]);
  }
  return Database(std::move(impl));
}

absl::Status Database::Impl::PrepareCommit(const Batch& batch) {
  const bool deletes_only =
      std::none_of(batch.changes_.begin(), batch.changes_.end(),
                   [](const Batch::Change& change) { return change.kind == Batch::Kind::kPut; });
  std::uint64_t needed = (deletes_only ? reserve_bytes / 4 : reserve_bytes) + batch.bytes_;
  // RocksDB 7.8 as Debian builds it aborts when it is told to go on and finds the disk full again.
  if (write_stop->stopped()) needed = std::max(needed, resume_bytes + batch.bytes_);
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) == 0 &&
      std::uint64_t{disk.f_bavail} * disk.f_frsize < needed) {
    return StatusOf(rocksdb::Status::NoSpace(), "write to", path);
  }
  if (!write_stop->Clear()) return absl::OkStatus();
  const rocksdb::Status resumed = db->Resume();
  if (resumed.ok()) {
    spdlog::info("the store {} takes writes again", path.string());
  } else {
    write_stop->Set();
  }
  return StatusOf(resumed, "write to", path);
}

absl::StatusOr<std::string> Database::Get(std::string_view cf, std::string_view key) const {
  std::string value;
  const rocksdb::Status status =
      impl_->db->Get(rocksdb::ReadOptions(), impl_->Family(cf), SliceOf(key), &value);
  if (status.ok()) return value;
  if (status.IsNotFound()) return absl::NotFoundError(base::Concat("no such entry in ", cf));
  return StatusOf(status, "read from", impl_->path);
}

absl::Status Database::Commit(Batch&& batch) {
  const Batch taken = std::move(batch);
  batch = Batch();
  if (taken.empty()) return absl::OkStatus();
  if (absl::Status ready = impl_->PrepareCommit(taken); !ready.ok()) return ready;
  rocksdb::WriteBatch write(taken.bytes_ + 32 * taken.size());
  rocksdb::Status status;
  for (const Batch::Change& change : taken.changes_) {
    rocksdb::ColumnFamilyHandle* family = impl_->Family(change.cf);
    switch (change.kind) {
      case Batch::Kind::kPut:
        status = write.Put(family, SliceOf(change.key), SliceOf(change.value));
        break;
      case Batch::Kind::kDelete:
        status = write.Delete(family, SliceOf(change.key));
        break;
      case Batch::Kind::kDeleteRange:
        status = write.DeleteRange(family, SliceOf(change.key), SliceOf(change.value));
        break;
    }
    if (!status.ok()) return StatusOf(status, "write to", impl_->path);
  }
  rocksdb::WriteOptions durable;
  durable.sync = true;
  status = impl_->db->Write(durable, &write);
  if (!status.ok()) impl_->write_stop->Set();
  return StatusOf(status, "write to", impl_->path);
}

absl::Status Database::CopyTo(const fs::path& folder) const {
  std::error_code error;
  if (fs::exists(folder, error)) {
    return absl::AlreadyExistsError(base::Concat(folder.string(), " is there already"));
  }
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(impl_->db.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(folder.string());
  return StatusOf(status, "copy", impl_->path);
}

absl::Status Database::Scan(
    std::string_view cf, std::string_view prefix, std::string_view start_after,
    const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  const std::unique_ptr<Cursor> cursor = NewCursor(cf, prefix);
  if (start_after.empty()) {
    cursor->SeekToFirst();
  } else {
    cursor->Seek(start_after);
    if (cursor->Valid() && cursor->key() == start_after) cursor->Next();
  }
  for (; cursor->Valid(); cursor->Next()) {
    if (!visit(cursor->key(), cursor->value())) return absl::OkStatus();
  }
  return cursor->status();
}

struct Cursor::Impl {
  fs::path path;
  // RocksDB keeps pointers to the bounds, so they live here, above the iterator.
  std::string lower;
  std::string upper;
  rocksdb::Slice lower_slice;
  rocksdb::Slice upper_slice;
  std::unique_ptr<rocksdb::Iterator> iterator;
};

std::unique_ptr<Cursor> Database::NewCursor(std::string_view cf, std::string_view prefix) const {
  auto impl = std::make_unique<Cursor::Impl>();
  impl->path = impl_->path;
  impl->lower = std::string(prefix);
  impl->upper = PrefixEnd(prefix);
  impl->lower_slice = SliceOf(impl->lower);
  impl->upper_slice = SliceOf(impl->upper);
  rocksdb::ReadOptions options;
  if (!impl->lower.empty()) options.iterate_lower_bound = &impl->lower_slice;
  if (!impl->upper.empty()) options.iterate_upper_bound = &impl->upper_slice;
  impl->iterator.reset(impl_->db->NewIterator(options, impl_->Family(cf)));
  return std::unique_ptr<Cursor>(new Cursor(std::move(impl)));
}

Cursor::Cursor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Cursor::~Cursor() = default;

void Cursor::SeekToFirst() { impl_->iterator->SeekToFirst(); }
void Cursor::SeekToLast() { impl_->iterator->SeekToLast(); }
void Cursor::Seek(std::string_view key) {
  // RocksDB does not promise to honour the lower bound when asked to seek below it.
  impl_->iterator->Seek(SliceOf(std::max(key, std::string_view(impl_->lower))));
}
void Cursor::Next() { impl_->iterator->Next(); }
void Cursor::Prev() { impl_->iterator->Prev(); }
bool Cursor::Valid() const { return impl_->iterator->Valid(); }
std::string_view Cursor::key() const { return ViewOf(impl_->iterator->key()); }
std::string_view Cursor::value() const { return ViewOf(impl_->iterator->value()); }

absl::Status Cursor::status() const {
  return StatusOf(impl_->iterator->status(), "read from", impl_->path);
}

}  // namespace proofline::kv
