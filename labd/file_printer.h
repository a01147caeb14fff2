// A printer that writes pages into a folder, for labs whose software takes them from there.
#pragma once

#include <filesystem>
#include <string>

#include "labd/printer.h"

namespace proofline::lab {

// Writes FOLDER/ORDER-LINE-COPY.jpg for each copy and before them FOLDER/ORDER-LINE.json, which
// says what they are. An item whose names are taken by another item's ticket (orders of two studios
// may have one number) gets its id into its names. Every file is durable when it appears, and
// writing it again gives the same file: nothing is ever printed twice by a restart.
class FilePrinter : public Printer {
 public:
  explicit FilePrinter(std::filesystem::path folder);

  std::string kind() const override { return "file"; }
  std::string address() const override { return folder_; }
  PrinterHealth Probe(const std::stop_token& stop) override;
  absl::StatusOr<int> Prepare(const Product& product, const std::stop_token& stop) override;
  PrintOutcome Print(const PrintTicket& ticket, record::Submission submission, bool resumed,
                     SubmissionLog& log, const std::stop_token& stop) override;

 private:
  absl::Status Write(const PrintTicket& ticket, int copies);
  // ORDER-LINE, or with the item's id where another item has that.
  std::string StemOf(const PrintTicket& ticket) const;

  const std::filesystem::path folder_;
};

}  // namespace proofline::lab
