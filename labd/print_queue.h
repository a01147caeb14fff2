// All printers of the lab and what they share.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "labd/printer_worker.h"
#include "labd/waiting_items.h"
#include "proofline/v1/lab.pb.h"

namespace proofline::lab {

// Owns the printers and their threads. Items of closed jobs are printed oldest first; an item that
// several printers could make goes to the one that is free first. Thread-safe after Recover.
class PrintQueue {
 public:
  struct Setup {
    std::string id;
    std::unique_ptr<Printer> printer;
  };

  // Everything must outlive the queue. The queue becomes the store's listener.
  PrintQueue(JobStore& store, Spool& spool, imaging::WorkerPool& pool, const Products& products,
             rpc::Metrics& metrics, std::vector<Setup> printers);
  // As Stop().
  ~PrintQueue();
  PrintQueue(const PrintQueue&) = delete;
  PrintQueue& operator=(const PrintQueue&) = delete;

  // Takes up what the last run left. Before anything can change jobs, and once. Errors of the
  // store.
  absl::Status Recover();
  // Starts the threads; after Recover.
  void Start();
  // Ends the threads, soon: a page that is in a printer is followed again after the next start.
  void Stop();

  // All printers, by id.
  std::vector<pb::Printer> List() const;
  // NotFound (reason PRINTER_NOT_FOUND).
  absl::StatusOr<pb::Printer> Get(std::string_view id) const;
  // Durable when it returns.
  absl::StatusOr<pb::Printer> SetPaused(std::string_view id, bool paused);

 private:
  using Interrupted = std::map<std::string, std::vector<ItemKey>, std::less<>>;

  void RecoverItem(record::Item& item);
  pb::Printer Describe(const PrinterWorker& worker) const;

  JobStore& store_;
  Spool& spool_;
  const Products& products_;
  PrintParts parts_;
  WaitingItems waiting_;
  std::vector<Setup> setups_;
  std::map<std::string, std::unique_ptr<PrinterWorker>, std::less<>> workers_;
  Interrupted interrupted_;  // from Recover to Start
};

}  // namespace proofline::lab
