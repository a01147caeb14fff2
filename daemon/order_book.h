// The durable record of orders: what this device has to do for them, and how far it is.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/photo_message.h"
#include "daemon/record.pb.h"
#include "lib/base/clock.h"
#include "lib/kv/database.h"
#include "lib/rpc/feed.h"
#include "proofline/v1/lab_intake_service.pb.h"
#include "proofline/v1/sync_service.pb.h"

namespace proofline::studio {

// Thread-safe. Each change is one durable commit together with the feed position it came from.
// Every change of a share makes a new report for the host, which stays in the book until the host
// has taken it. Methods block on the disk; errors are those of kv::Database unless named.
class OrderBook {
 public:
  // `labs` are the ids of the configured labs. Database and clock must outlive the book.
  static absl::StatusOr<std::unique_ptr<OrderBook>> Open(kv::Database& database,
                                                         const DeviceName& device,
                                                         std::set<std::string> labs,
                                                         const base::Clock& clock);

  // ---- From the host

  // The last revision of the order feed that is recorded.
  std::int64_t feed_revision() const;
  // Takes one entry of the feed. An order that has been released becomes a share for each lab that
  // prints lines of this device; a share for a lab that is not configured fails at once. A
  // cancelled order has its shares cancelled. A share that the host has heard of and this catalog
  // has not (it was built anew) goes on where the host says it is.
  absl::Status RecordOrder(const v1::OrderEvent& event);

  // ---- For and from the labs

  // Shares of this lab that there is something to do for, oldest order first.
  absl::StatusOr<std::vector<record::Share>> SharesToSend(const std::string& lab) const;
  // Takes the lab's answer about a job. A positive `feed_revision` is recorded with it.
  absl::Status RecordJob(const std::string& lab, const v1::Job& job, std::int64_t feed_revision);
  absl::Status RecordJobFeed(const std::string& lab, std::int64_t feed_revision);
  std::int64_t JobFeedRevision(const std::string& lab) const;
  // The lab's records are older than what it has told before (its store was restored): its feed is
  // followed from the beginning, and jobs it had not begun to print are brought to it again. A job
  // it had begun to print is not: only the lab's people know which pages came out.
  absl::Status RestartJobFeed(const std::string& lab);
  // The share cannot be made: `lines` says why, by line number. At a lab that knows the job it is
  // cancelled first.
  absl::Status FailShare(const record::Share& share, const std::string& why,
                         const std::map<int, std::string>& lines);
  // The lab has taken back the job, or never had one.
  absl::Status FinishCancelled(const record::Share& share);
  // The lab does not know the job that the host has told of: it is brought there again, unless it
  // may have been printed.
  absl::Status ForgetJob(const record::Share& share);
  // The lab prints already.
  absl::Status RefuseCancel(const record::Share& share, const std::string& why);
  // What the share waits for at the moment, for people.
  absl::Status NoteWaiting(const record::Share& share, const std::string& why);
  // The lab found another digest than the ordered one; returns how often it did by now.
  absl::StatusOr<int> CountMismatch(const record::Share& share, const std::string& digest_hex);
  absl::Status CountLabSentBytes(std::int64_t bytes);
  // What a lab can make, named as the host names it. `report_anyway`: the host is to hear of it
  // even if nothing has changed.
  absl::Status RecordManifest(const std::string& lab, const v1::Lab& manifest, bool report_anyway);

  // ---- To the host

  absl::StatusOr<std::vector<v1::ReportProgressRequest>> UnreportedShares(int max) const;
  absl::Status MarkReported(const v1::ReportProgressRequest& report);
  absl::StatusOr<std::vector<v1::Lab>> UnreportedLabs() const;
  absl::Status MarkLabReported(const v1::Lab& manifest);

  // ---- People

  // Orders before the id `start_before` (empty: from the newest), newest first.
  absl::StatusOr<std::vector<v1::Order>> ListOrders(const std::string& start_before, int max) const;
  std::int64_t open_orders() const;
  // At most `max` shares that wait for something before their originals are all at their labs.
  absl::StatusOr<std::vector<record::Share>> UnsentShares(std::size_t max) const;
  // An order that is neither completed, failed nor cancelled has a line for this photo (its id).
  absl::StatusOr<bool> HasOpenOrderFor(const std::string& photo) const;
  std::int64_t lab_sent_bytes() const;

  // Rings after every change.
  const rpc::FeedSignal& changes() const { return changes_; }

 private:
  using ShareKey = std::pair<std::string, std::string>;  // order id, lab id

  OrderBook(kv::Database& database, const DeviceName& device, std::set<std::string> labs,
            const base::Clock& clock);
  absl::Status Load();
  absl::StatusOr<record::Share> GetShare(const ShareKey& key) const;
  absl::Status PutShare(kv::Batch& batch, const ShareKey& key, const record::Share& share) const;
  // Under the lock: lets `change` work on the stored share and commits it with `batch`.
  absl::Status ChangeShare(const ShareKey& key, kv::Batch batch,
                           const std::function<void(record::Share&)>& change);
  absl::Status Commit(kv::Batch batch);
  absl::Status TakeOrder(kv::Batch& batch, const v1::Order& order);
  absl::Status AddShares(kv::Batch& batch, const v1::Order& order, const std::string& order_id);
  absl::Status CancelShares(kv::Batch& batch, const std::string& order_id);
  void SetReport(record::Share& share, v1::JobState state, const std::string& message,
                 const std::function<void(v1::LineProgress&)>& line) const;
  record::LabLink& Link(const std::string& lab) const;
  void PutLink(kv::Batch& batch, const std::string& lab, const record::LabLink& link) const;

  kv::Database& database_;
  const DeviceName device_;
  const std::set<std::string> labs_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;
  record::OrderTotals totals_;
  mutable std::map<std::string, record::LabLink> links_;
  std::set<std::string> open_orders_;
  rpc::FeedSignal changes_;
};

}  // namespace proofline::studio
