#include "daemon/withdrawer.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "daemon/catalog_place.h"
#include "daemon/folder_names.h"
#include "daemon/volume.h"
#include "lib/base/backoff.h"
#include "lib/base/text.h"

namespace proofline::studio {
namespace {

// When a photo is looked at again that cannot be withdrawn yet.
constexpr base::Duration kLater = std::chrono::minutes(10);

}  // namespace

Withdrawer::Withdrawer(Catalog& catalog, const OrderBook& orders, FileRules rules,
                       FolderHands* hands)
    : catalog_(catalog),
      orders_(orders),
      rules_(std::move(rules)),
      hands_(hands != nullptr ? *hands : own_hands_) {}

Withdrawer::~Withdrawer() { Stop(); }

void Withdrawer::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void Withdrawer::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void Withdrawer::Run(const std::stop_token& stop) {
  base::Backoff backoff(std::chrono::milliseconds(200), std::chrono::seconds(30));
  while (catalog_.WaitForDueWithdrawal(stop)) {
    const absl::Status status = WithdrawDue(stop);
    if (status.ok()) {
      backoff.Reset();
      continue;
    }
    if (stop.stop_requested()) return;
    spdlog::error("photos without a file wait to be withdrawn: {}", base::ToStd(status.message()));
    base::WaitFor(stop, backoff.Next());
  }
}

absl::Status Withdrawer::WithdrawDue(const std::stop_token& stop) {
  const absl::StatusOr<std::vector<record::Photo>> due = catalog_.DueWithdrawals();
  if (!due.ok()) return due.status();
  for (const record::Photo& photo : *due) {
    if (absl::Status status = Decide(photo, stop); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Withdrawer::Decide(const record::Photo& photo, const std::stop_token& stop) {
  const record::Place& place = *MainPlace(photo);
  const bool ignored = rules_.KindOfPath(place.root(), place.path()) == FileKind::kIgnored;
  // What the selection keeps here is taken back although its file is there.
  const bool kept = StaysHere(photo);
  if (!kept) {
    const absl::StatusOr<bool> may_return = hands_.Ask(
        place.root(), place.path(),
        [place, ignored] {
          if (IsVolumeAway(place.root(), place.path(), StampOf(place), place.on_submount())) {
            return true;
          }
          return !ignored && !place.displaced() &&
                 ReadListed(place.root(), place.path()).kind != Reading::Kind::kAbsent;
        },
        stop);
    if (absl::IsCancelled(may_return.status())) return may_return.status();
    // A share that does not answer says nothing about what is on it.
    if (!may_return.ok() || *may_return) return catalog_.PutOffWithdrawal(photo.id(), kLater);
  }
  const absl::StatusOr<bool> ordered = orders_.HasOpenOrderFor(photo.id());
  if (!ordered.ok()) return ordered.status();
  if (*ordered) {
    spdlog::info("{} is {}, but stays at the host while an order for it is open",
                 Readable(place.path()), kept ? "kept" : "gone");
    return catalog_.PutOffWithdrawal(photo.id(), kLater);
  }
  spdlog::info("{} is {}; its photo is withdrawn from the host", Readable(place.path()),
               kept ? "kept" : "gone");
  return catalog_.Withdraw(photo.id());
}

}  // namespace proofline::studio
