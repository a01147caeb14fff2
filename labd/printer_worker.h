// One printer's two threads: one renders ahead, one prints.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "labd/job_store.h"
#include "labd/printer.h"
#include "labd/product.h"
#include "labd/spool.h"
#include "labd/waiting_items.h"
#include "lib/imaging/worker_pool.h"
#include "lib/rpc/metrics.h"

namespace proofline::lab {

// What all printers share; everything must outlive the workers.
struct PrintParts {
  JobStore& store;
  Spool& spool;
  imaging::WorkerPool& pool;
  const Products& products;
  WaitingItems& waiting;
  rpc::Metrics& metrics;
  // Whether a printer other than this one would print the product now.
  std::function<bool(const std::string& product, const std::string& printer)> another_can;
};

// Takes items of its products, at most kAhead before the one that prints, renders their pages into
// the spool, and brings them to the printer one after the other. Every step is in the store before
// the next is taken. The getters and SetPaused may be called from any thread.
class PrinterWorker {
 public:
  static constexpr int kAhead = 2;

  PrinterWorker(std::string id, std::unique_ptr<Printer> printer, bool paused, PrintParts parts);
  ~PrinterWorker();
  PrinterWorker(const PrinterWorker&) = delete;
  PrinterWorker& operator=(const PrinterWorker&) = delete;

  // `interrupted`: items that this printer was printing when the lab ended; they come first.
  void Start(std::vector<ItemKey> interrupted);
  // Asks both threads to end, soon.
  void RequestStop();
  // Waits for them.
  void Join();

  const std::string& id() const { return id_; }
  const std::set<std::string>& products() const { return products_; }
  std::string kind() const { return printer_->kind(); }
  std::string address() const { return printer_->address(); }
  PrinterHealth health() const;
  bool paused() const { return paused_.load(); }
  // The caller has made it durable.
  void SetPaused(bool paused);
  // It would print an item now.
  bool Ready() const;

 private:
  class Log;

  void RenderLoop(const std::stop_token& stop);
  bool Take(const ItemKey& key);
  void Render(const ItemKey& key, const std::stop_token& stop);
  absl::StatusOr<std::string> RenderPage(const record::Item& item, const std::string& studio,
                                         const std::stop_token& stop);

  void PrintLoop(std::vector<ItemKey> interrupted, const std::stop_token& stop);
  void Drive(const ItemKey& key, bool resumed, const std::stop_token& stop);
  // Gets the next submission of an item into the store. False: not now, or not here.
  bool Begin(const ItemKey& key, const Product& product, const std::string& order,
             record::Item& item, const std::stop_token& stop);
  // Stores what became of a submission. True if the item has more to print here.
  bool End(const ItemKey& key, const PrintOutcome& outcome, int tries, record::Item& item,
           const std::stop_token& stop);
  // Lets other printers have what this one cannot print now.
  void GiveBack();
  // Changes an item, however often the disk makes it wait. False: the edit refused, or `stop`.
  bool Settle(const ItemKey& key, const JobStore::ItemEdit& edit, const std::stop_token& stop);
  void SetHealth(const PrinterHealth& health);

  const std::string id_;
  const std::unique_ptr<Printer> printer_;
  PrintParts parts_;
  std::set<std::string> products_;
  rpc::Counter& printed_;
  rpc::Counter& failed_;
  rpc::Counter& held_;
  std::atomic<bool> paused_;
  mutable std::mutex health_mutex_;
  PrinterHealth health_;
  std::stop_source stop_;
  std::jthread render_thread_;
  std::jthread print_thread_;
};

}  // namespace proofline::lab
