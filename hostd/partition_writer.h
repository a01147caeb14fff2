// Changes that read before they write, one after the other within a studio, many to a sync.
#pragma once

#include <google/protobuf/message_lite.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/text.h"
#include "lib/kv/committer.h"
#include "lib/kv/database.h"

namespace proofline::host {

// Reads one message. Nothing if there is none; DataLoss if the bytes are none of ours.
template <typename Record>
absl::StatusOr<std::optional<Record>> ParseRecord(
    absl::StatusOr<std::optional<std::string>> value) {
  if (!value.ok()) return value.status();
  if (!value->has_value()) return std::optional<Record>();
  Record record;
  if (!record.ParseFromString(**value)) {
    return absl::DataLossError(base::Concat("the store holds a ", record.GetTypeName(),
                                            " that cannot be read; restore a backup"));
  }
  return std::optional<Record>(std::move(record));
}

// What one change sees and leaves: the store as all changes before it made it, durable or not yet.
// Not thread-safe; lives as long as the change runs.
class Transaction {
 public:
  explicit Transaction(const kv::Database& database) : database_(&database) {}
  // On top of another one, into which Merge() puts what this one has changed.
  explicit Transaction(Transaction& below) : database_(below.database_), below_(&below) {}

  absl::StatusOr<std::optional<std::string>> Get(std::string_view cf, std::string_view key) const;
  template <typename Record>
  absl::StatusOr<std::optional<Record>> GetRecord(std::string_view cf, std::string_view key) const {
    return ParseRecord<Record>(Get(cf, key));
  }
  void Put(std::string_view cf, std::string_view key, std::string value);
  void PutRecord(std::string_view cf, std::string_view key,
                 const google::protobuf::MessageLite& record) {
    Put(cf, key, record.SerializeAsString());
  }
  void Delete(std::string_view cf, std::string_view key);

  void Merge();
  // The last value of every key that was touched. The transaction is empty afterwards.
  kv::Batch TakeBatch();
  bool empty() const { return changes_.empty(); }
  std::size_t bytes() const { return bytes_; }

 private:
  using Place = std::pair<std::string, std::string>;  // column family, key

  const kv::Database* database_;
  Transaction* below_ = nullptr;
  // No value: deleted.
  std::map<Place, std::optional<std::string>> changes_;
  std::size_t bytes_ = 0;
};

// Runs changes. Those of one partition run one after the other, each seeing the ones before it;
// those that wait together become durable together, or none of them does. Partitions run beside one
// another and share syncs. The database must outlive the writer. Every method from any thread.
class PartitionWriter {
 public:
  // Must not block for long, nor call the writer. After an error nothing of it is stored.
  using Change = std::function<absl::Status(Transaction&)>;
  // Called once the outcome is durable (OK, or the change's own error, or that of the disk, or
  // Unavailable when the writer stops first), mostly on the committer's thread: must be quick and
  // must not wait for another change.
  using Done = std::function<void(absl::Status)>;

  PartitionWriter(kv::Database& database, int threads);
  // As Stop().
  ~PartitionWriter();
  PartitionWriter(const PartitionWriter&) = delete;
  PartitionWriter& operator=(const PartitionWriter&) = delete;

  // Never blocks. What waits is bounded by who submits: a call waits for its change, a stream keeps
  // to its window.
  void Submit(std::string_view partition, Change change, Done done);
  // Blocks until the outcome is durable.
  absl::Status Run(std::string_view partition, Change change);
  // The same for a change that reads the partition from the database itself: when it runs, every
  // change before it is durable or has failed, and none runs beside it.
  absl::Status RunAlone(std::string_view partition, Change change);

  // Since when the oldest change waits to be durable; nothing when none does.
  std::optional<base::SteadyTime> oldest() const { return committer_.oldest(); }

  // Runs everything submitted, takes nothing more.
  void Stop();

 private:
  struct Waiting {
    Change change;
    Done done;
    absl::Status outcome;
    bool alone = false;
  };
  struct Partition {
    std::deque<Waiting> waiting;
  };

  void Work();
  void SubmitWaiting(std::string_view partition, Waiting waiting);
  absl::Status RunWaiting(std::string_view partition, Change change, bool alone);
  void RunGroup(const std::string& partition);
  // Nothing if there is none, or if it does not go with others.
  std::optional<Waiting> TakeNext(const std::string& partition, bool first);
  // The group's outcome is known: answer, and go on with what has come since.
  void Answer(const std::string& partition, std::vector<Waiting> group, const absl::Status& status);

  kv::Database& database_;
  kv::Committer committer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Those with work; one that is in no list but here has a group under way.
  std::map<std::string, Partition, std::less<>> partitions_;
  std::deque<std::string> ready_;
  bool stopping_ = false;
  std::once_flag stopped_;
  std::vector<std::jthread> threads_;
};

}  // namespace proofline::host
