#include "hostd/partition_writer.h"

#include <future>
#include <memory>
#include <utility>

namespace proofline::host {
namespace {

// A group grows until its batch has this size; what comes later is in the next one.
constexpr std::size_t kGroupBytes = std::size_t{8} << 20;
constexpr std::size_t kGroupChanges = 256;

}  // namespace

absl::StatusOr<std::optional<std::string>> Transaction::Get(std::string_view cf,
                                                            std::string_view key) const {
  const Place place{std::string(cf), std::string(key)};
  for (const Transaction* at = this; at != nullptr; at = at->below_) {
    const auto found = at->changes_.find(place);
    if (found != at->changes_.end()) return found->second;
  }
  absl::StatusOr<std::string> value = database_->Get(cf, key);
  if (value.ok()) return std::optional<std::string>(*std::move(value));
  if (absl::IsNotFound(value.status())) return std::optional<std::string>();
  return value.status();
}

void Transaction::Put(std::string_view cf, std::string_view key, std::string value) {
  bytes_ += key.size() + value.size();
  changes_.insert_or_assign(Place{std::string(cf), std::string(key)}, std::move(value));
}

void Transaction::Delete(std::string_view cf, std::string_view key) {
  bytes_ += key.size();
  changes_.insert_or_assign(Place{std::string(cf), std::string(key)}, std::nullopt);
}

void Transaction::Merge() {
  below_->bytes_ += std::exchange(bytes_, 0);
  for (auto& [place, value] : changes_) below_->changes_.insert_or_assign(place, std::move(value));
  changes_.clear();
}

kv::Batch Transaction::TakeBatch() {
  kv::Batch batch;
  for (auto& [place, value] : changes_) {
    if (value.has_value()) {
      batch.Put(place.first, place.second, *std::move(value));
    } else {
      batch.Delete(place.first, place.second);
    }
  }
  changes_.clear();
  bytes_ = 0;
  return batch;
}

PartitionWriter::PartitionWriter(kv::Database& database, int threads)
    : database_(database), committer_(database) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Work(); });
  }
}

PartitionWriter::~PartitionWriter() { Stop(); }

void PartitionWriter::Submit(std::string_view partition, Change change, Done done) {
  SubmitWaiting(partition, {std::move(change), std::move(done), absl::OkStatus()});
}

void PartitionWriter::SubmitWaiting(std::string_view partition, Waiting waiting) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      const auto [at, is_new] = partitions_.try_emplace(std::string(partition));
      at->second.waiting.push_back(std::move(waiting));
      if (is_new) {
        ready_.push_back(at->first);
        changed_.notify_one();
      }
      return;
    }
  }
  waiting.done(absl::UnavailableError("the host is shutting down; try again in a moment"));
}

absl::Status PartitionWriter::RunWaiting(std::string_view partition, Change change, bool alone) {
  // Shared: the callback may still be inside set_value when this thread goes on.
  auto answer = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> outcome = answer->get_future();
  SubmitWaiting(partition, {std::move(change),
                            [answer](absl::Status status) { answer->set_value(std::move(status)); },
                            absl::OkStatus(), alone});
  return outcome.get();
}

absl::Status PartitionWriter::Run(std::string_view partition, Change change) {
  return RunWaiting(partition, std::move(change), /*alone=*/false);
}

absl::Status PartitionWriter::RunAlone(std::string_view partition, Change change) {
  return RunWaiting(partition, std::move(change), /*alone=*/true);
}

void PartitionWriter::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  std::call_once(stopped_, [this] {
    for (std::jthread& thread : threads_) thread.join();
    committer_.Stop();
  });
}

void PartitionWriter::Work() {
  while (true) {
    std::string partition;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !ready_.empty() || (stopping_ && partitions_.empty()); });
      if (ready_.empty()) return;
      partition = std::move(ready_.front());
      ready_.pop_front();
    }
    RunGroup(partition);
  }
}

std::optional<PartitionWriter::Waiting> PartitionWriter::TakeNext(const std::string& partition,
                                                                  bool first) {
  const std::lock_guard lock(mutex_);
  std::deque<Waiting>& waiting = partitions_.find(partition)->second.waiting;
  if (waiting.empty() || (waiting.front().alone && !first)) return std::nullopt;
  std::optional<Waiting> next(std::move(waiting.front()));
  waiting.pop_front();
  return next;
}

void PartitionWriter::RunGroup(const std::string& partition) {
  std::vector<Waiting> group;
  Transaction all(database_);
  while (group.size() < kGroupChanges && all.bytes() < kGroupBytes) {
    std::optional<Waiting> next = TakeNext(partition, group.empty());
    if (!next.has_value()) break;
    Transaction one(all);
    next->outcome = next->change(one);
    if (next->outcome.ok()) one.Merge();
    // What the change holds on to (the content of a pack) is not needed any more.
    next->change = nullptr;
    const bool alone = next->alone;
    group.push_back(std::move(*next));
    if (alone) break;
  }
  if (all.empty()) {
    Answer(partition, std::move(group), absl::OkStatus());
    return;
  }
  auto shared = std::make_shared<std::vector<Waiting>>(std::move(group));
  committer_.Submit(all.TakeBatch(), [this, partition, shared](absl::Status status) {
    Answer(partition, std::move(*shared), status);
  });
}

void PartitionWriter::Answer(const std::string& partition, std::vector<Waiting> group,
                             const absl::Status& status) {
  // An outcome may rest on what an earlier change of the group wrote: all fail with the disk.
  for (Waiting& one : group) one.done(status.ok() ? one.outcome : status);
  const std::lock_guard lock(mutex_);
  const auto at = partitions_.find(partition);
  if (at->second.waiting.empty()) {
    partitions_.erase(at);
    if (stopping_) changed_.notify_all();
  } else {
    ready_.push_back(partition);
    changed_.notify_one();
  }
}

}  // namespace proofline::host
