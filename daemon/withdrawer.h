// Takes photos whose files are gone away from customers.
#pragma once

#include <stop_token>
#include <thread>

#include "absl/status/status.h"
#include "daemon/catalog.h"
#include "daemon/file_rules.h"
#include "daemon/order_book.h"

namespace proofline::studio {

// Withdraws a photo from the host when its grace time is over and its file is still not there. Not
// while its volume is away, and not while an order for it is open: it is looked at again later
// then. The catalog keeps when each photo is due, so a restart changes nothing. One thread; catalog
// and orders must outlive it.
class Withdrawer {
 public:
  Withdrawer(Catalog& catalog, const OrderBook& orders, FileRules rules = FileRules());
  // As Stop().
  ~Withdrawer();

  void Start();
  void Stop();

 private:
  void Run(const std::stop_token& stop);
  absl::Status WithdrawDue();
  absl::Status Decide(const record::Photo& photo);

  Catalog& catalog_;
  const OrderBook& orders_;
  const FileRules rules_;
  std::jthread thread_;
};

}  // namespace proofline::studio
