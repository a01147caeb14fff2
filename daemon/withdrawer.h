// Takes photos whose files are gone away from customers.
#pragma once

#include <stop_token>
#include <thread>

#include "absl/status/status.h"
#include "daemon/catalog.h"
#include "daemon/file_rules.h"
#include "daemon/folder_hands.h"
#include "daemon/order_book.h"

namespace proofline::studio {

// Withdraws a photo from the host when its grace time is over and its file is still not there. Not
// while its volume is away, and not while an order for it is open: it is looked at again later
// then. The catalog keeps when each photo is due, so a restart changes nothing. One thread; what is
// given must outlive it; it has hands of its own if it is given none.
class Withdrawer {
 public:
  Withdrawer(Catalog& catalog, const OrderBook& orders, FileRules rules = FileRules(),
             FolderHands* hands = nullptr);
  // As Stop().
  ~Withdrawer();

  void Start();
  void Stop();

 private:
  void Run(const std::stop_token& stop);
  absl::Status WithdrawDue(const std::stop_token& stop);
  absl::Status Decide(const record::Photo& photo, const std::stop_token& stop);

  Catalog& catalog_;
  const OrderBook& orders_;
  const FileRules rules_;
  FolderCalls own_calls_;
  FolderHands own_hands_{own_calls_};
  FolderHands& hands_;
  std::jthread thread_;
};

}  // namespace proofline::studio
