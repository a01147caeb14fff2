// Printing over IPP, on a printer directly or through a CUPS queue, at most once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "labd/ipp_printer_client.h"
#include "labd/printer.h"

namespace proofline::lab {

// A submission's steps, each durable before the next is taken:
//   INTENT   a job of the submission's own name is made; it has no document
//   CREATED  its number is known; the document is sent
//   WRITTEN  all of the document has been handed to the network
//   SENT     the printer has said that it has it; the job is followed to its end
// Nothing can print before the document is sent, so a job left at INTENT is cancelled and begun
// anew. Between CREATED and SENT the printer is asked, and where its answer does not settle whether
// the whole page was printed or nothing of it, the outcome is kUnknown: a person decides.
class IppPrinter : public Printer {
 public:
  IppPrinter(std::string uri, std::unique_ptr<IppClient> client);

  std::string kind() const override { return "ipp"; }
  std::string address() const override { return uri_; }
  PrinterHealth Probe(const std::stop_token& stop) override;
  absl::StatusOr<int> Prepare(const Product& product, const std::stop_token& stop) override;
  PrintOutcome Print(const PrintTicket& ticket, record::Submission submission, bool resumed,
                     SubmissionLog& log, const std::stop_token& stop) override;

 private:
  struct Run;
  using Step = std::optional<PrintOutcome>;

  Step Create(Run& run);
  // Cancels jobs that an earlier try may have left. True if there are none any more.
  std::optional<bool> CancelLeftovers(Run& run);
  Step Send(Run& run);
  // Whether the job that is to get the document is still the one that was made.
  Step CheckStillEmpty(Run& run);
  Step Resolve(Run& run);
  Step ResolveEnded(Run& run, const IppJob& job);
  Step ResolveUnended(Run& run, const IppJob& job);
  Step Follow(Run& run);
  // Asks for the submission's job. Without a value: keep asking. NotFound: the printer does not
  // know it, or knows another one by its number.
  std::optional<absl::StatusOr<IppJob>> AskForJob(Run& run);
  void ReportPrinter(Run& run);

  const std::string uri_;
  const std::unique_ptr<IppClient> client_;
};

}  // namespace proofline::lab
