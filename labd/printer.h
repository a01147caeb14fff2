// A way pages leave the lab.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "labd/product.h"
#include "labd/record.pb.h"

namespace proofline::lab {

// One document to print. Points at things of the caller's.
struct PrintTicket {
  std::string studio;
  // Last part of the order's name; a valid id, safe in file names.
  std::string order;
  int line = 0;
  // The item's id; a valid id, unique for ever.
  std::string item;
  const Product* product = nullptr;
  std::filesystem::path page;
  // The first copy of this document, from 1, and how many the item has in all.
  int first_copy = 1;
  int quantity = 1;
};

// How a submission ended.
enum class PrintResult {
  kPrinted,         // every copy of it has left the printer
  kNothingPrinted,  // nothing of it can have been printed, now or later: begin anew
  kUnknown,         // nobody but a person can know whether it was printed
  kStopped,         // the printer gave up; what came out of it only a person can see
  kRefused,         // the printer will never take it; nothing was printed
  kInterrupted,     // the lab is being stopped; go on with the same submission after the restart
};

struct PrintOutcome {
  PrintResult result = PrintResult::kInterrupted;
  // Why, for people; empty for kPrinted and kInterrupted.
  std::string message;
};

// What a printer says of itself.
struct PrinterHealth {
  bool reachable = true;
  // It takes pages now.
  bool ready = true;
  // What it says or what keeps it from printing; empty if nothing does.
  std::string message;
};

// What a printer tells while it works on a submission.
class SubmissionLog {
 public:
  virtual ~SubmissionLog() = default;
  // Makes the next step durable. If it fails the step must not be taken.
  virtual absl::Status Record(const record::Submission& submission) = 0;
  // What the submission waits for.
  virtual void Report(const PrinterHealth& health) = 0;
};

// One thread prints with a printer; Probe and the getters may be called from any.
class Printer {
 public:
  virtual ~Printer() = default;

  // "ipp", "file", and where it is: for people.
  virtual std::string kind() const = 0;
  virtual std::string address() const = 0;

  // Asks the printer. Blocks for some seconds at most.
  virtual PrinterHealth Probe(const std::stop_token& stop) = 0;

  // Most copies of a product that one document can ask for, at least 1. Unavailable: the printer
  // cannot print now, with what it says; FailedPrecondition: it can never print this product, with
  // a sentence that names the paper.
  virtual absl::StatusOr<int> Prepare(const Product& product, const std::stop_token& stop) = 0;

  // Drives a submission to its end from the step that it has. `resumed`: the lab was restarted
  // since the step was stored, and the next one may have been begun. Blocks for as long as the
  // printer takes, waits while it cannot be reached or cannot print, and returns kInterrupted soon
  // after `stop` is requested.
  virtual PrintOutcome Print(const PrintTicket& ticket, record::Submission submission, bool resumed,
                             SubmissionLog& log, const std::stop_token& stop) = 0;
};

}  // namespace proofline::lab
