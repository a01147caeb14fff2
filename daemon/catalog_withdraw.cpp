// Photos whose files are gone, on their way out of the host.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "daemon/catalog.h"
#include "daemon/catalog_keys.h"
#include "daemon/catalog_place.h"
#include "lib/base/kill_point.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

// Most photos that are withdrawn at a time.
constexpr std::size_t kDueAtOnce = 256;
// The wall clock may be set while somebody waits for it: look at least this often.
constexpr base::Duration kLongestWait = std::chrono::minutes(10);

}  // namespace

std::int64_t Catalog::NowMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.WallNow().time_since_epoch())
      .count();
}

void Catalog::QueueWithdrawal(record::Photo& photo) {
  GiveUpPending(photo);
  photo.set_sequence(totals_.last_sequence() + 1);
  totals_.set_last_sequence(photo.sequence());
  newest_pending_ = photo.sequence();
  photo.set_sequence_withdraws(true);
  photo.set_withdraw_due_ms(0);
  // Should it come back, the host needs all of it again.
  photo.set_stale(true);
  photo.set_with_renditions(true);
  carried_.erase(photo.id());
}

absl::StatusOr<std::vector<record::Photo>> Catalog::DueWithdrawals() const {
  std::vector<record::Photo> due;
  absl::Status damage;
  const std::int64_t now = NowMs();
  const absl::Status status =
      database_.Scan(keys::kWithdrawals, "", "", [&](std::string_view key, std::string_view) {
        const keys::DueWithdrawal entry = keys::WithdrawalFrom(key);
        if (entry.due_ms > now || due.size() >= kDueAtOnce) return false;
        absl::StatusOr<record::Photo> photo = GetPhoto(entry.photo);
        // Gone from the queue since the scan began.
        if (absl::IsNotFound(photo.status())) return true;
        damage.Update(photo.status());
        if (photo.ok()) due.push_back(*std::move(photo));
        return photo.ok();
      });
  if (!status.ok()) return status;
  if (!damage.ok()) return damage;
  return due;
}

bool Catalog::WaitForDueWithdrawal(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::unique_lock lock(mutex_);
    std::optional<std::int64_t> due;
    const auto first = database_.NewCursor(keys::kWithdrawals, "");
    first->SeekToFirst();
    if (first->Valid()) due = keys::WithdrawalFrom(first->key()).due_ms;
    withdrawals_changed_ = false;
    const auto changed = [this] { return withdrawals_changed_; };
    if (!due.has_value()) {
      work_changed_.wait(lock, stop, changed);
      continue;
    }
    const std::int64_t now = NowMs();
    if (*due <= now) return true;
    work_changed_.wait_for(
        lock, stop, std::min<base::Duration>(std::chrono::milliseconds(*due - now), kLongestWait),
        changed);
  }
  return false;
}

absl::Status Catalog::PutOffWithdrawal(const std::string& id, base::Duration by) {
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  absl::StatusOr<record::Photo> photo = transaction.Photo(id);
  if (absl::IsNotFound(photo.status())) return absl::OkStatus();
  if (!photo.ok()) return photo.status();
  if (photo->withdraw_due_ms() == 0) return absl::OkStatus();
  photo->set_withdraw_due_ms(NowMs() +
                             std::chrono::duration_cast<std::chrono::milliseconds>(by).count());
  absl::Status status = transaction.Store(*photo);
  return status.ok() ? Commit(transaction) : status;
}

absl::Status Catalog::Withdraw(const std::string& id) {
  return Looking([&] { return WithdrawLooking(id); });
}

absl::Status Catalog::WithdrawLooking(const std::string& id) {
  CatalogTransaction transaction(database_);
  absl::StatusOr<record::Photo> photo = transaction.Photo(id);
  if (absl::IsNotFound(photo.status())) return absl::OkStatus();
  if (!photo.ok()) return photo.status();
  const bool kept = StaysHere(*photo);
  if (photo->withdraw_due_ms() == 0) return absl::OkStatus();
  if (!IsMissing(*photo) && !kept) {
    // It has come back, or is wanted after all.
    photo->set_withdraw_due_ms(0);
  } else if (IsMissing(*photo) && PromoteCompanion(*photo, nullptr)) {
    photo->set_withdraw_due_ms(0);
  } else if (IsAtHost(*photo)) {
    QueueWithdrawal(*photo);
    if (!kept) {
      photo->set_state(pb::LOCAL_PHOTO_STATE_WAITING);
      photo->set_ticket(0);
      photo->set_state_message("its original is gone; it was taken back from the host");
    }
  } else {
    photo->set_withdraw_due_ms(0);
  }
  Touch(*photo);
  absl::Status status = transaction.Store(*photo);
  PutTotals(transaction);
  if (status.ok()) status = Commit(transaction);
  if (status.ok()) base::KillPoint("studio.withdraw.recorded");
  return status;
}

void Catalog::TakeWithdrawn(std::int64_t sequence, const Refusal* refusal, record::Photo& photo) {
  photo.set_sequence(0);
  photo.set_sequence_withdraws(false);
  if (refusal == nullptr) {
    photo.set_published_sequence(sequence);
    photo.set_withdrawn(true);
    photo.set_offered(false);
    return;
  }
  spdlog::warn("the host did not take back the photo {}: {}", photo.id(), refusal->message);
  if (refusal->reason == "OPEN_ORDER" && (IsMissing(photo) || StaysHere(photo))) {
    // An order that this device has not heard of yet: once more, later.
    photo.set_withdraw_due_ms(NowMs() + std::max<std::int64_t>(options_.grace.count(), 60'000));
  }
}

}  // namespace proofline::studio
